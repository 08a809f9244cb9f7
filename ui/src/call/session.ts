/** How this client stands with the server. */

import type { DisplayName } from "../generated/DisplayName";
import type { MediaState } from "../generated/MediaState";
import type { ParticipantId } from "../generated/ParticipantId";
import type { RoomName } from "../generated/RoomName";

/** How long the server may take to accept a connection, to welcome, and to let the client in. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Pauses before each new try to reach a lost server; after the last one the call ends. */
const RETRY_PAUSES_MS = [500, 1000, 2000, 4000, 8000, 8000];

/** What the user wants; kept while the call lasts, to enter the room again after the server was lost. */
export interface Wish {
  room: RoomName;
  name: DisplayName;
  media: MediaState;
}

export type Session =
  /** Nothing is wanted, or the call is over. */
  | { type: "off" }
  /** On the way in. `tries` counts the failures since the client was last in the room, if it ever was. */
  | { type: "entering"; step: Step; deadlineMs: number; tries: number | undefined }
  | { type: "in_room"; you: ParticipantId }
  /** The server is lost; the next try begins at `retryAtMs`. */
  | { type: "pausing"; retryAtMs: number; tries: number };

/** What the client waits for on its way in. */
export type Step = "connection" | "welcome" | "admission";

export function connecting(nowMs: number, tries: number | undefined): Session {
  return { type: "entering", step: "connection", deadlineMs: nowMs + ANSWER_TIMEOUT_MS, tries };
}

/** The next step of the way in, with a deadline of its own; other sessions stay as they are. */
export function advance(session: Session, nowMs: number, step: Step): Session {
  return session.type === "entering" ? { ...session, step, deadlineMs: nowMs + ANSWER_TIMEOUT_MS } : session;
}

/**
 * There is another network: what waits for a try does not wait any longer, and what is on its way over the old one begins
 * anew. Gives the new session if a connection is to be opened.
 */
export function handleNetworkChange(session: Session, nowMs: number): Session | undefined {
  switch (session.type) {
    case "pausing":
      return connecting(nowMs, 0);
    case "entering":
      return session.step === "connection" ? connecting(nowMs, session.tries) : undefined;
    case "off":
    case "in_room":
      return undefined;
  }
}

export function isAt(session: Session, wanted: Step): boolean {
  return session.type === "entering" && session.step === wanted;
}

/** The pause before the next try after this many failed ones, or undefined when there were enough. */
export function pausing(nowMs: number, tries: number): Session | undefined {
  const pauseMs = RETRY_PAUSES_MS[tries];
  return pauseMs === undefined ? undefined : { type: "pausing", retryAtMs: nowMs + pauseMs, tries: tries + 1 };
}

export function pollTimeoutMs(session: Session): number | undefined {
  switch (session.type) {
    case "off":
    case "in_room":
      return undefined;
    case "entering":
      return session.deadlineMs;
    case "pausing":
      return session.retryAtMs;
  }
}
