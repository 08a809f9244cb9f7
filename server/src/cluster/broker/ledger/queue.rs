//! The sessions of this node that seek a stranger.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::super::api::{Ask, Event, MOST_BLOCKS, Party, SeekerRecord};
use super::super::batch::{Match, Matched, QueueOperation, Seek};
use super::super::names::{NodeId, SessionKey, Ticket};

#[derive(Debug)]
pub(super) struct Queue {
    node: NodeId,
    seekers: HashMap<SessionKey, Seeker>,
    next_stint: u64,
    operations: VecDeque<Operation>,
    /// Whether there may be records that do not count any more.
    pub(super) wants_sweep: bool,
}

#[derive(Debug)]
struct Seeker {
    record: SeekerRecord,
    stint: u64,
    listing: Listing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// It is to be queued.
    Due,
    /// On its way into the queue.
    Sent,
    /// It was queued over this connection.
    Queued,
    /// The same, and it is to be said again.
    Stale,
}

/// An operation to come; a seeker is taken as it is then, if its stint is still the same.
#[derive(Debug)]
enum Operation {
    Seek(SessionKey, u64),
    Withdraw(SessionKey),
    Places(Vec<SessionKey>),
}

impl Queue {
    pub(super) fn new(node: NodeId) -> Self {
        let (seekers, operations) = (HashMap::new(), VecDeque::new());
        Self { node, seekers, next_stint: 0, operations, wants_sweep: false }
    }

    /// Operations to come.
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn seek(&mut self, mut record: SeekerRecord, is_connected: bool) {
        if self.seekers.contains_key(&record.session) {
            self.widen(record, is_connected);
            return;
        }
        record.blocks.truncate(MOST_BLOCKS);
        let stint = self.next_stint;
        self.next_stint += 1;
        let session = record.session.clone();
        self.seekers.insert(session.clone(), Seeker { record, stint, listing: Listing::Due });
        if is_connected {
            self.operations.push_back(Operation::Seek(session, stint));
        }
    }

    pub(super) fn widen(&mut self, mut record: SeekerRecord, is_connected: bool) {
        let Some(seeker) = self.seekers.get_mut(&record.session) else { return };
        record.blocks.truncate(MOST_BLOCKS);
        record.ticket = seeker.record.ticket.or(record.ticket);
        let session = record.session.clone();
        seeker.record = record;
        match seeker.listing {
            Listing::Due | Listing::Stale => {}
            Listing::Sent | Listing::Queued => {
                seeker.listing = Listing::Stale;
                if is_connected {
                    self.operations.push_back(Operation::Seek(session, seeker.stint));
                }
            }
        }
    }

    pub(super) fn withdraw(&mut self, session: SessionKey, is_connected: bool) {
        if self.seekers.remove(&session).is_some() && is_connected {
            self.operations.push_back(Operation::Withdraw(session));
        }
    }

    pub(super) fn places(&mut self, sessions: Vec<SessionKey>) {
        self.operations.push_back(Operation::Places(sessions));
    }

    /// A connection has begun: what was queued over others does not count any more.
    pub(super) fn assert(&mut self) {
        let mut seekers: Vec<_> = self.seekers.iter_mut().collect();
        seekers.sort_unstable_by_key(|(_, seeker)| seeker.stint);
        for (session, seeker) in seekers {
            seeker.listing = Listing::Due;
            self.operations.push_back(Operation::Seek(session.clone(), seeker.stint));
        }
    }

    /// The connection is lost: who seeks is told over the next one, and withdrawn is who is not told.
    pub(super) fn handle_cut(&mut self, sent: Vec<QueueOperation>, events: &mut VecDeque<Event>) {
        let sent = sent.into_iter().filter_map(|operation| match operation {
            QueueOperation::Places(sessions) => Some(sessions),
            QueueOperation::Seek(_) | QueueOperation::Withdraw(_) => None,
        });
        let waiting =
            std::mem::take(&mut self.operations).into_iter().filter_map(|operation| match operation {
                Operation::Places(sessions) => Some(sessions),
                Operation::Seek(..) | Operation::Withdraw(_) => None,
            });
        let failed = |sessions| Event::Failed { what: Ask::Places(sessions) };
        events.extend(sent.chain(waiting).map(failed));
    }

    /// At most so many operations, in order.
    pub(super) fn poll(&mut self, most: usize) -> Vec<QueueOperation> {
        let seekers = &mut self.seekers;
        let resolve = |operation| match operation {
            Operation::Seek(session, stint) => {
                let seeker = seekers.get_mut(&session).filter(|seeker| seeker.stint == stint)?;
                seeker.poll(session).map(QueueOperation::Seek)
            }
            Operation::Withdraw(session) => Some(QueueOperation::Withdraw(session)),
            Operation::Places(sessions) => Some(QueueOperation::Places(sessions)),
        };
        let operations = std::iter::from_fn(|| self.operations.pop_front());
        operations.filter_map(resolve).take(most).collect()
    }

    pub(super) fn handle_answers(
        &mut self,
        asked: Vec<QueueOperation>,
        answers: Vec<i64>,
        waiting: u32,
        events: &mut VecDeque<Event>,
    ) {
        let mut answers = answers.into_iter();
        for operation in asked {
            match operation {
                QueueOperation::Seek(seek) => {
                    let (Some(ticket), Some(place)) = (answers.next(), answers.next()) else { return };
                    self.handle_sought(*seek, ticket, place, waiting, events);
                }
                QueueOperation::Withdraw(_) => {}
                QueueOperation::Places(sessions) => {
                    let places = sessions.into_iter().zip(answers.by_ref());
                    let waits = |(session, place)| {
                        Some((session, u32::try_from(place).ok().filter(|place| *place > 0)?))
                    };
                    events.push_back(Event::Places { places: places.filter_map(waits).collect(), waiting });
                }
            }
        }
    }

    /// Two were matched, of whom one at least is of this node. Who is left alone by the other of this node goes on waiting,
    /// which `relists` says can be told at once.
    pub(super) fn handle_match(&mut self, matched: Match, relists: bool, events: &mut VecDeque<Event>) {
        let Match { first, second, waited_us } = matched;
        let [first_waits, second_waits] = [&first, &second].map(|one| self.waits(one));
        match (first_waits, second_waits) {
            (Some(false), Some(false)) => {}
            (Some(true), Some(false)) => self.relist(first, relists),
            (Some(false), Some(true)) => self.relist(second, relists),
            (Some(false), None) => {
                events.push_back(Event::Missed { session: first.session, other: second.into() });
            }
            (None, Some(false)) => {
                events.push_back(Event::Missed { session: second.session, other: first.into() });
            }
            (Some(true) | None, Some(true) | None) => {
                self.seekers.remove(&first.session);
                self.seekers.remove(&second.session);
                let waited = Duration::from_micros(waited_us);
                events.push_back(Event::Matched { first: first.into(), second: second.into(), waited });
            }
        }
    }

    fn handle_sought(
        &mut self,
        seek: Seek,
        ticket: i64,
        place: i64,
        waiting: u32,
        events: &mut VecDeque<Event>,
    ) {
        let seeker = self.seekers.get_mut(&seek.session).filter(|seeker| seeker.stint == seek.stint);
        let (Some(seeker), Ok(ticket @ 1..), Ok(place)) =
            (seeker, u64::try_from(ticket), u32::try_from(place))
        else {
            return;
        };
        let ticket = Ticket(ticket);
        seeker.record.ticket = Some(ticket);
        if seeker.listing == Listing::Sent {
            seeker.listing = Listing::Queued;
        }
        events.push_back(Event::Queued { session: seek.session, ticket, place, waiting });
    }

    /// Whether it still waits as it did when it was matched; `None` if it is of another node.
    fn waits(&self, matched: &Matched) -> Option<bool> {
        let is_the_one = |seeker: &Seeker| seeker.stint == matched.stint;
        (matched.node == self.node).then(|| self.seekers.get(&matched.session).is_some_and(is_the_one))
    }

    fn relist(&mut self, Matched { session, ticket, .. }: Matched, relists: bool) {
        let Some(seeker) = self.seekers.get_mut(&session) else { return };
        seeker.record.ticket = Some(ticket);
        let is_on_its_way = matches!(seeker.listing, Listing::Due | Listing::Stale);
        seeker.listing = Listing::Due;
        if relists && !is_on_its_way {
            self.operations.push_back(Operation::Seek(session, seeker.stint));
        }
    }
}

impl Seeker {
    fn poll(&mut self, session: SessionKey) -> Option<Box<Seek>> {
        let is_known = match self.listing {
            Listing::Due => false,
            Listing::Stale => true,
            // It was said already, by another operation.
            Listing::Sent | Listing::Queued => return None,
        };
        self.listing = Listing::Sent;
        let SeekerRecord { identity, ticket, keys, blocks, .. } = &self.record;
        let join =
            |texts: &mut dyn Iterator<Item = &str>, between: &str| texts.collect::<Vec<_>>().join(between);
        Some(Box::new(Seek {
            session,
            stint: self.stint,
            ticket: *ticket,
            identity: identity.as_str().to_owned(),
            blocks: join(&mut blocks.iter().map(|identity| identity.as_str()), "\t"),
            keys: join(&mut keys.iter().map(|key| key.as_str()), "\n"),
            is_known,
        }))
    }
}

impl From<Matched> for Party {
    fn from(Matched { session, node, ticket, .. }: Matched) -> Self {
        Self { session, node, ticket }
    }
}
