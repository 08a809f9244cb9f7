use std::collections::VecDeque;
use std::sync::Arc;

use visavis_protocol::ServerMessage;

/// Messages of one session that are kept; a client that has missed more begins anew.
pub(crate) const MESSAGES_KEPT: usize = 64;

/// The messages to one client, numbered from 1: how many there were, and the last of them.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The number of the last message.
    said: u32,
    /// The messages with the numbers up to `said`.
    kept: VecDeque<Arc<ServerMessage>>,
}

impl Outgoing {
    /// So many were said, of which these were the last.
    pub(super) fn of(said: u32, kept: Vec<ServerMessage>) -> Self {
        let surplus = kept.len().saturating_sub(MESSAGES_KEPT);
        Self { said, kept: kept.into_iter().skip(surplus).map(Arc::new).collect() }
    }

    /// How many there were, and those that are kept.
    pub(super) fn all(&self) -> (u32, impl Iterator<Item = &Arc<ServerMessage>>) {
        (self.said, self.kept.iter())
    }

    /// Counts and keeps a message. `welcome` and `error` answer something that was said on one connection, and are
    /// nothing for another.
    pub(super) fn push(&mut self, message: &Arc<ServerMessage>) {
        if !message.is_counted() {
            return;
        }
        self.said = self.said.wrapping_add(1);
        if self.kept.len() == MESSAGES_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::clone(message));
    }

    /// The client has the first `read` messages.
    pub(super) fn forget(&mut self, read: u32) {
        if let Some(unread) = self.unread(read) {
            self.kept.drain(..self.kept.len() - unread);
            self.kept.shrink_to_fit();
        }
    }

    /// The messages that follow the first `read`, or `None` if they are not all there.
    pub(super) fn after(&self, read: u32) -> Option<Vec<Arc<ServerMessage>>> {
        let unread = self.unread(read)?;
        Some(self.kept.iter().skip(self.kept.len() - unread).cloned().collect())
    }

    /// How many of the kept messages follow the first `read`.
    fn unread(&self, read: u32) -> Option<usize> {
        let unread = usize::try_from(self.said.wrapping_sub(read)).ok()?;
        (unread <= self.kept.len()).then_some(unread)
    }
}
