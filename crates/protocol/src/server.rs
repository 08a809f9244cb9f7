use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::participant::is_off;
use crate::{
    AccessToken, Candidate, Description, Door, ErrorCode, Knock, MediaState, Participant, ParticipantId,
    ReportId, RoomName, SessionToken,
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
        /// Who the client is from now on, if it has shown nothing that says so; to be kept and shown in its next hello.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guest: Option<AccessToken>,
        /// Which paths media may take; all of them without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ice_mode: Option<IceMode>,
        /// Whether the server wants to hear [`Path`](crate::ClientMessage::Path).
        #[serde(default, skip_serializing_if = "is_off")]
        #[ts(optional, as = "Option<bool>")]
        path_reports: bool,
    },
    /// The client is in the room, with these others.
    Joined {
        room: RoomName,
        you: ParticipantId,
        participants: Vec<Participant>,
        /// Whether the client is a host of the room.
        #[serde(default, skip_serializing_if = "is_off")]
        #[ts(optional, as = "Option<bool>")]
        host: bool,
        #[serde(default, skip_serializing_if = "Door::is_open")]
        #[ts(optional, as = "Option<Door>")]
        door: Door,
        /// Which paths media may take in this room, until [`Direct`](Self::Direct); those of the welcome without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ice_mode: Option<IceMode>,
    },
    /// The other would let the receiver know its addresses.
    Consent {
        from: ParticipantId,
    },
    /// Both would: media may take the paths of the welcome.
    Direct,
    /// The client is in the lobby of the room, until `joined`, `turned_away`, or it leaves.
    Waiting {
        room: RoomName,
        you: ParticipantId,
    },
    /// The client waits for a stranger, until `joined` or it leaves.
    Queued {
        /// From 1, for who has waited longest. Told anew when it changes to those among the first 100.
        place: u32,
        waiting: u32,
    },
    /// The client is no longer in the lobby, nor in the room.
    TurnedAway,
    /// To hosts: somebody waits in the lobby.
    Knock(Knock),
    /// To hosts: somebody waits no longer, whatever the reason.
    KnockEnded {
        participant: ParticipantId,
    },
    /// The door of the room is like this from now on.
    Door {
        door: Door,
    },
    /// Somebody in the room, maybe the receiver, is a host of it from now on.
    Host {
        participant: ParticipantId,
    },
    /// A host wants the receiver's microphone off. The receiver's client switches it off.
    Muted {
        by: ParticipantId,
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
    /// The report is where the moderators look.
    Reported {
        report: ReportId,
    },
    /// The two do not meet again by chance. The other is not told.
    Blocked {
        participant: ParticipantId,
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
    /// Every `type`.
    pub const TYPES: [&str; 21] = [
        "welcome",
        "joined",
        "consent",
        "direct",
        "waiting",
        "queued",
        "turned_away",
        "knock",
        "knock_ended",
        "door",
        "host",
        "muted",
        "participant_joined",
        "participant_left",
        "description",
        "candidates",
        "end_of_candidates",
        "media",
        "reported",
        "blocked",
        "error",
    ];

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
    /// A host has taken the participant out of the room.
    Removed,
    /// A host has ended the call for all.
    Ended,
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
