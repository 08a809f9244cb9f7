//! The people of this node who wait in the queue of all nodes.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::{Command, IdentityKey, NodeId, Party, SeekerRecord, SessionKey, Ticket};
use crate::matchmaking::{Seeker, Width};
use crate::sessions::SessionId;

/// How long somebody is kept for the one whom it is to meet, and who is on the way.
const PROMISED_FOR: Duration = Duration::from_secs(3);
/// How long the broker may take to queue somebody who is new.
const UNHEARD_FOR: Duration = Duration::from_secs(5);
/// Whose places are asked for: nobody behind them is among the first 100 of all nodes.
const TOLD_PLACES: usize = 100;

/// All of them. Pure: it says what the broker is to be told. A session is matched only here, by the node that has it: what the
/// broker says of one that does not wait is of no effect.
#[derive(Debug)]
pub(crate) struct Queue {
    widen: Duration,
    waiting: HashMap<SessionId, Waiting>,
    by_key: HashMap<SessionKey, SessionId>,
    /// By when something is to be done about whom.
    due: BTreeSet<(Instant, SessionId)>,
    commands: Vec<Command>,
    unheard: Vec<SessionId>,
}

/// Somebody who seeks, as the broker knows it.
#[derive(Debug, Clone)]
pub(crate) struct Seeking {
    pub(crate) key: SessionKey,
    pub(crate) seeker: Seeker,
    pub(crate) blocks: Vec<IdentityKey>,
}

#[derive(Debug)]
struct Waiting {
    seeking: Seeking,
    since: Instant,
    ticket: Option<Ticket>,
    state: State,
    due: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Listed,
    /// It has no connection, and meets nobody.
    Absent,
    /// Somebody is on the way to meet it.
    Promised {
        to: SessionKey,
        of: NodeId,
    },
}

impl Queue {
    pub(crate) fn new(widen: Duration) -> Self {
        Self {
            widen,
            waiting: HashMap::new(),
            by_key: HashMap::new(),
            due: BTreeSet::new(),
            commands: Vec::new(),
            unheard: Vec::new(),
        }
    }

    /// Somebody seeks, since then and with that ticket if it has sought before.
    pub(crate) fn seek(
        &mut self,
        now: Instant,
        session: SessionId,
        seeking: Seeking,
        since: Instant,
        ticket: Option<Ticket>,
    ) {
        self.leave(session);
        self.by_key.insert(seeking.key.clone(), session);
        self.waiting.insert(session, Waiting { seeking, since, ticket, state: State::Listed, due: None });
        self.list(now, session);
    }

    /// Somebody does not wait any longer. Whether it did.
    pub(crate) fn leave(&mut self, session: SessionId) -> bool {
        let Some(waiting) = self.take(session) else { return false };
        if matches!(waiting.state, State::Listed) {
            self.commands.push(Command::Withdraw { session: waiting.seeking.key });
        }
        true
    }

    pub(crate) fn handle_absence(&mut self, session: SessionId) {
        let Some(waiting) = self.waiting.get_mut(&session) else { return };
        if matches!(waiting.state, State::Listed) {
            self.commands.push(Command::Withdraw { session: waiting.seeking.key.clone() });
        }
        waiting.state = State::Absent;
        self.set_due(session, None);
    }

    pub(crate) fn handle_return(&mut self, now: Instant, session: SessionId) {
        let is_absent = |it: &Waiting| matches!(it.state, State::Absent);
        if self.waiting.get(&session).is_some_and(is_absent) {
            self.list(now, session);
        }
    }

    /// The broker has queued somebody; who that is, if it still waits.
    pub(crate) fn handle_queued(&mut self, key: &SessionKey, ticket: Ticket) -> Option<SessionId> {
        let session = *self.by_key.get(key)?;
        let waiting = self.waiting.get_mut(&session)?;
        waiting.ticket = Some(ticket);
        matches!(waiting.state, State::Listed).then_some(session)
    }

    /// The first of two who are to meet is kept for the second, unless it does not wait.
    pub(crate) fn promise(&mut self, now: Instant, first: &Party, second: &Party) {
        let Some(session) = self.by_key.get(&first.session).copied() else { return };
        let Some(waiting) = self.waiting.get_mut(&session) else { return };
        waiting.ticket = Some(first.ticket);
        if matches!(waiting.state, State::Listed) {
            waiting.state = State::Promised { to: second.session.clone(), of: second.node.clone() };
            self.set_due(session, Some(now + PROMISED_FOR));
        }
    }

    /// The second of two who are to meet waits no longer; who that is, if it did.
    pub(crate) fn take_matched(&mut self, key: &SessionKey) -> Option<SessionId> {
        let session = *self.by_key.get(key)?;
        let is_listed = |it: &&Waiting| matches!(it.state, State::Listed);
        self.waiting.get(&session).filter(is_listed)?;
        self.take(session)?;
        Some(session)
    }

    /// Somebody has come to meet the first, who waits no longer if it was kept for that one.
    pub(crate) fn keep_promise(&mut self, first: &SessionKey, second: &SessionKey) -> Option<SessionId> {
        let session = *self.by_key.get(first)?;
        self.waiting.get(&session).filter(|it| it.is_promised_to(second))?;
        self.take(session);
        Some(session)
    }

    /// The one does not come for whom the other is kept.
    pub(crate) fn break_promise(&mut self, now: Instant, first: &SessionKey, second: &SessionKey) {
        let Some(session) = self.by_key.get(first).copied() else { return };
        if self.waiting.get(&session).is_some_and(|it| it.is_promised_to(second)) {
            self.list(now, session);
        }
    }

    /// Nobody comes from there.
    pub(crate) fn lose_promises(&mut self, now: Instant, node: &NodeId) {
        let is_lost = |it: &Waiting| matches!(&it.state, State::Promised { of, .. } if of == node);
        let lost: Vec<_> =
            self.waiting.iter().filter(|(_, it)| is_lost(it)).map(|(session, _)| *session).collect();
        lost.into_iter().for_each(|session| self.list(now, session));
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, session)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, session));
            let Some(waiting) = self.waiting.get_mut(&session) else { continue };
            waiting.due = None;
            let is_unheard = matches!(waiting.state, State::Listed) && waiting.ticket.is_none();
            if is_unheard && waiting.since + UNHEARD_FOR <= now {
                self.leave(session);
                self.unheard.push(session);
            } else if matches!(waiting.state, State::Listed) {
                self.widen(now, session);
            } else {
                self.list(now, session);
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.waiting.contains_key(&session)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn session_of(&self, key: &SessionKey) -> Option<SessionId> {
        self.by_key.get(key).copied()
    }

    /// Nobody waits here any longer.
    pub(crate) fn clear(&mut self) {
        let sessions: Vec<_> = self.waiting.keys().copied().collect();
        for session in sessions {
            self.leave(session);
        }
    }

    /// Those who wait here for longest.
    pub(crate) fn longest_waiting(&self) -> Vec<SessionKey> {
        let listed = self.waiting.values().filter(|it| matches!(it.state, State::Listed));
        let mut listed: Vec<_> = listed.filter_map(|it| Some((it.ticket?, &it.seeking.key))).collect();
        if listed.len() > TOLD_PLACES {
            listed.select_nth_unstable(TOLD_PLACES);
            listed.truncate(TOLD_PLACES);
        }
        listed.sort_unstable();
        listed.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// What the broker is to be told.
    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Those of whom the broker takes no note. They do not wait any longer.
    pub(crate) fn take_unheard(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.unheard)
    }

    /// Has the broker queue somebody.
    fn list(&mut self, now: Instant, session: SessionId) {
        if let Some(record) = self.record(now, session) {
            self.commands.push(Command::Seek(record));
        }
    }

    /// Has the broker know how little in common is enough by now for somebody whom it has queued.
    fn widen(&mut self, now: Instant, session: SessionId) {
        if let Some(record) = self.record(now, session) {
            self.commands.push(Command::Widen(record));
        }
    }

    fn record(&mut self, now: Instant, session: SessionId) -> Option<Box<SeekerRecord>> {
        let waiting = self.waiting.get_mut(&session)?;
        waiting.state = State::Listed;
        let waited = now.saturating_duration_since(waiting.since);
        let (width, widens_at) = match waited {
            waited if waited < self.widen => (Width::Narrow, Some(waiting.since + self.widen)),
            waited if waited < self.widen * 2 => (Width::Wide, Some(waiting.since + self.widen * 2)),
            _ => (Width::Widest, None),
        };
        let unheard_at = waiting.ticket.is_none().then_some(waiting.since + UNHEARD_FOR);
        let due = [widens_at, unheard_at.filter(|at| *at > now)].into_iter().flatten().min();
        let Seeking { key, seeker, blocks } = &waiting.seeking;
        let record = SeekerRecord {
            session: key.clone(),
            identity: IdentityKey::of(seeker.identity()),
            ticket: waiting.ticket,
            keys: seeker.buckets(width),
            blocks: blocks.clone(),
        };
        self.set_due(session, due);
        Some(Box::new(record))
    }

    fn set_due(&mut self, session: SessionId, due: Option<Instant>) {
        let Some(waiting) = self.waiting.get_mut(&session) else { return };
        if let Some(old) = std::mem::replace(&mut waiting.due, due) {
            self.due.remove(&(old, session));
        }
        self.due.extend(due.map(|due| (due, session)));
    }

    fn take(&mut self, session: SessionId) -> Option<Waiting> {
        self.set_due(session, None);
        let waiting = self.waiting.remove(&session)?;
        self.by_key.remove(&waiting.seeking.key);
        Some(waiting)
    }
}

impl Waiting {
    fn is_promised_to(&self, key: &SessionKey) -> bool {
        matches!(&self.state, State::Promised { to, .. } if to == key)
    }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test fails on whatever it did not expect")]
mod tests {
    use visavis_protocol::{MatchKind, SessionToken};

    use super::*;

    const ADA: SessionId = SessionId(1);
    const WIDEN: Duration = Duration::from_secs(10);

    fn key(name: &str) -> SessionKey {
        SessionKey::of(&SessionToken::new(name).expect("a token"))
    }

    fn party(name: &str, ticket: u64) -> Party {
        let node = NodeId::try_from("n".repeat(12)).expect("a node");
        Party { session: key(name), node, ticket: Ticket(ticket) }
    }

    /// Ada waits since then, with a ticket if she has one.
    fn waiting(now: Instant, ticket: Option<Ticket>) -> Queue {
        let mut queue = Queue::new(WIDEN);
        let identity = "ada".parse().expect("an identity");
        let seeker = Seeker::new(identity, MatchKind::Video, Vec::new(), None);
        queue.seek(now, ADA, Seeking { key: key("ada"), seeker, blocks: Vec::new() }, now, ticket);
        queue
    }

    /// The tickets with which the broker was told of somebody, and whether that one was withdrawn.
    fn told(queue: &mut Queue) -> Vec<Option<Option<Ticket>>> {
        let told = queue.take_commands().into_iter().map(|command| match command {
            Command::Seek(record) | Command::Widen(record) => Some(record.ticket),
            Command::Withdraw { .. } => None,
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn who_is_promised_waits_on_as_before_if_nobody_comes() {
        let start = Instant::now();
        let mut queue = waiting(start, None);
        assert_eq!(told(&mut queue), [Some(None)]);
        assert_eq!(queue.handle_queued(&key("ada"), Ticket(7)), Some(ADA));
        queue.promise(start, &party("ada", 7), &party("bob", 8));
        assert_eq!(queue.poll_timeout(), Some(start + PROMISED_FOR));
        queue.handle_timeout(start + PROMISED_FOR);
        assert_eq!(told(&mut queue), [Some(Some(Ticket(7)))], "with her old ticket");
        assert_eq!(queue.keep_promise(&key("ada"), &key("bob")), None, "he is too late");
        queue.promise(start, &party("ada", 7), &party("eve", 9));
        assert_eq!(queue.keep_promise(&key("ada"), &key("bob")), None, "she is promised to Eve");
        assert_eq!(queue.keep_promise(&key("ada"), &key("eve")), Some(ADA));
        assert!(!queue.has(ADA) && told(&mut queue).is_empty());
    }

    #[test]
    fn who_is_away_is_not_met() {
        let start = Instant::now();
        let mut queue = waiting(start, Some(Ticket(7)));
        queue.handle_absence(ADA);
        assert_eq!(told(&mut queue), [Some(Some(Ticket(7))), None]);
        assert_eq!(queue.take_matched(&key("ada")), None);
        queue.promise(start, &party("ada", 7), &party("bob", 8));
        assert_eq!(queue.keep_promise(&key("ada"), &key("bob")), None);
        queue.handle_return(start, ADA);
        assert_eq!(told(&mut queue), [Some(Some(Ticket(7)))]);
        assert_eq!(queue.take_matched(&key("ada")), Some(ADA));
        assert_eq!(queue.take_matched(&key("ada")), None, "once");
    }

    #[test]
    fn of_whom_nothing_is_heard_is_told_so_soon() {
        let start = Instant::now();
        let mut queue = waiting(start, None);
        queue.handle_timeout(start + UNHEARD_FOR);
        assert_eq!(queue.take_unheard(), [ADA]);
        assert!(!queue.has(ADA));
        assert_eq!(told(&mut queue), [Some(None), None], "and withdrawn");
    }

    #[test]
    fn whose_time_goes_by_is_content_with_less() {
        let start = Instant::now();
        let mut queue = waiting(start, Some(Ticket(7)));
        for due in [start + WIDEN, start + WIDEN * 2] {
            assert_eq!(queue.poll_timeout(), Some(due));
            queue.handle_timeout(due);
        }
        assert_eq!(told(&mut queue), [Some(Some(Ticket(7))); 3]);
        assert_eq!(queue.poll_timeout(), None);
    }
}
