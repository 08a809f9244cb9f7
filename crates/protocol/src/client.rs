use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    AccessToken, Candidate, Description, DisplayName, Door, Interest, MediaState, ParticipantId, PathReport,
    Region, ReportWords, RoomName, SessionToken,
};

/// What a client says to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// First message of a connection; answered by `welcome`, or by `error` with `unsupported_protocol`.
    Hello(Hello),
    /// Enters a room, making it if need be; answered by `joined`, or by `waiting` where a host decides.
    Join(Join),
    /// Leaves the room, its lobby or the queue; the connection stays.
    Leave,
    /// Wants to meet a stranger; answered by `joined`, or by `queued` until somebody comes.
    Seek(Seek),
    /// Leaves the stranger it has met, and seeks another one as it did before.
    Next,
    /// Forwarded to the participant as it is.
    Description { to: ParticipantId, description: Description },
    /// Trickled candidates, RFC 8838; a small batch is allowed.
    Candidates { to: ParticipantId, candidates: Vec<Candidate> },
    /// No more candidates in this generation, RFC 8838 section 8.2.
    EndOfCandidates { to: ParticipantId, ufrag: String },
    /// What this client sends has changed.
    Media(MediaState),
    /// Would let the other know its addresses, in a room where media is relayed until both would.
    Consent,
    /// For hosts of the room.
    Host(HostAction),
    /// Tells the moderators of somebody who is in the room, or was within the last two minutes; answered by `reported`.
    Report(Report),
    /// Never to meet this person again, who is in the room or was within the last two minutes; answered by `blocked`.
    Block { participant: ParticipantId },
    /// How a connection to one of the others in the room came to be or fares, where the welcome asks for it; not answered.
    Path(PathReport),
}

/// What a client wants of a stranger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct Seek {
    pub name: DisplayName,
    pub media: MediaState,
    #[serde(default)]
    #[ts(optional, as = "Option<MatchKind>")]
    pub kind: MatchKind,
    /// Who names any meets, for a while, only who shares one; at most [`MAX_INTERESTS`](crate::MAX_INTERESTS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<Interest>>")]
    pub interests: Vec<Interest>,
    /// Who names one meets, for a while, only who names the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// How strangers want to talk; who wants another way is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    Text,
    Audio,
    #[default]
    Video,
}

/// What a host does with the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum HostAction {
    /// Lets somebody in who waits in the lobby.
    Admit { participant: ParticipantId },
    /// Turns somebody away who waits in the lobby.
    Deny { participant: ParticipantId },
    /// Has a participant switch the microphone off.
    Mute { participant: ParticipantId },
    /// Has everybody but hosts do so.
    MuteAll {},
    /// Takes a participant out of the room, who may not come in again.
    Remove { participant: ParticipantId },
    /// Says who may come in from now on.
    SetDoor { door: Door },
    /// Takes everybody out of the room, which is gone with that.
    End {},
}

/// The first words. Fields that are not known are allowed here, so that every version's hello is understood well enough
/// to be told which version is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
pub struct Hello {
    /// The [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) that the client speaks.
    pub protocol: u32,
    /// Name and version of the client's program, for the operator's logs.
    pub client: String,
    /// The session to go on with, if there was one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Who the client is: what it was invited with, or else what the server once gave it as a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<AccessToken>,
}

/// A client's side of a session that has lost its connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Resume {
    pub session: SessionToken,
    /// How many messages of the server have come in this session; `welcome` and `error` do not count.
    pub received: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct Join {
    pub room: RoomName,
    pub name: DisplayName,
    pub media: MediaState,
    /// The client's stay in this room, if a server has forgotten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// What a client knows of a stay that it wants to go on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// Who the client was. The server takes its word for it if the session's token proves it.
    pub you: ParticipantId,
    /// Who was in the room with it: they may come in again, should the client be the one who opens the room anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<ParticipantId>>")]
    pub others: Vec<ParticipantId>,
    /// How the door was; the room is opened anew with it.
    #[serde(default, skip_serializing_if = "Door::is_open")]
    #[ts(optional, as = "Option<Door>")]
    pub door: Door,
}

/// What somebody has to say about another participant, to those who run the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub participant: ParticipantId,
    pub reason: ReportReason,
    /// May be empty.
    pub words: ReportWords,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    Nudity,
    Harassment,
    /// Somebody is, or seems to be, too young to be here.
    Minor,
    Violence,
    Spam,
    Other,
}

impl ReportReason {
    pub const ALL: [Self; 6] =
        [Self::Nudity, Self::Harassment, Self::Minor, Self::Violence, Self::Spam, Self::Other];

    /// The reason as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nudity => "nudity",
            Self::Harassment => "harassment",
            Self::Minor => "minor",
            Self::Violence => "violence",
            Self::Spam => "spam",
            Self::Other => "other",
        }
    }
}
