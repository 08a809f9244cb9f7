/** How this client stands with the server. */

import type { AccessToken } from "../generated/AccessToken";
import type { Again } from "../generated/Again";
import type { CallState } from "../generated/CallState";
import type { Consent } from "../generated/Consent";
import type { Door } from "../generated/Door";
import type { Join } from "../generated/Join";
import type { MediaState } from "../generated/MediaState";
import type { ParticipantId } from "../generated/ParticipantId";
import type { RoomName } from "../generated/RoomName";
import type { Seek } from "../generated/Seek";
import * as backoff from "./backoff";

/** How long the server may take to accept a connection, to welcome, and to let the client in. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Before it asks again, whatever the server says. */
const LEAST_PAUSE_MS = 100;

/** What the user wants; kept while the call lasts, to enter the room again after the server was lost. */
export interface Wish {
  meeting: Meeting;
  /** Who the user is to the server. */
  token: AccessToken | undefined;
}

/** Whom the user wants to meet: whoever is in a room, or a stranger. As it is said to the server. */
export type Meeting = { type: "join"; payload: Join } | { type: "seek"; payload: Seek };

/** The same, sending something else. */
export function withMedia(meeting: Meeting, media: MediaState): Meeting {
  switch (meeting.type) {
    case "join":
      return { type: "join", payload: { ...meeting.payload, media } };
    case "seek":
      return { type: "seek", payload: { ...meeting.payload, media } };
  }
}

/** The way back into a room that was entered this way. */
export function returning(meeting: Meeting, room: RoomName, again: Again): Meeting {
  const { name, media } = meeting.payload;
  return { type: "join", payload: { room, name, media, again } };
}

export type Session =
  /** Nothing is wanted, or the call is over. */
  | { type: "off" }
  /** On the way in, or back. */
  | { type: "entering"; step: Step; deadlineMs: number; lost: Lost | undefined }
  | { type: "staying"; stay: Stay }
  /** The server is lost; the next try begins at `retryAtMs`. */
  | { type: "pausing"; retryAtMs: number; lost: Lost };

/** Where the client has got to. */
export type Stay =
  /** The queue of those who seek strangers. */
  | { type: "queued"; place: number; waiting: number }
  /** The lobby of the room. */
  | { type: "waiting"; room: RoomName }
  /** With `consent` where media is relayed until both want it otherwise. */
  | { type: "in_room"; room: RoomName; you: ParticipantId; host: boolean; door: Door; consent: Consent | undefined };

/** The same for the user; what is not so, or usual, is not said. */
export function stateOf(stay: Stay): CallState {
  switch (stay.type) {
    case "queued":
    case "waiting":
      return stay;
    case "in_room": {
      const { room, you, host, door, consent } = stay;
      return { type: "in_room", room, you, ...(host && { host }), ...(door !== "open" && { door }), ...(consent && { consent }) };
    }
  }
}

/** A stay whose connection to the server broke. */
export interface Lost {
  stay: Stay;
  /** How often it has tried to come back. */
  tries: number;
  /** Whether the others know that the stay is over: there is none to go on with. */
  isOver: boolean;
}

/** What the client waits for on its way in. */
export type Step =
  | "connection"
  | "welcome"
  | "admission"
  /** The time to ask once more to be let in: the server could not say. */
  | "another_try";

export function connecting(nowMs: number, lost: Lost | undefined): Session {
  return { type: "entering", step: "connection", deadlineMs: nowMs + ANSWER_TIMEOUT_MS, lost };
}

/** The next step of the way in, with a deadline of its own; other sessions stay as they are. */
export function advance(session: Session, nowMs: number, step: Step): Session {
  return session.type === "entering" ? { ...session, step, deadlineMs: nowMs + ANSWER_TIMEOUT_MS } : session;
}

/** The server cannot say at the moment whether it lets the client in, which is to ask again after that pause. */
export function askLater(session: Session, nowMs: number, pauseMs: number): Session {
  if (session.type !== "entering" || session.step !== "admission") return session;
  const pause = Math.min(Math.max(pauseMs, LEAST_PAUSE_MS), ANSWER_TIMEOUT_MS);
  return { ...session, step: "another_try", deadlineMs: nowMs + pause };
}

/**
 * There is another network: what waits for a try does not wait any longer, and what is on its way over the old one begins
 * anew. Gives the new session if a connection is to be opened.
 */
export function handleNetworkChange(session: Session, nowMs: number): Session | undefined {
  switch (session.type) {
    case "pausing":
      return connecting(nowMs, { ...session.lost, tries: 0 });
    case "entering":
      return session.step === "connection" ? connecting(nowMs, session.lost) : undefined;
    case "off":
    case "staying":
      return undefined;
  }
}

/** Whether the client is in the room or its lobby, or was and is on its way back. */
export function isStay(session: Session): boolean {
  switch (session.type) {
    case "staying":
    case "pausing":
      return true;
    case "entering":
      return session.lost !== undefined;
    case "off":
      return false;
  }
}

export function isInRoom(session: Session): boolean {
  return session.type === "staying" && session.stay.type === "in_room";
}

/** Whether the client waits for somebody else to have it come in. */
export function isWaiting(session: Session): boolean {
  return session.type === "staying" && session.stay.type !== "in_room";
}

/** Whether the client waits for the welcome, and was not here before. */
export function isFirstHello(session: Session): boolean {
  return session.type === "entering" && session.step === "welcome" && session.lost === undefined;
}

export function isAt(session: Session, wanted: Step): boolean {
  return session.type === "entering" && session.step === wanted;
}

/** The room that was lost and may be gone on with, as the client was in it. */
export function lostRoom(session: Session): Extract<Stay, { type: "in_room" }> | undefined {
  if (session.type !== "entering" || session.lost === undefined || session.lost.isOver) return undefined;
  return session.lost.stay.type === "in_room" ? session.lost.stay : undefined;
}

/** Who would have a direct path where the client is, or was and is on its way back to. */
export function consent(session: Session): Consent | undefined {
  const stay = session.type === "staying" ? session.stay : session.type === "off" ? undefined : session.lost?.stay;
  return stay?.type === "in_room" ? stay.consent : undefined;
}

/** Whether the server will not have the client back as it was, and there are tries left in which that may change. */
export function mayTryAgain(session: Session): boolean {
  return session.type === "entering" && session.lost !== undefined && !session.lost.isOver && session.lost.tries < backoff.TRIES;
}

/** There is nothing to go on with any more. */
export function withoutStay(session: Session): Session {
  if (session.type !== "entering" || session.lost === undefined) return session;
  return { ...session, lost: { ...session.lost, isOver: true } };
}

/**
 * The pause before the next try, which depends on the seed, or undefined when there were enough. `persists`: there are never
 * enough.
 */
export function pausing(nowMs: number, lost: Lost, seed: string, persists: boolean): Session | undefined {
  if (lost.tries >= backoff.TRIES && !persists) return undefined;
  const retryAtMs = nowMs + backoff.pauseMs(lost.tries, seed);
  return { type: "pausing", retryAtMs, lost: { ...lost, tries: lost.tries + 1 } };
}

export function pollTimeoutMs(session: Session): number | undefined {
  switch (session.type) {
    case "off":
    case "staying":
      return undefined;
    case "entering":
      return session.deadlineMs;
    case "pausing":
      return session.retryAtMs;
  }
}
