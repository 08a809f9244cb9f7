use visavis_protocol::{DisplayName, MediaState, Participant, ParticipantId, Role, ServerMessage};

use super::{ConnectionId, Delivery};

/// One room: its members, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: Vec<Member>,
}

/// Somebody in a room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) connection: ConnectionId,
    pub(super) id: ParticipantId,
    pub(super) name: DisplayName,
    pub(super) media: MediaState,
}

impl Member {
    fn as_seen_with(&self, role: Role) -> Participant {
        Participant { id: self.id.clone(), name: self.name.clone(), media: self.media, role }
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
        self.tell_others(newcomer.connection, &ServerMessage::ParticipantJoined { participant })
    }

    pub(super) fn add(&mut self, member: Member) {
        self.members.push(member);
    }

    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Member> {
        let position = self.members.iter().position(|member| member.connection == connection)?;
        Some(self.members.remove(position))
    }

    pub(super) fn member_mut(&mut self, connection: ConnectionId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.connection == connection)
    }

    pub(super) fn connection_of(&self, id: &ParticipantId) -> Option<ConnectionId> {
        self.members.iter().find(|member| member.id == *id).map(|member| member.connection)
    }

    /// The message for every member but one.
    pub(super) fn tell_others(&self, but: ConnectionId, message: &ServerMessage) -> Vec<Delivery> {
        self.members
            .iter()
            .filter(|member| member.connection != but)
            .map(|member| Delivery { to: member.connection, message: message.clone() })
            .collect()
    }
}
