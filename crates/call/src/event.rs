use serde::{Deserialize, Serialize};
use ts_rs::TS;
use visavis_protocol::{
    DisplayName, Door, LeaveReason, MediaState, Participant, ParticipantId, ReportId, RoomName,
};

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
    /// Somebody who has been here all the time is like this from now on; the server was lost meanwhile.
    ParticipantChanged {
        participant: Participant,
    },
    Media {
        participant: ParticipantId,
        media: MediaState,
    },
    Peer {
        participant: ParticipantId,
        state: PeerState,
    },
    /// Somebody else in the room is a host of it from now on.
    Host {
        participant: ParticipantId,
    },
    /// To hosts: somebody waits in the lobby.
    Knock {
        participant: ParticipantId,
        name: DisplayName,
    },
    /// Somebody waits no longer.
    KnockEnded {
        participant: ParticipantId,
    },
    /// A host wants the own microphone off. Whoever hears this switches it off.
    Muted {
        by: ParticipantId,
    },
    /// What the user reported is where the moderators look; this names it, should the user want to ask after it.
    Reported {
        report: ReportId,
    },
    /// The user and this participant do not meet again by chance.
    Blocked {
        participant: ParticipantId,
    },
    /// A report or a block came to nothing.
    NotKept {
        why: NotKept,
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

/// Why a report or a block came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NotKept {
    /// The participant has been gone for too long.
    TooLate,
    /// The user, or whoever else is at this address, has said too much of that lately.
    TooMany,
    /// The server keeps no reports, or cannot at the moment; or it was lost, and may have kept it or not.
    Unavailable,
}

/// Where this client stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallState {
    /// Not in a call, and none wanted.
    Idle,
    /// On the way into the room.
    Joining,
    /// Waiting for a stranger, at this place among so many.
    Queued { place: u32, waiting: u32 },
    /// In the lobby of the room, until a host decides.
    Waiting { room: RoomName },
    /// In the room, alone or not.
    InRoom {
        room: RoomName,
        you: ParticipantId,
        /// Whether the user is a host of the room.
        #[serde(default, skip_serializing_if = "is_not")]
        #[ts(optional, as = "Option<bool>")]
        host: bool,
        #[serde(default, skip_serializing_if = "is_open")]
        #[ts(optional, as = "Option<Door>")]
        door: Door,
        /// Who would let the other know its addresses, in a room where that is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        consent: Option<Consent>,
    },
    /// The server is lost; media goes on while the connection to the server is tried again.
    Reconnecting,
    /// The call is over: the user left, or it could not go on.
    Ended,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_not(host: &bool) -> bool {
    !host
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_open(door: &Door) -> bool {
    *door == Door::Open
}

/// Who would let the other know its addresses. Media is relayed until both would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    Nobody,
    /// The user, and the other has not said so yet.
    Own,
    /// The other, and the user has not said so yet.
    Other,
    /// Media may take a direct path.
    Both,
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
    /// Whoever the user is to the server has as many connections to it as it may.
    TooManyConnections,
    /// The room is full, for this client or whom it wants to let in.
    RoomFull,
    /// The room is locked, for everybody or for who was removed from it.
    RoomLocked,
    /// The server brings no strangers together.
    MatchingOff,
    /// The hosts did not let this client in.
    TurnedAway,
    /// A host has taken this client out of the room.
    Removed,
    /// A host has ended the call for all.
    EndedByHost,
    /// The server wants an invitation that says who the user is, and there is none, or one that is not valid.
    Unauthorized,
    /// The invitation is for something else.
    Forbidden,
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
            Self::TooManyConnections => "too_many_connections",
            Self::RoomFull => "room_full",
            Self::RoomLocked => "room_locked",
            Self::MatchingOff => "matching_off",
            Self::TurnedAway => "turned_away",
            Self::Removed => "removed",
            Self::EndedByHost => "ended_by_host",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Banned => "banned",
            Self::MessageRefused => "message_refused",
            Self::ServerClosing => "server_closing",
            Self::NegotiationFailed => "negotiation_failed",
            Self::PathFailed => "path_failed",
        }
    }
}
