//! What was said in a session with the server, so that it can go on over another connection.

use std::collections::VecDeque;

use visavis_protocol::{ClientMessage, Resume, SessionToken};

/// Own messages that are kept; a client of which the server has missed more enters its room anew.
const MESSAGES_KEPT: usize = 64;

/// The numbered messages of one session, in both directions.
#[derive(Debug)]
pub(crate) struct Conversation {
    session: SessionToken,
    /// How many messages of the server have come.
    received: u32,
    /// How many own messages there were, sent or not.
    said: u32,
    /// The last of them.
    kept: VecDeque<ClientMessage>,
}

impl Conversation {
    pub(crate) fn new(session: SessionToken) -> Self {
        Self { session, received: 0, said: 0, kept: VecDeque::new() }
    }

    /// Whether it is this session that the server speaks of.
    pub(crate) fn is(&self, session: Option<&SessionToken>) -> bool {
        session == Some(&self.session)
    }

    /// Differs from client to client.
    pub(crate) fn seed(&self) -> &str {
        self.session.as_str()
    }

    pub(crate) fn resume(&self) -> Resume {
        Resume { session: self.session.clone(), received: self.received }
    }

    /// A message of the server has come, understood or not.
    pub(crate) fn handle_received(&mut self) {
        self.received = self.received.wrapping_add(1);
    }

    /// Counts and keeps an own message; the hello belongs to no session.
    pub(crate) fn handle_said(&mut self, message: &ClientMessage) {
        if matches!(message, ClientMessage::Hello(_)) {
            return;
        }
        self.said = self.said.wrapping_add(1);
        if self.kept.len() == MESSAGES_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(message.clone());
    }

    /// The own messages after the first `heard`, or `None` if they are not all there.
    pub(crate) fn after(&self, heard: u32) -> Option<Vec<ClientMessage>> {
        let missed = usize::try_from(self.said.wrapping_sub(heard)).ok()?;
        let known = self.kept.len().checked_sub(missed)?;
        Some(self.kept.iter().skip(known).cloned().collect())
    }
}
