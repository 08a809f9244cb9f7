use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why the server refused something. The codes are stable; the human text beside them may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The client speaks another protocol version. The connection is closed.
    UnsupportedProtocol,
    /// The first message was not `hello`, or none came in time. The connection is closed.
    HelloExpected,
    /// The message is not JSON, not of a known type, or a field is missing or out of range.
    InvalidMessage,
    /// The message is larger than [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES). The connection is closed.
    MessageTooLarge,
    /// The message makes no sense now: a second `hello`, a second `join`.
    UnexpectedMessage,
    /// The room holds as many participants as it may.
    RoomFull,
    /// The room is locked.
    RoomLocked,
    /// The message is for hosts of the room.
    NotHost,
    /// This server brings no strangers together.
    MatchingOff,
    /// The message needs a room and the client is in none.
    NotInRoom,
    /// The addressee is not in the client's room.
    UnknownParticipant,
    /// The client does not read what is sent to it. The connection is closed.
    TooSlow,
    /// The client goes on with its session over another connection. This one is closed.
    Superseded,
    /// The server is going away. The connection is closed.
    ShuttingDown,
    /// The client says more than it may: nothing is lost, but the server reads on later.
    RateLimited,
    /// The server wants a token that says who the client is, and it has shown none, or one that is not valid. The connection is closed.
    Unauthorized,
    /// The client's token does not allow this.
    Forbidden,
    /// The client's person, or address, may not be here. The message says why, until when and where to appeal. The
    /// connection is closed.
    Banned,
    /// This server cannot do that, or not now: it keeps no reports, or has too many to write.
    Unavailable,
}

impl ErrorCode {
    pub const ALL: [Self; 19] = [
        Self::UnsupportedProtocol,
        Self::HelloExpected,
        Self::InvalidMessage,
        Self::MessageTooLarge,
        Self::UnexpectedMessage,
        Self::RoomFull,
        Self::RoomLocked,
        Self::NotHost,
        Self::MatchingOff,
        Self::NotInRoom,
        Self::UnknownParticipant,
        Self::TooSlow,
        Self::Superseded,
        Self::ShuttingDown,
        Self::RateLimited,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Banned,
        Self::Unavailable,
    ];

    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedProtocol => "unsupported_protocol",
            Self::HelloExpected => "hello_expected",
            Self::InvalidMessage => "invalid_message",
            Self::MessageTooLarge => "message_too_large",
            Self::UnexpectedMessage => "unexpected_message",
            Self::RoomFull => "room_full",
            Self::RoomLocked => "room_locked",
            Self::NotHost => "not_host",
            Self::MatchingOff => "matching_off",
            Self::NotInRoom => "not_in_room",
            Self::UnknownParticipant => "unknown_participant",
            Self::TooSlow => "too_slow",
            Self::Superseded => "superseded",
            Self::ShuttingDown => "shutting_down",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Banned => "banned",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
