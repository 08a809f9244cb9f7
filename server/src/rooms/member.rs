//! Who is in a room, or waits to be.

use visavis_protocol::{
    DisplayName, Knock, MediaState, Participant, ParticipantId, Role, RoomName, ServerMessage,
};

use super::Meeting;
use crate::access::Identity;
use crate::sessions::SessionId;

/// Somebody in a room, or in its lobby.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) session: SessionId,
    pub(super) identity: Identity,
    pub(super) id: ParticipantId,
    pub(super) name: DisplayName,
    pub(super) media: MediaState,
    pub(super) standing: Standing,
}

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Guest,
    /// A host because nobody else was.
    ActingHost,
    /// A host because of a token.
    Host,
}

impl Member {
    pub(super) fn is_host(&self) -> bool {
        self.standing != Standing::Guest
    }

    pub(super) fn as_seen_with(&self, role: Role) -> Participant {
        Participant {
            id: self.id.clone(),
            name: self.name.clone(),
            media: self.media,
            role,
            host: self.is_host(),
        }
    }

    pub(super) fn knock(&self) -> ServerMessage {
        ServerMessage::Knock(Knock { participant: self.id.clone(), name: self.name.clone() })
    }

    pub(super) fn meets(&self, other: &Self, room: &RoomName) -> Meeting {
        Meeting {
            of: self.session,
            name: self.name.clone(),
            with: other.session,
            with_id: other.id.clone(),
            with_name: other.name.clone(),
            room: room.clone(),
        }
    }
}
