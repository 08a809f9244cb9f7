use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    Candidate, Description, ErrorCode, MediaState, Participant, ParticipantId, RoomName, SessionToken,
};

/// What the server says to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
#[ts(optional_fields)]
pub enum ServerMessage {
    /// The hello was understood.
    Welcome {
        protocol: u32,
        server: String,
        ice_servers: Vec<IceServer>,
        /// What names this session when its connection is lost; a secret between server and client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionToken>,
        /// There if the session that the hello names goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resumed: Option<Resumed>,
        /// Which paths media may take; all of them without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ice_mode: Option<IceMode>,
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
        /// Milliseconds after which it makes sense to go on, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u32>,
    },
}

impl ServerMessage {
    /// Whether the message has a number in its session. What answers a connection rather than a session has none.
    pub fn is_counted(&self) -> bool {
        !matches!(self, Self::Welcome { .. } | Self::Error { .. })
    }
}

/// The server's side of a session that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Resumed {
    /// How many messages of the client have come in this session; `hello` does not count.
    pub received: u32,
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

/// Which paths media may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum IceMode {
    #[default]
    All,
    /// Through TURN servers alone: no participant learns another's address.
    Relay,
}
