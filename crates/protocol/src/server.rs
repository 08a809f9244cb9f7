use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Candidate, Description, ErrorCode, MediaState, Participant, ParticipantId, RoomName};

/// What the server says to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The hello was understood.
    Welcome {
        protocol: u32,
        server: String,
        ice_servers: Vec<IceServer>,
    },
    /// The client is in the room, with these others.
    Joined {
        room: RoomName,
        you: ParticipantId,
        participants: Vec<Participant>,
    },
    ParticipantJoined {
        participant: Participant,
    },
    ParticipantLeft {
        participant: ParticipantId,
        reason: LeaveReason,
    },
    Description {
        from: ParticipantId,
        description: Description,
    },
    Candidates {
        from: ParticipantId,
        candidates: Vec<Candidate>,
    },
    EndOfCandidates {
        from: ParticipantId,
        ufrag: String,
    },
    Media {
        from: ParticipantId,
        media: MediaState,
    },
    /// A message of the client was refused. The connection stays, unless the code says otherwise.
    Error {
        code: ErrorCode,
        message: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// The participant left on purpose.
    Left,
    /// The participant's connection to the server is gone.
    Disconnected,
}

/// A STUN or TURN server, with the fields of the browser's `RTCIceServer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}
