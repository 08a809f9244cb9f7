/** What clients may say, held to the same shapes and limits as `crates/protocol` holds it. */

export const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_CANDIDATES = 32;
const MAX_INTERESTS = 5;
const MAX_NAME_CHARS = 64;

export type Media = { microphone: boolean; camera: boolean; screen?: boolean };
type Candidate = { candidate: string; mid: string; ufrag: string };
type Description = { kind: "offer" | "answer"; negotiation: number; sdp: string };

export type ClientMessage =
  | { type: "hello"; payload: { protocol: number; client: string } }
  | { type: "seek"; payload: { name: string; media: Media } }
  | { type: "leave" }
  | { type: "next" }
  | { type: "description"; payload: { to: string; description: Description } }
  | { type: "candidates"; payload: { to: string; candidates: Candidate[] } }
  | { type: "end_of_candidates"; payload: { to: string; ufrag: string } }
  | { type: "media"; payload: Media };

type Fields = Record<string, unknown>;

/** A message that is as it should be, or undefined. */
export function parse(text: string): ClientMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { payload } = value;
  switch (value.type) {
    case "leave":
    case "next":
      return only(value, 1) ? (value as ClientMessage) : undefined;
    case "hello":
    case "seek":
    case "description":
    case "candidates":
    case "end_of_candidates":
    case "media":
      return only(value, 2) && isObject(payload) && CHECKS[value.type](payload) ? (value as ClientMessage) : undefined;
    default:
      return undefined;
  }
}

const CHECKS = {
  /** Fields of later versions are let be. */
  hello: ({ protocol, client }: Fields) => isU32(protocol) && typeof client === "string",
  seek: (it: Fields) =>
    isName(it.name) &&
    isObject(it.media) &&
    isMedia(it.media) &&
    (it.kind === undefined || it.kind === "video" || it.kind === "audio" || it.kind === "text") &&
    (it.interests === undefined || isList(it.interests, MAX_INTERESTS, isName)) &&
    (it.region === undefined || isId(it.region)) &&
    only(it, 2 + present(it.kind) + present(it.interests) + present(it.region)),
  description: ({ to, description: it, ...rest }: Fields) =>
    isId(to) &&
    isObject(it) &&
    (it.kind === "offer" || it.kind === "answer") &&
    isU32(it.negotiation) &&
    typeof it.sdp === "string" &&
    only(it, 3) &&
    only(rest, 0),
  candidates: ({ to, candidates, ...rest }: Fields) =>
    isId(to) && isList(candidates, MAX_CANDIDATES, isCandidate) && only(rest, 0),
  end_of_candidates: (it: Fields) => isId(it.to) && typeof it.ufrag === "string" && only(it, 2),
  media: isMedia,
};

function isMedia(it: Fields): boolean {
  return (
    typeof it.microphone === "boolean" &&
    typeof it.camera === "boolean" &&
    (it.screen === undefined || typeof it.screen === "boolean") &&
    only(it, 2 + present(it.screen))
  );
}

function isCandidate(it: unknown): boolean {
  return (
    isObject(it) &&
    typeof it.candidate === "string" &&
    typeof it.mid === "string" &&
    typeof it.ufrag === "string" &&
    only(it, 3)
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether there are so many fields, and so none that nobody knows. */
function only(fields: Fields, count: number): boolean {
  let found = 0;
  for (const _ in fields) found += 1;
  return found === count;
}

function present(value: unknown): 0 | 1 {
  return value === undefined ? 0 : 1;
}

function isList(value: unknown, most: number, is: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(is);
}

function isU32(value: unknown): boolean {
  return typeof value === "number" && (value >>> 0) === value;
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length <= 2 * MAX_NAME_CHARS && /^(?!\s*$)\P{Cc}{1,64}$/u.test(value);
}

function isId(value: unknown): boolean {
  return typeof value === "string" && /^[\p{Alphabetic}\p{N}_.-]{1,64}$/u.test(value);
}
