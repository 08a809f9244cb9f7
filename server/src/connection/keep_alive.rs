//! Whether a client has to be asked for a sign of life. Pure.

use crate::sessions::MESSAGES_KEPT;

/// So many messages that the client may not have read are kept for it without asking.
const MOST_UNREAD: u32 = MESSAGES_KEPT as u32 / 2;

/// What both sides have said to each other. Whoever talks to the server and is answered need not be asked; but only the answer to a
/// ping tells what a client has read.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    /// How many messages of its session the client was sent, over this connection or before.
    said: u32,
    /// How many of them it is known to have read.
    read: u32,
    /// What `said` was at the ping that is not answered yet.
    said_before_ping: Option<u32>,
    /// What `said` was when it was last asked whether to ping.
    said_before: u32,
    /// Whether the client has said something since then; a pong is nothing of its own.
    has_heard: bool,
}

impl KeepAlive {
    /// The session goes on after so many messages.
    pub(super) fn begin(&mut self, read: u32) {
        *self = Self { said: read, read, said_before: read, ..Self::default() };
    }

    /// A message of the session is sent.
    pub(super) fn say(&mut self) {
        self.said = self.said.wrapping_add(1);
    }

    /// The client has said something.
    pub(super) fn hear(&mut self) {
        self.has_heard = true;
    }

    /// The client has answered a ping: how many messages it has read, if that is news. What was sent before the ping has been read, as
    /// a connection keeps the order.
    pub(super) fn hear_pong(&mut self) -> Option<u32> {
        let read = self.said_before_ping.take()?;
        self.read = read;
        Some(read)
    }

    /// Whether to ping now. It is to be asked again within the time that may pass between two pings.
    pub(super) fn wants_ping(&mut self) -> bool {
        let talks = self.has_heard && self.said != self.said_before;
        let unread = self.said.wrapping_sub(self.read);
        self.has_heard = false;
        self.said_before = self.said;
        if talks && unread < MOST_UNREAD {
            return false;
        }
        self.said_before_ping = Some(self.said);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_talks_and_is_answered_is_not_pinged() {
        let mut client = KeepAlive::default();
        client.begin(7);
        for _ in 0..3 {
            client.say();
            client.hear();
            assert!(!client.wants_ping());
        }
        assert!(client.wants_ping(), "nothing more came");
    }

    #[test]
    fn who_is_silent_or_hears_nothing_is_pinged() {
        let mut client = KeepAlive::default();
        client.say();
        assert!(client.wants_ping());
        client.hear();
        assert!(client.wants_ping());
        // An answer is no reason not to ask again.
        client.say();
        assert_eq!(client.hear_pong(), Some(1));
        assert_eq!(client.hear_pong(), None);
        assert!(client.wants_ping());
        assert_eq!(client.hear_pong(), Some(2));
    }

    #[test]
    fn what_is_kept_for_who_talks_is_bounded() {
        let mut client = KeepAlive::default();
        client.begin(u32::MAX - 5);
        for round in 1..=MOST_UNREAD {
            client.say();
            client.hear();
            assert_eq!(client.wants_ping(), round == MOST_UNREAD, "{round}");
        }
        assert_eq!(client.hear_pong(), Some(MOST_UNREAD - 6));
        client.say();
        client.hear();
        assert!(!client.wants_ping());
    }
}
