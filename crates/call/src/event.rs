use serde::{Deserialize, Serialize};
use ts_rs::TS;
use visavis_protocol::{LeaveReason, MediaState, Participant, ParticipantId, RoomName};

/// What the user is told about the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallEvent {
    State {
        state: CallState,
    },
    ParticipantJoined {
        participant: Participant,
    },
    ParticipantLeft {
        participant: ParticipantId,
        reason: LeaveReason,
    },
    Media {
        participant: ParticipantId,
        media: MediaState,
    },
    Peer {
        participant: ParticipantId,
        state: PeerState,
    },
    /// What the server wants the user to read, in its own words; it tells more of the error that follows.
    Notice {
        text: String,
    },
    /// Something went wrong. The code is stable; what follows for the call is told by the states.
    Error {
        code: CallErrorCode,
    },
}

/// Where this client stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallState {
    /// Not in a call, and none wanted.
    Idle,
    /// On the way into the room.
    Joining,
    /// In the room, alone or not.
    InRoom { room: RoomName, you: ParticipantId },
    /// The server is lost; media goes on while the connection to the server is tried again.
    Reconnecting,
    /// The call is over: the user left, or it could not go on.
    Ended,
}

/// How the media path to one participant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    Connecting,
    Connected,
    /// The path is gone and being restored.
    Reconnecting,
    /// It was given up; only a new stay of either side in the room brings it back.
    Failed,
}

/// Everything that can go wrong with a call, by stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CallErrorCode {
    /// The server does not answer; the call ends, or is not begun.
    ServerUnreachable,
    /// The connection to the server broke during the call; it is being restored.
    ServerLost,
    /// What the server says is not this protocol.
    ServerGarbage,
    /// Client and server are of different protocol versions.
    UnsupportedProtocol,
    RoomFull,
    /// The moderators of the server let this person, or this address, not in.
    Banned,
    /// The server refused a message that this client should not have sent: a defect.
    MessageRefused,
    /// The server closes for this client.
    ServerClosing,
    /// The descriptions of the two sides do not fit together.
    NegotiationFailed,
    /// No path for media to the participant could be found, or restored.
    PathFailed,
}

impl CallErrorCode {
    /// The code as users, logs and tests see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerUnreachable => "server_unreachable",
            Self::ServerLost => "server_lost",
            Self::ServerGarbage => "server_garbage",
            Self::UnsupportedProtocol => "unsupported_protocol",
            Self::RoomFull => "room_full",
            Self::Banned => "banned",
            Self::MessageRefused => "message_refused",
            Self::ServerClosing => "server_closing",
            Self::NegotiationFailed => "negotiation_failed",
            Self::PathFailed => "path_failed",
        }
    }
}
