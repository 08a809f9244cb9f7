//! Which paths media may take, and how those who meet agree on more of them.

use visavis_protocol::{IceMode, ParticipantId, ServerMessage};

use super::Room;
use crate::rooms::Delivery;
use crate::rooms::refusal::Refusal;
use crate::sessions::SessionId;

/// Which paths media may take.
#[derive(Debug, Default)]
pub(super) enum Paths {
    /// Those that the welcome says.
    #[default]
    Welcome,
    /// Through relays alone, until everybody would let the others know its addresses, as these would.
    Relayed { consented: Vec<ParticipantId> },
}

impl Paths {
    /// Those of a room that begins; nobody has consented to more than relays.
    pub(super) fn of(relayed: bool) -> Self {
        if relayed { Self::Relayed { consented: Vec::new() } } else { Self::Welcome }
    }

    pub(super) fn are_relayed(&self) -> bool {
        matches!(self, Self::Relayed { .. })
    }
}

impl Room {
    /// A member would let the others know its addresses. Said once more, or where nobody asks, it changes nothing.
    pub(in crate::rooms) fn consent(&mut self, from: SessionId) -> Result<Vec<Delivery>, Refusal> {
        let id = self.member(from).ok_or(Refusal::NotInRoom)?.id.clone();
        let Paths::Relayed { consented } = &mut self.paths else { return Ok(Vec::new()) };
        if consented.contains(&id) {
            return Ok(Vec::new());
        }
        consented.push(id.clone());
        if self.members.len() > 1 && self.members.iter().all(|member| consented.contains(&member.id)) {
            self.paths = Paths::Welcome;
            return Ok(self.tell_all(&ServerMessage::Direct));
        }
        Ok(self.tell_others(from, &ServerMessage::Consent { from: id }))
    }

    /// Which paths media may take, unless the welcome says that.
    pub(super) fn ice_mode(&self) -> Option<IceMode> {
        self.paths.are_relayed().then_some(IceMode::Relay)
    }

    /// Which of the others here have consented already, for somebody who comes.
    pub(super) fn consents_for(&self, session: SessionId) -> Vec<Delivery> {
        let Paths::Relayed { consented } = &self.paths else { return Vec::new() };
        let others = self.members.iter().filter(|member| member.session != session);
        let consents = others.filter(|member| consented.contains(&member.id));
        consents
            .map(|member| ServerMessage::Consent { from: member.id.clone() })
            .map(|message| Delivery { to: session, message })
            .collect()
    }
}
