//! Who waits for a host to be let in.

use visavis_protocol::{ParticipantId, RoomName, ServerMessage};

use super::Room;
use crate::rooms::Delivery;
use crate::rooms::member::Member;
use crate::sessions::SessionId;

impl Room {
    /// Lets somebody wait, and the hosts know.
    pub(in crate::rooms) fn wait(&mut self, name: RoomName, newcomer: Member) -> Vec<Delivery> {
        let waiting = ServerMessage::Waiting { room: name, you: newcomer.id.clone() };
        let mut deliveries = vec![Delivery { to: newcomer.session, message: waiting }];
        deliveries.extend(self.tell_hosts(&newcomer.knock()));
        self.lobby.push(newcomer);
        deliveries
    }

    /// Takes somebody out of the lobby, and tells the hosts.
    pub(in crate::rooms) fn call_up(&mut self, session: SessionId) -> Option<(Member, Vec<Delivery>)> {
        let position = self.lobby.iter().position(|member| member.session == session)?;
        let member = self.lobby.remove(position);
        let told = self.tell_hosts(&ServerMessage::KnockEnded { participant: member.id.clone() });
        Some((member, told))
    }

    pub(in crate::rooms) fn waiting_sessions(&self) -> Vec<SessionId> {
        self.lobby.iter().map(|member| member.session).collect()
    }

    /// Everybody who waits, whom nobody is told of any more.
    pub(in crate::rooms) fn clear_lobby(&mut self) -> Vec<Member> {
        std::mem::take(&mut self.lobby)
    }

    pub(in crate::rooms) fn lobby_mut(&mut self, session: SessionId) -> Option<&mut Member> {
        self.lobby.iter_mut().find(|member| member.session == session)
    }

    pub(in crate::rooms) fn waiting_session_of(&self, id: &ParticipantId) -> Option<SessionId> {
        self.lobby.iter().find(|member| member.id == *id).map(|member| member.session)
    }

    pub(super) fn knocks_for(&self, host: SessionId) -> impl Iterator<Item = Delivery> {
        self.lobby.iter().map(move |member| Delivery { to: host, message: member.knock() })
    }
}
