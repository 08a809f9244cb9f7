use std::collections::VecDeque;

use super::Ticket;
use crate::sessions::SessionId;

/// Everybody who waits, in the order they began to. Who has left is swept out later, so that neither costs more the longer
/// the line is.
#[derive(Debug, Default)]
pub(super) struct Line {
    people: VecDeque<(Ticket, SessionId)>,
    /// How many of them have left.
    gone: usize,
}

impl Line {
    pub(super) fn join(&mut self, ticket: Ticket, session: SessionId) {
        self.people.push_back((ticket, session));
    }

    /// One of those here does not wait any longer; `waits` says who does.
    pub(super) fn leave(&mut self, waits: impl Fn(Ticket, SessionId) -> bool) {
        self.gone += 1;
        while self.people.front().is_some_and(|&(ticket, session)| !waits(ticket, session)) {
            self.people.pop_front();
            self.gone -= 1;
        }
        if self.gone * 2 > self.people.len() {
            self.people.retain(|&(ticket, session)| waits(ticket, session));
            self.gone = 0;
        }
    }

    /// Some of them have left.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ticket, SessionId)> {
        self.people.iter().copied()
    }
}
