/** Limits of the protocol; `crates/protocol/src/limits.rs` holds the same. */

/** Version of the conversation that this client speaks; its first message carries it. */
export const PROTOCOL_VERSION = 1;

/** Longest room name, in characters. */
export const MAX_ROOM_NAME_CHARS = 64;

/** Longest display name, in characters. */
export const MAX_NAME_CHARS = 64;

/** Largest access token, in bytes. */
export const MAX_ACCESS_TOKEN_BYTES = 4096;

/** Largest message of the server, in bytes of JSON. */
export const MAX_SERVER_MESSAGE_BYTES = 128 * 1024;

/** Longest time until a connection is said to have come to be, in milliseconds. */
export const MAX_CONNECT_MS = 60 * 60 * 1000;

/** Most candidates in one `candidates` message. */
export const MAX_CANDIDATES_PER_MESSAGE = 32;
