use std::collections::BTreeMap;

use super::Ticket;
use crate::sessions::SessionId;

/// Others that are looked at in one bucket at most. Whoever is in one together and has not met is apart for a reason, so
/// there are few, unless somebody fills it with sessions that nobody wants.
const LOOKED_AT: usize = 16;

/// Those who would meet somebody over the same thing, in the order they began to wait.
#[derive(Debug, Default)]
pub(super) struct Bucket(BTreeMap<Ticket, SessionId>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) ticket: Ticket,
    pub(super) session: SessionId,
}

impl Bucket {
    pub(super) fn list(&mut self, Place { ticket, session }: Place) {
        self.0.insert(ticket, session);
    }

    pub(super) fn unlist(&mut self, ticket: Ticket) {
        self.0.remove(&ticket);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn longest_waiting(&self) -> impl Iterator<Item = Place> {
        self.0.iter().take(LOOKED_AT).map(|(&ticket, &session)| Place { ticket, session })
    }
}
