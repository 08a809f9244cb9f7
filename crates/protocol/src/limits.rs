/// Longest room name, in characters.
pub const MAX_ROOM_NAME_CHARS: usize = 64;

/// Longest display name, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// Largest access token, in bytes.
pub const MAX_ACCESS_TOKEN_BYTES: usize = 4096;

/// Most interests of one who seeks.
pub const MAX_INTERESTS: usize = 5;

/// Longest text of a report, in characters.
pub const MAX_REPORT_CHARS: usize = 1000;

/// Largest message of a client, in bytes of JSON. A browser's offer for one call has about 8 kB.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Largest message of the server, in bytes of JSON: what it forwards grows by the name of the sender.
pub const MAX_SERVER_MESSAGE_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// Longest time until a connection is said to have come to be, in milliseconds.
pub const MAX_CONNECT_MS: u32 = 60 * 60 * 1000;

/// Most candidates in one [`Candidates`](crate::ClientMessage::Candidates) message.
pub const MAX_CANDIDATES_PER_MESSAGE: usize = 32;
