//! Who is on the way: those who were in the room where it was before, or before it was opened anew.

use visavis_protocol::ParticipantId;

use super::Room;
use super::paths::Paths;
use crate::rooms::member::Standing;
use crate::rooms::memory::Memory;

impl Room {
    /// A room that was elsewhere, whose people are on their way.
    pub(in crate::rooms) fn restored(memory: Memory) -> Self {
        let Memory { door, removed, has_hosts_of_its_own, is_relayed, members, acting_host } = memory;
        let (expected, expected_host) = (members, acting_host);
        Self {
            door,
            removed,
            expected,
            expected_host,
            is_awaiting: true,
            has_hosts_of_its_own,
            paths: Paths::of(is_relayed),
            ..Self::default()
        }
    }

    /// What is to be known of it elsewhere, with so many of those who may not come in again.
    pub(in crate::rooms) fn memory(&self, most_removed: usize) -> Memory {
        let surplus = self.removed.len().saturating_sub(most_removed);
        let acting = self.members.iter().find(|member| member.standing == Standing::ActingHost);
        let here = self.members.iter().map(|member| &member.id);
        Memory {
            door: self.door,
            removed: self.removed.iter().skip(surplus).cloned().collect(),
            has_hosts_of_its_own: self.has_hosts_of_its_own,
            is_relayed: self.paths.are_relayed(),
            members: here.chain(&self.expected).cloned().collect(),
            acting_host: acting.map(|member| member.id.clone()).or_else(|| self.expected_host.clone()),
        }
    }

    /// Whether somebody who is on its way was the host.
    pub(in crate::rooms) fn was_host(&self, id: &ParticipantId) -> bool {
        self.expected_host.as_ref() == Some(id)
    }

    pub(in crate::rooms) fn stop_awaiting(&mut self) {
        (self.is_awaiting, self.expected_host) = (false, None);
    }

    /// Those may come in who were here before.
    pub(in crate::rooms) fn expect(&mut self, ids: Vec<ParticipantId>) {
        self.expected = ids;
    }

    pub(super) fn expects(&self, id: &ParticipantId) -> bool {
        self.expected.contains(id)
    }
}
