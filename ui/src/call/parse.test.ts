import { expect, test } from "vitest";
import type { ServerMessage } from "../generated/ServerMessage";
import { MAX_SERVER_MESSAGE_BYTES } from "./limits";
import { parseServerMessage } from "./parse";

const media = { microphone: true, camera: false };
const messages: ServerMessage[] = [
  { type: "welcome", payload: { protocol: 1, server: "s/1", ice_servers: [{ urls: ["stun:a"] }] } },
  {
    type: "joined",
    payload: { room: "r", you: "me", participants: [{ id: "b", name: "Ben", media, role: "answerer" }] },
  },
  { type: "waiting", payload: { room: "r", you: "me" } },
  { type: "queued", payload: { place: 1, waiting: 2 } },
  { type: "knock", payload: { participant: "b", name: "Ben" } },
  { type: "door", payload: { door: "lobby" } },
  { type: "participant_joined", payload: { participant: { id: "b", name: "Ben", media, role: "offerer" } } },
  { type: "participant_left", payload: { participant: "b", reason: "left" } },
  { type: "description", payload: { from: "b", description: { kind: "offer", negotiation: 1, sdp: "v=0" } } },
  { type: "candidates", payload: { from: "b", candidates: [{ candidate: "c", mid: "0", ufrag: "u" }] } },
  { type: "end_of_candidates", payload: { from: "b", ufrag: "u" } },
  { type: "media", payload: { from: "b", media } },
  { type: "reported", payload: { report: "0199" } },
  { type: "blocked", payload: { participant: "b" } },
  { type: "error", payload: { code: "room_full", message: "full" } },
];

test.each(messages)("$type is read", (message) => {
  expect(parseServerMessage(JSON.stringify(message))).toEqual(message);
});

/** Every message with each of its fields, at any depth, taken away or of another type. */
function damaged(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [typeof value === "string" ? 7 : "text", null];
  return Object.entries(value).flatMap(([key, inner]) =>
    [undefined, ...damaged(inner)].map((replacement) =>
      Array.isArray(value) ? [replacement] : { ...value, [key]: replacement },
    ),
  );
}

test.each(messages)("$type with a damaged field is refused", (message) => {
  const variants = damaged(message);
  expect(variants.length).toBeGreaterThan(5);
  for (const variant of variants) {
    expect(parseServerMessage(JSON.stringify(variant)), JSON.stringify(variant)).toBeUndefined();
  }
});

test("a welcome may name a session, and say how it goes on", () => {
  const welcome = { protocol: 1, server: "s/1", ice_servers: [] };
  const parse = (more: object) => parseServerMessage(JSON.stringify({ type: "welcome", payload: { ...welcome, ...more } }));
  for (const more of [{ session: "t" }, { session: "t", resumed: { received: 2 } }, { session: "t", guest: "g" }, { ice_mode: "relay" }]) {
    expect(parse(more)).toEqual({ type: "welcome", payload: { ...welcome, ...more } });
  }
  for (const more of [{ session: 7 }, { session: "t", resumed: {} }, { session: "t", resumed: { received: -1 } }, { guest: 7 }, { ice_mode: "none" }]) {
    expect(parse(more)).toBeUndefined();
  }
});

test("messages of a word or two are read, and refused when they are damaged", () => {
  const parse = (message: object) => parseServerMessage(JSON.stringify(message));
  expect(parse({ type: "turned_away" })).toEqual({ type: "turned_away" });
  for (const [type, field] of [["knock_ended", "participant"], ["host", "participant"], ["muted", "by"]] as const) {
    const message = { type, payload: { [field]: "b" } };
    expect(parse(message)).toEqual(message);
    expect(parse({ type, payload: { [field]: 7 } })).toBeUndefined();
  }
});

test("a room says only what is unusual about it", () => {
  const parse = (more: object) => parseServerMessage(JSON.stringify({ type: "joined", payload: { room: "r", you: "me", participants: [], ...more } }));
  for (const more of [{}, { host: true }, { door: "locked" }]) expect(parse(more)).toBeDefined();
  for (const more of [{ host: "yes" }, { door: "ajar" }]) expect(parse(more)).toBeUndefined();
});

test.each(['{"type":"applause"}', '{"type":"toString","payload":{}}'])("%s is of a server of tomorrow", (frame) => {
  expect(parseServerMessage(frame)).toBe("unknown");
});

test("an error may say when to go on", () => {
  const parse = (retry_after_ms: unknown) =>
    parseServerMessage(JSON.stringify({ type: "error", payload: { code: "rate_limited", message: "later", retry_after_ms } }));
  expect(parse(20)).toEqual({ type: "error", payload: { code: "rate_limited", message: "later", retry_after_ms: 20 } });
  expect(parse(undefined)).toEqual({ type: "error", payload: { code: "rate_limited", message: "later" } });
  for (const damaged of ["20", -1, {}]) expect(parse(damaged)).toBeUndefined();
});

test.each([
  ["no JSON", "{"],
  ["no object", "[]"],
  ["nothing", "null"],
  ["a type that is none", '{"type":7,"payload":{}}'],
  ["an unknown code", '{"type":"error","payload":{"code":"later","message":""}}'],
  [
    "too many candidates",
    JSON.stringify({
      type: "candidates",
      payload: { from: "b", candidates: Array(33).fill({ candidate: "c", mid: "0", ufrag: "u" }) },
    }),
  ],
  ["too large", JSON.stringify({ type: "error", payload: { code: "room_full", message: "x".repeat(MAX_SERVER_MESSAGE_BYTES) } })],
])("%s is refused", (_, frame) => {
  expect(parseServerMessage(frame)).toBeUndefined();
});

/** xorshift32: the same damage in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % sides;
  };
}

const PIECES = [
  ...['"', "{", "}", "[", "]", ",", ":", "null", "true", "1e999", "-0", "-1", "1.5", "18446744073709551616", "\\u0000", "\\ud800"],
  ...['"__proto__":', '"constructor":{', '"toString":1', '"type":"leave"', '"payload":', '"payload":[]', '""', "\u{1f989}", "[".repeat(5_000)],
];

test("texts that were damaged anyhow never throw, and what is read is a message", () => {
  const roll = dice(0x5eed);
  const texts = messages.map((message) => JSON.stringify(message));
  let [read, refused] = [0, 0];
  for (let round = 0; round < 20_000; round++) {
    let text = texts[roll(texts.length)] ?? "";
    for (let damages = 0; damages <= roll(3); damages++) {
      const at = roll(text.length + 1);
      const until = Math.min(text.length, at + roll(8));
      const other = texts[roll(texts.length)] ?? "";
      const piece = roll(4) === 0 ? other.slice(roll(other.length)) : (PIECES[roll(PIECES.length)] ?? "");
      text = text.slice(0, at) + (roll(3) === 0 ? "" : piece) + text.slice(until);
    }
    const message = parseServerMessage(text);
    if (message === undefined || message === "unknown") {
      refused += 1;
      continue;
    }
    read += 1;
    expect(parseServerMessage(JSON.stringify(message)), text).toEqual(message);
  }
  expect(Math.min(read, refused), `${read} read, ${refused} refused`).toBeGreaterThan(200);
});
