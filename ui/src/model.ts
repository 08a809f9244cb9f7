/** What the screens show of a call, as a pure function of what the engine told. */

import type { CallErrorCode } from "./generated/CallErrorCode";
import type { CallEvent } from "./generated/CallEvent";
import type { CallState } from "./generated/CallState";
import type { CallStats } from "./generated/CallStats";
import type { DeviceErrorCode } from "./generated/DeviceErrorCode";
import type { DeviceKind } from "./generated/DeviceKind";
import type { DeviceList } from "./generated/DeviceList";
import type { MediaState } from "./generated/MediaState";
import type { NotKept } from "./generated/NotKept";
import type { Participant } from "./generated/Participant";
import type { Knock } from "./generated/Knock";
import type { ParticipantId } from "./generated/ParticipantId";
import type { ParticipantLevel } from "./generated/ParticipantLevel";
import type { PeerState } from "./generated/PeerState";
import type { ReportId } from "./generated/ReportId";
import type { Screen } from "./generated/Screen";
import type { ScreenErrorCode } from "./generated/ScreenErrorCode";
import { type EngineEvent, streamKey } from "./engine/CallEngine";
import { heard, SILENT, type Voice } from "./level";

/** Somebody else in the room. */
export interface Other extends Participant {
  peer: PeerState;
  voice: Voice;
  /** How loud it is played; see [volume.ts](./volume.ts). */
  volume: number;
}

/** Somebody who is here, or was: whom the user may report or block. */
export type Person = Pick<Participant, "id" | "name">;

/** What the user last asked of the moderators, and what came of it so far. */
export type Asked =
  | { what: "report" | "block"; answer: "none" }
  | { what: "report" | "block"; answer: "not_kept"; why: NotKept }
  | { what: "report"; answer: "kept"; report: ReportId };

/** Of those who have left so many are known, as to the server. */
const MOST_DEPARTED = 16;

export interface Model {
  call: CallState;
  /** The last thing that went wrong with this call. */
  callError: CallErrorCode | undefined;
  /** What the server says about it, in its own words. */
  notice: string | undefined;
  others: Other[];
  /** Who left within the last two minutes, the latest one at the end. */
  departed: Person[];
  asked: Asked | undefined;
  /** Whether the other's wish for a direct path is none that the user wants to hear of any more. */
  ignoresWish: boolean;
  /** Who waits in the lobby; for hosts. */
  knocks: Knock[];
  /** The host who has muted the user, until that is dismissed or undone. */
  mutedBy: ParticipantId | undefined;
  /** What the user wants to send. */
  own: MediaState;
  /** How loud the own microphone is. */
  voice: Voice;
  devices: DeviceList;
  /** Devices that do not deliver, and why. */
  deviceErrors: Partial<Record<DeviceKind, DeviceErrorCode>>;
  /** Devices that the system's choice stands in for. */
  standIns: ReadonlySet<DeviceKind>;
  /** What can be shared, once it is known. */
  screens: Screen[] | undefined;
  /** Whether the sound of this computer can be shared with it. */
  offersSound: boolean;
  /** Of a screen that is shared with sound: whether the sound is there. */
  sharedSound: boolean | undefined;
  /** Why no screen is shared. */
  screenError: ScreenErrorCode | undefined;
  /** Keys of the streams that run. */
  videos: ReadonlySet<string>;
  soundBlocked: boolean;
  stats: CallStats | undefined;
}

export const INITIAL: Model = {
  call: { type: "idle" },
  callError: undefined,
  notice: undefined,
  others: [],
  departed: [],
  asked: undefined,
  ignoresWish: false,
  knocks: [],
  mutedBy: undefined,
  own: { microphone: true, camera: true },
  voice: SILENT,
  devices: { cameras: [], microphones: [], speakers: [] },
  deviceErrors: {},
  standIns: new Set(),
  screens: undefined,
  offersSound: false,
  sharedSound: undefined,
  screenError: undefined,
  videos: new Set(),
  soundBlocked: false,
  stats: undefined,
};

/** The model after an event. */
export function reduce(model: Model, event: EngineEvent): Model {
  switch (event.type) {
    case "call":
      return reduceCall(model, event.event);
    // The identity is for who keeps the preferences.
    case "guest":
      return model;
    case "devices":
      return { ...model, devices: event.devices };
    case "device_failed":
      return reduceFailure(model, event.error.kind, event.error.code, event.stand_in);
    case "device_returned": {
      const { [event.device]: failed, ...deviceErrors } = model.deviceErrors;
      const own = failed === undefined ? model.own : switched(model.own, event.device, true);
      return { ...model, own, deviceErrors, standIns: without(model.standIns, event.device) };
    }
    case "device_started": {
      const { [event.device]: _, ...deviceErrors } = model.deviceErrors;
      return { ...model, deviceErrors };
    }
    case "screens":
      return { ...model, screens: event.screens, offersSound: event.sound, screenError: event.error?.code };
    case "screen_started":
      return { ...model, own: { ...model.own, screen: true }, screenError: undefined };
    case "screen_ended":
      return { ...model, own: { ...model.own, screen: false }, sharedSound: undefined, screenError: event.error?.code };
    case "screen_sound":
      return { ...model, sharedSound: event.on };
    case "video_started":
      return { ...model, videos: new Set(model.videos).add(streamKey(event.stream)) };
    case "video_ended":
      return { ...model, videos: without(model.videos, streamKey(event.stream)) };
    case "microphone_level":
      return { ...model, voice: heard(model.voice, event.level) };
    case "participant_levels":
      return reduceLevels(model, event.levels);
    case "stats":
      return { ...model, stats: event.stats };
    case "sound_blocked":
      return { ...model, soundBlocked: event.blocked };
  }
}

function reduceCall(model: Model, event: CallEvent): Model {
  switch (event.type) {
    case "state":
      return reduceState(model, event.state);
    case "participant_joined":
      return { ...model, others: [...model.others, newcomer(event.participant)] };
    case "participant_left":
      return reduceLeaving(model, event.participant);
    case "participant_changed":
      return withOther(model, event.participant.id, { host: false, ...event.participant });
    case "media":
      return withOther(model, event.participant, { media: event.media });
    case "peer":
      return withOther(model, event.participant, { peer: event.state });
    case "host":
      return withOther(model, event.participant, { host: true });
    case "knock":
      return { ...model, knocks: [...model.knocks, { participant: event.participant, name: event.name }] };
    case "knock_ended":
      return { ...model, knocks: model.knocks.filter(({ participant }) => participant !== event.participant) };
    case "muted":
      return { ...model, own: { ...model.own, microphone: false }, mutedBy: event.by };
    case "reported":
      return { ...model, asked: { what: "report", answer: "kept", report: event.report } };
    case "blocked":
      return { ...model, asked: model.asked?.what === "block" ? undefined : model.asked };
    case "not_kept":
      return { ...model, asked: model.asked && { what: model.asked.what, answer: "not_kept", why: event.why } };
    case "notice":
      return { ...model, notice: event.text };
    case "error":
      return { ...model, callError: event.code };
  }
}

function reduceState(model: Model, call: CallState): Model {
  switch (call.type) {
    case "joining":
      return { ...model, call, callError: undefined, notice: undefined, stats: undefined, ignoresWish: false };
    case "queued":
    case "waiting":
    case "in_room":
      return { ...model, call, callError: undefined };
    case "idle":
    case "ended":
      return {
        ...model,
        call,
        others: [],
        departed: [],
        asked: undefined,
        knocks: [],
        mutedBy: undefined,
        soundBlocked: false,
        screenError: undefined,
      };
    case "reconnecting":
      return { ...model, call };
  }
}

function reduceLeaving(model: Model, participant: ParticipantId): Model {
  const leaver = model.others.find(({ id }) => id === participant);
  if (leaver === undefined) return model;
  const { id, name } = leaver;
  const departed = [...model.departed, { id, name }].slice(-MOST_DEPARTED);
  return { ...model, departed, others: model.others.filter((other) => other.id !== id) };
}

function newcomer(participant: Participant): Other {
  return { ...participant, peer: "connecting", voice: SILENT, volume: 1 };
}

/** Of whom nothing is told, nothing is heard. */
function reduceLevels(model: Model, levels: ParticipantLevel[]): Model {
  const known = new Map(levels.map(({ participant, level }) => [participant, level]));
  return { ...model, others: model.others.map((other) => ({ ...other, voice: heard(other.voice, known.get(other.id) ?? 0) })) };
}

export function withOther(model: Model, id: ParticipantId, change: Partial<Other>): Model {
  return { ...model, others: model.others.map((other) => (other.id === id ? { ...other, ...change } : other)) };
}

/** A device that failed is off, unless another stands in for it; switching it on tries it again. */
function reduceFailure(model: Model, kind: DeviceKind, code: DeviceErrorCode, standsIn: boolean): Model {
  if (standsIn) return { ...model, standIns: new Set(model.standIns).add(kind) };
  return {
    ...model,
    own: switched(model.own, kind, false),
    deviceErrors: { ...model.deviceErrors, [kind]: code },
    standIns: without(model.standIns, kind),
  };
}

function switched(own: MediaState, kind: DeviceKind, on: boolean): MediaState {
  switch (kind) {
    case "camera":
      return { ...own, camera: on };
    case "microphone":
      return { ...own, microphone: on };
    case "speaker":
      return own;
  }
}

export function without<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  return new Set([...set].filter((other) => other !== item));
}
