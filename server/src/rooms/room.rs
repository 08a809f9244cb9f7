use visavis_protocol::{DisplayName, MediaState, Participant, ParticipantId, Role, RoomName, ServerMessage};

use super::{Delivery, Meeting};
use crate::sessions::SessionId;

/// One room: its members, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: Vec<Member>,
    /// Those of them that have no connection, in the order they lost it.
    absent: Vec<SessionId>,
}

/// Somebody in a room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) session: SessionId,
    pub(super) id: ParticipantId,
    pub(super) name: DisplayName,
    pub(super) media: MediaState,
}

impl Member {
    fn as_seen_with(&self, role: Role) -> Participant {
        Participant { id: self.id.clone(), name: self.name.clone(), media: self.media, role }
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

impl Room {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members as somebody sees them who comes in now: who waited longer answers, so the newcomer offers to all.
    pub(super) fn seen_by_newcomer(&self) -> Vec<Participant> {
        self.members.iter().map(|member| member.as_seen_with(Role::Offerer)).collect()
    }

    /// Tells every member of somebody who comes in now.
    pub(super) fn announce(&self, newcomer: &Member) -> Vec<Delivery> {
        let participant = newcomer.as_seen_with(Role::Answerer);
        self.tell_others(newcomer.session, &ServerMessage::ParticipantJoined { participant })
    }

    pub(super) fn add(&mut self, member: Member) {
        self.members.push(member);
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Member> {
        self.handle_return(session);
        let position = self.members.iter().position(|member| member.session == session)?;
        Some(self.members.remove(position))
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn member(&self, session: SessionId) -> Option<&Member> {
        self.members.iter().find(|member| member.session == session)
    }

    pub(super) fn member_mut(&mut self, session: SessionId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.session == session)
    }

    pub(super) fn session_of(&self, id: &ParticipantId) -> Option<SessionId> {
        self.members.iter().find(|member| member.id == *id).map(|member| member.session)
    }

    pub(super) fn handle_absence(&mut self, session: SessionId) {
        self.absent.push(session);
    }

    pub(super) fn handle_return(&mut self, session: SessionId) {
        self.absent.retain(|absent| *absent != session);
    }

    /// Who has been without a connection for longest.
    pub(super) fn longest_absent(&self) -> Option<(SessionId, ParticipantId)> {
        let session = *self.absent.first()?;
        let member = self.members.iter().find(|member| member.session == session)?;
        Some((session, member.id.clone()))
    }

    /// The message for every member but one.
    pub(super) fn tell_others(&self, but: SessionId, message: &ServerMessage) -> Vec<Delivery> {
        self.members
            .iter()
            .filter(|member| member.session != but)
            .map(|member| Delivery { to: member.session, message: message.clone() })
            .collect()
    }
}
