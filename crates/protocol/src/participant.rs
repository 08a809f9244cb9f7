use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{DisplayName, ParticipantId};

/// What the receiver of the message does in the negotiation with a participant; the server decides.
///
/// The offerer makes the first offer and is the impolite side when both offer at once; the answerer, who waited
/// longer in the room, is polite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Offerer,
    Answerer,
}

/// What a participant sends at the moment. A source that is switched off is not a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct MediaState {
    pub microphone: bool,
    pub camera: bool,
    /// Written only when set: a server of before screens were shared reads strictly, and knows no such field.
    #[serde(default, skip_serializing_if = "is_off")]
    #[ts(optional, as = "Option<bool>")]
    pub screen: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_off(on: &bool) -> bool {
    !on
}

/// Somebody else in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Participant {
    pub id: ParticipantId,
    pub name: DisplayName,
    pub media: MediaState,
    /// The receiver's own role in the negotiation with this participant.
    pub role: Role,
    /// Whether the participant is a host of the room.
    #[serde(default, skip_serializing_if = "is_off")]
    #[ts(optional, as = "Option<bool>")]
    pub host: bool,
}

/// Somebody who waits in the lobby of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Knock {
    /// Stays the same once the participant is in the room.
    pub participant: ParticipantId,
    pub name: DisplayName,
}

/// Who may come into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Everybody.
    #[default]
    Open,
    /// Whom a host lets in from the lobby.
    Lobby,
    /// Nobody, but for hosts.
    Locked,
}

impl Door {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}
