/** Reads text frames of the server, within the limits of the protocol; nothing that it lets through has a wrong shape. */

import type { ServerMessage } from "../generated/ServerMessage";
import { MAX_CANDIDATES_PER_MESSAGE, MAX_SERVER_MESSAGE_BYTES } from "./limits";

/** Whether a value from outside has a shape. */
type Shape = (value: unknown) => boolean;

const text: Shape = (value) => typeof value === "string";
const whole: Shape = (value) => Number.isInteger(value) && (value as number) >= 0;
const flag: Shape = (value) => typeof value === "boolean";
const oneOf = (...words: string[]): Shape => (value) => words.includes(value as string);
const optional = (shape: Shape): Shape => (value) => value === undefined || value === null || shape(value);
const list = (shape: Shape, most = Infinity): Shape => (value) =>
  Array.isArray(value) && value.length <= most && value.every(shape);
const object = (fields: Record<string, Shape>): Shape => (value) =>
  typeof value === "object" &&
  value !== null &&
  Object.entries(fields).every(([name, shape]) => shape((value as Record<string, unknown>)[name]));

const media = object({ microphone: flag, camera: flag, screen: optional(flag) });
const participant = object({ id: text, name: text, media, role: oneOf("offerer", "answerer"), host: optional(flag) });
const door = oneOf("open", "lobby", "locked");
const iceMode = oneOf("all", "relay");
const candidate = object({ candidate: text, mid: text, ufrag: text });
const iceServer = object({ urls: list(text), username: optional(text), credential: optional(text) });
const errorCode = oneOf(
  "unsupported_protocol",
  "hello_expected",
  "invalid_message",
  "message_too_large",
  "unexpected_message",
  "room_full",
  "room_locked",
  "not_host",
  "matching_off",
  "not_in_room",
  "unknown_participant",
  "too_slow",
  "superseded",
  "rate_limited",
  "shutting_down",
  "unauthorized",
  "forbidden",
  "banned",
  "unavailable",
);

const PAYLOADS: Record<ServerMessage["type"], Shape> = {
  welcome: object({
    protocol: whole,
    server: text,
    ice_servers: list(iceServer),
    ice_mode: optional(iceMode),
    session: optional(text),
    resumed: optional(object({ received: whole })),
    guest: optional(text),
    path_reports: optional(flag),
  }),
  joined: object({
    room: text,
    you: text,
    participants: list(participant),
    host: optional(flag),
    door: optional(door),
    ice_mode: optional(iceMode),
  }),
  consent: object({ from: text }),
  direct: () => true,
  queued: object({ place: whole, waiting: whole }),
  waiting: object({ room: text, you: text }),
  turned_away: () => true,
  knock: object({ participant: text, name: text }),
  knock_ended: object({ participant: text }),
  door: object({ door }),
  host: object({ participant: text }),
  muted: object({ by: text }),
  participant_joined: object({ participant }),
  participant_left: object({ participant: text, reason: oneOf("left", "disconnected", "removed", "ended") }),
  description: object({
    from: text,
    description: object({ kind: oneOf("offer", "answer"), negotiation: whole, sdp: text }),
  }),
  candidates: object({ from: text, candidates: list(candidate, MAX_CANDIDATES_PER_MESSAGE) }),
  end_of_candidates: object({ from: text, ufrag: text }),
  media: object({ from: text, media }),
  reported: object({ report: text }),
  blocked: object({ participant: text }),
  error: object({ code: errorCode, message: text, retry_after_ms: optional(whole) }),
};

/** The message in a text frame; "unknown" if only later servers know its type, and undefined if it is none of this protocol. */
export function parseServerMessage(frame: string): ServerMessage | "unknown" | undefined {
  if (new TextEncoder().encode(frame).length > MAX_SERVER_MESSAGE_BYTES) return undefined;
  const message = parseJson(frame);
  if (typeof message !== "object" || message === null) return undefined;
  const { type, payload } = message as { type?: unknown; payload?: unknown };
  if (typeof type !== "string") return undefined;
  if (!Object.hasOwn(PAYLOADS, type)) return "unknown";
  return PAYLOADS[type as ServerMessage["type"]](payload) ? (message as ServerMessage) : undefined;
}

function parseJson(frame: string): unknown {
  try {
    return JSON.parse(frame);
  } catch {
    return undefined;
  }
}
