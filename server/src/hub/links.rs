//! What the hub says over connections.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tracing::debug;
use visavis_protocol::ServerMessage;

use super::mailbox::{Full, Outbox};
use super::{Dismissal, Hub};
use crate::rooms::Delivery;
use crate::sessions::ConnectionId;

/// A connection, as far as the hub is concerned.
#[derive(Debug)]
pub(super) enum Link {
    Open(Outbox),
    /// It is at another node.
    Away,
    /// Told to go; what it still says is ignored.
    Dismissed,
}

/// What became of a message on its way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Posted {
    /// It is queued, or the connection is over and says so next.
    Queued,
    Overflowed,
}

impl Hub {
    /// Queues messages. A client whose queue is full is dismissed, and its room is told.
    pub(super) fn deliver(&mut self, now: Instant, deliveries: Vec<Delivery>) {
        let mut pending = VecDeque::from(deliveries);
        while let Some(Delivery { to, message }) = pending.pop_front() {
            if let ServerMessage::Error { code, .. } = &message {
                self.metrics.error(*code);
            }
            if matches!(message, ServerMessage::Joined { .. }) {
                self.metrics.joins.inc();
            }
            let Some((connection, message)) = self.sessions.say(to, message) else { continue };
            match self.queue(connection, message) {
                Posted::Queued => {}
                Posted::Overflowed => {
                    self.sessions.end(to);
                    pending.extend(self.conclude(now, to));
                }
            }
        }
    }

    /// Queues a message; a client whose queue is full is dismissed.
    pub(super) fn post(&mut self, connection: ConnectionId, message: Arc<ServerMessage>) {
        self.queue(connection, message);
    }

    pub(super) fn dismiss(&mut self, connection: ConnectionId, dismissal: Dismissal) {
        let Some(link) = self.links.get_mut(&connection) else { return };
        match std::mem::replace(link, Link::Dismissed) {
            Link::Open(outbox) => outbox.dismiss(dismissal),
            Link::Away => self.dismiss_away(connection, dismissal),
            Link::Dismissed => {}
        }
    }

    fn queue(&mut self, connection: ConnectionId, message: Arc<ServerMessage>) -> Posted {
        let outbox = match self.links.get_mut(&connection) {
            Some(Link::Open(outbox)) => outbox,
            Some(Link::Away) => {
                self.post_away(connection, &message);
                return Posted::Queued;
            }
            Some(Link::Dismissed) | None => return Posted::Queued,
        };
        match outbox.post(message) {
            Ok(()) => {
                self.metrics.messages_sent.inc();
                Posted::Queued
            }
            Err(Full) => {
                debug!(connection = connection.0, "a client does not read what is sent to it");
                self.dismiss(connection, Dismissal::TooSlow);
                Posted::Overflowed
            }
        }
    }
}
