import type { AccessToken } from "../generated/AccessToken";
import type { CameraChoice } from "../generated/CameraChoice";
import type { DisplayName } from "../generated/DisplayName";
import type { Event } from "../generated/Event";
import type { HostAction } from "../generated/HostAction";
import type { MicrophoneChoice } from "../generated/MicrophoneChoice";
import type { NoiseSuppression } from "../generated/NoiseSuppression";
import type { ParticipantId } from "../generated/ParticipantId";
import type { Report } from "../generated/Report";
import type { RoomName } from "../generated/RoomName";
import type { ScreenChoice } from "../generated/ScreenChoice";
import type { SpeakerChoice } from "../generated/SpeakerChoice";
import type { StreamId } from "../generated/StreamId";
import type { VoiceSettings } from "../generated/VoiceSettings";
import type { Volume } from "../generated/Volume";
import type { LumaPlane } from "./browser/marker";

/** What an engine tells: the events both engines share, and what only a web page has to ask its user for. */
export type EngineEvent = Event | { type: "sound_blocked"; blocked: boolean };

/** Where the page starts and what it may decide by itself. */
export interface Launch {
  /** Origin of the one server there is, or undefined where the user chooses it. */
  server: string | undefined;
  /** The link the user came by, as text, if any. */
  link: string | undefined;
  /** Whether that server brings strangers together; where it is not known, it will say so. */
  strangers: boolean;
  /** Whether that server keeps reports and blocks; where it is not known, it will say so. */
  reports: boolean;
  /** Enter its room at once, whatever the devices: the user said so when starting the app. */
  enter: boolean;
}

/**
 * A whole call: devices, signaling and media of this client.
 *
 * Commands return at once; what becomes of them is told by events. Two implementations exist, and only
 * [create.ts](./create.ts) knows which one runs.
 */
export interface CallEngine {
  /** Hears every event from now on; the returned function ends that. */
  subscribe(listener: (event: EngineEvent) => void): () => void;
  launch(): Promise<Launch>;
  /** What is done to the own voice until the user says otherwise. */
  readonly usualVoice: VoiceSettings;
  /** What noise suppression there is to choose from. */
  readonly noiseSuppressions: readonly NoiseSuppression[];

  /** Look for devices; answered by `devices`, which also comes when one is plugged in or out. */
  listDevices(): void;
  selectCamera(camera: CameraChoice): void;
  selectMicrophone(microphone: MicrophoneChoice): void;
  selectSpeaker(speaker: SpeakerChoice): void;
  /** What is done to the own voice before the others hear it; the tone and files are sent as they are. */
  setVoiceProcessing(settings: VoiceSettings): void;
  /** How loud everybody together is played. */
  setOutputVolume(volume: Volume): void;
  /** How loud a participant is played among the others, until the end of this stay. */
  setParticipantVolume(participant: ParticipantId, volume: Volume): void;
  /** Show the own picture and meter the own voice before a call; a call in progress shows them anyway. */
  setPreview(on: boolean): void;
  /** Switching on a device that failed tries it again. */
  setMicrophone(on: boolean): void;
  setCamera(on: boolean): void;
  /** Who asks the user what to share: this page, out of a list, or the system; `none` where nothing can be shared. */
  readonly screenPicker: "page" | "system" | "none";
  /** Look for what can be shared; answered by `screens`. For a page that asks. */
  listScreens(): void;
  /** Show the others a screen or a window, beside the camera; answered by `screen_started` or `screen_ended`. To be called
   * from a click. @param screen what the user chose, if it is this page that asked @param sound let them hear what it plays,
   * but for the call, where that can be had; told by `screen_sound` */
  shareScreen(screen?: ScreenChoice, sound?: boolean): void;
  stopScreen(): void;
  /** Play the sound that the browser holds back until the user acts; to be called from a click. */
  allowSound(): void;

  /** @param call.token what the user was invited with, or else what a `guest` event once gave for this server */
  join(call: { server: string; room: RoomName; name: DisplayName; token?: AccessToken }): void;
  /** Meet a stranger whom the server finds. */
  seek(call: { server: string; name: DisplayName; token?: AccessToken }): void;
  /** Leave the stranger, and meet another one. */
  next(): void;
  leave(): void;
  /** Let the stranger know the user's addresses, for a direct path, once they would do so too; until the end of this stay. */
  consent(): void;
  /** Tell the moderators of somebody who is here, or was within the last two minutes; answered by `reported` or `not_kept`. */
  report(report: Report): void;
  /** Never meet such a person again by chance; answered by `blocked` or `not_kept`. */
  block(participant: ParticipantId): void;
  /** What the user, a host of the room, wants done with it. */
  host(action: HostAction): void;

  /** Shows a stream inside a host element, now or as soon as it starts, until the returned function is called. */
  mountVideo(stream: StreamId, host: HTMLElement): () => void;
  /** Access to what is received, for tests. */
  readonly probe: EngineProbe;
}

/** Reads received media back. */
export interface EngineProbe {
  /** Hears the brightness of each frame of a stream that is running, until the returned function is called. */
  watchFrames(stream: StreamId, onFrame: (picture: LumaPlane) => void): () => void;
  /** The sound of all other participants as it is played, or undefined where it is not this page that plays it. */
  remoteSound(): AnalyserNode | undefined;
}

/** One text for a stream, to keep it in maps. */
export function streamKey(stream: StreamId): string {
  switch (stream.type) {
    case "own":
      return "own";
    case "participant":
      return `participant:${stream.participant}`;
    case "screen":
      return `screen:${stream.participant}`;
  }
}
