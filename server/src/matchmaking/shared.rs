//! Strangers who wait in one queue for several nodes.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use visavis_protocol::Seek;

use super::strangers::{Line, Wish, queued};
use super::{Meeting, Strangers};
use crate::access::Identity;
use crate::cluster::{Command, IdentityKey, NodeId, Party, Queue, Seeking, SessionKey, Ticket};
use crate::config::MatchingConfig;
use crate::rooms::Delivery;
use crate::sessions::SessionId;

/// What somebody seeks, on its way to another node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackedWish {
    seek: Seek,
    ticket: Option<Ticket>,
    waited_ms: u64,
}

impl Strangers {
    /// People who wait in the queue of all nodes.
    pub(crate) fn shared(config: MatchingConfig) -> Self {
        Self::waiting_in(Line::Shared(Queue::new(config.widen)))
    }

    /// Has somebody wait with the others, for as long as it has sought by now.
    pub(crate) fn list(
        &mut self,
        now: Instant,
        session: SessionId,
        key: SessionKey,
        blocks: Vec<IdentityKey>,
    ) {
        let Line::Shared(queue) = &mut self.line else { return };
        let Some(wish) = self.wishes.get(&session) else { return };
        let seeking = Seeking { key, seeker: wish.seeker(), blocks };
        queue.seek(now, session, seeking, wish.since, wish.ticket);
    }

    /// What a session seeks that goes to another node.
    pub(crate) fn pack(&mut self, now: Instant, session: SessionId) -> Option<PackedWish> {
        if let Line::Shared(queue) = &mut self.line {
            queue.leave(session);
        }
        let Wish { seek, since, ticket, .. } = self.wishes.remove(&session)?;
        let waited = now.saturating_duration_since(since);
        Some(PackedWish { seek, ticket, waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX) })
    }

    /// A session has come that seeks this, or has sought it.
    pub(crate) fn unpack(
        &mut self,
        now: Instant,
        session: SessionId,
        identity: Identity,
        packed: PackedWish,
    ) {
        let PackedWish { seek, ticket, waited_ms } = packed;
        let since = now.checked_sub(Duration::from_millis(waited_ms)).unwrap_or(now);
        self.wishes.insert(session, Wish { identity, seek, since, ticket, told: 0 });
    }

    /// The broker has queued somebody; what that one is told.
    pub(crate) fn handle_queued(
        &mut self,
        key: &SessionKey,
        ticket: Ticket,
        place: u32,
        waiting: u32,
    ) -> Option<Delivery> {
        let Line::Shared(queue) = &mut self.line else { return None };
        let session = queue.handle_queued(key, ticket)?;
        self.wishes.get_mut(&session)?.ticket = Some(ticket);
        self.tell_place(session, place, waiting)
    }

    /// Where people wait by now; what those are told of it for whom that is news.
    pub(crate) fn handle_places(&mut self, places: Vec<(SessionKey, u32)>, waiting: u32) -> Vec<Delivery> {
        let mut told = Vec::new();
        for (key, place) in places {
            let Line::Shared(queue) = &self.line else { return told };
            let session = queue.session_of(&key);
            told.extend(session.and_then(|session| self.tell_place(session, place, waiting)));
        }
        told
    }

    /// The first of two who are to meet is kept for the second, unless it does not wait.
    pub(crate) fn promise(&mut self, now: Instant, first: &Party, second: &Party) {
        if let Line::Shared(queue) = &mut self.line {
            queue.promise(now, first, second);
        }
    }

    /// The second of two who are to meet waits no longer; who that is, if it did.
    pub(crate) fn take_matched(&mut self, second: &Party) -> Option<SessionId> {
        let Line::Shared(queue) = &mut self.line else { return None };
        let session = queue.take_matched(&second.session)?;
        if let Some(wish) = self.wishes.get_mut(&session) {
            wish.ticket = Some(second.ticket);
        }
        Some(session)
    }

    /// Somebody has come to meet the first, who waits no longer if it was kept for that one.
    pub(crate) fn keep_promise(
        &mut self,
        first: &SessionKey,
        second: SessionId,
        key: &SessionKey,
    ) -> Option<Meeting> {
        let stranger = self.stranger(second)?;
        let Line::Shared(queue) = &mut self.line else { return None };
        let first = queue.keep_promise(first, key)?;
        let first = self.stranger(first)?;
        Some(Meeting { first, second: stranger, waited: Duration::ZERO })
    }

    pub(crate) fn break_promise(&mut self, now: Instant, first: &SessionKey, second: &SessionKey) {
        if let Line::Shared(queue) = &mut self.line {
            queue.break_promise(now, first, second);
        }
    }

    pub(crate) fn lose_promises(&mut self, now: Instant, node: &NodeId) {
        if let Line::Shared(queue) = &mut self.line {
            queue.lose_promises(now, node);
        }
    }

    /// Those who wait here for longest.
    pub(crate) fn longest_waiting(&self) -> Vec<SessionKey> {
        match &self.line {
            Line::Own(_) => Vec::new(),
            Line::Shared(queue) => queue.longest_waiting(),
        }
    }

    /// Nobody here seeks any more.
    pub(crate) fn close(&mut self) {
        if let Line::Shared(queue) = &mut self.line {
            queue.clear();
        }
    }

    /// What the broker is to be told.
    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        match &mut self.line {
            Line::Own(_) => Vec::new(),
            Line::Shared(queue) => queue.take_commands(),
        }
    }

    /// Those of whom the broker takes no note. They do not wait any longer.
    pub(crate) fn take_unheard(&mut self) -> Vec<SessionId> {
        let Line::Shared(queue) = &mut self.line else { return Vec::new() };
        let unheard = queue.take_unheard();
        for session in &unheard {
            self.wishes.remove(session);
        }
        unheard
    }

    fn tell_place(&mut self, session: SessionId, place: u32, waiting: u32) -> Option<Delivery> {
        let wish = self.wishes.get_mut(&session)?;
        let known = usize::try_from(place).unwrap_or(usize::MAX);
        if std::mem::replace(&mut wish.told, known) == known {
            return None;
        }
        Some(queued(session, known, usize::try_from(waiting).unwrap_or(usize::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use visavis_protocol::{DisplayName, MediaState, SessionToken};

    use super::super::Sought;
    use super::*;
    use crate::access::Grant;

    const ADA: SessionId = SessionId(1);

    #[test]
    fn who_seeks_once_more_is_told_where_it_waits_though_it_is_where_it_was() {
        let (now, nobody) = (Instant::now(), |_: &Identity, _: &Identity| false);
        let mut strangers = Strangers::shared(MatchingConfig { enabled: true, ..MatchingConfig::default() });
        let key = SessionKey::of(&SessionToken::new("ada").expect("a token"));
        let (name, media) = (DisplayName::new("Ada").expect("a name"), MediaState::default());
        let (kind, interests, region) = Default::default();
        let seek = Seek { name, media, kind, interests, region };
        let sought = strangers.seek(now, ADA, &Grant::guest("guest:1"), seek, &nobody);
        assert!(matches!(sought, Ok(Sought::Shared)));
        let tells = |strangers: &mut Strangers, ticket| {
            strangers.list(now, ADA, key.clone(), Vec::new());
            [1, 2].map(|_| strangers.handle_queued(&key, Ticket(ticket), 1, 1).is_some())
        };
        assert_eq!(tells(&mut strangers, 7), [true, false]);
        assert!(matches!(strangers.next(now, ADA, &nobody), Ok(Sought::Shared)));
        assert_eq!(tells(&mut strangers, 8), [true, false], "she does not know that she waits");
    }
}
