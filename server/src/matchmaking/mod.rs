//! Who waits for a stranger, and who meets whom: first in, first out, among those who suit each other. Pure.
//!
//! Everybody is listed in one bucket for each thing that they would meet somebody over: an interest, an interest in their
//! region, anything. Two suit each other if they have a bucket in common, so a newcomer meets whoever waited longest in its
//! own buckets; nobody else is looked at, however many wait. Who waits for long is listed in wider buckets too.

mod bucket;
mod crowd;
mod line;
mod past;
mod seeker;
mod shared;
mod strangers;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::time::Instant;

use crate::access::Identity;
use crate::config::MatchingConfig;
use crate::sessions::{IdMap, SessionId};
use bucket::{Bucket, Place, Remains};
pub use crowd::Crowd;
use line::Line;
use past::Past;
use seeker::Key;
pub(crate) use seeker::{Seeker, Width};
pub(crate) use shared::PackedWish;
pub(crate) use strangers::{Meeting, Sought, Strangers};

/// Who hears when its place in the line changes: those at the front of it.
const TOLD_PLACES: usize = 100;

/// Says whether either of two does not want to meet the other.
pub(crate) type Blocked<'a> = dyn Fn(&Identity, &Identity) -> bool + 'a;

/// When somebody began to wait, among all who do.
type Ticket = u64;

/// Two who meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    /// Waited longer.
    first: SessionId,
    second: SessionId,
}

/// What became of somebody who seeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Met(Pair),
    /// Waits, behind so many others less one.
    Queued {
        place: usize,
    },
}

/// Everybody who waits.
#[derive(Debug)]
struct Matchmaker {
    config: MatchingConfig,
    next_ticket: Ticket,
    /// Boxed: of a table that is half empty, little is to lie between those who are looked at together.
    waiting: IdMap<SessionId, Box<Waiting>>,
    buckets: HashMap<Key, Bucket>,
    line: Line,
    past: Past,
    /// When who is listed wider, in that order: first for the first time, then for the second.
    widenings: [VecDeque<(Instant, Ticket, SessionId)>; 2],
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    seeker: Seeker,
    width: Width,
    /// Whether it can be met now: it has a connection.
    is_present: bool,
}

impl Matchmaker {
    fn new(config: MatchingConfig) -> Self {
        Self {
            config,
            next_ticket: 0,
            waiting: IdMap::default(),
            buckets: HashMap::new(),
            line: Line::default(),
            past: Past::default(),
            widenings: [VecDeque::new(), VecDeque::new()],
        }
    }

    /// Somebody seeks, who does not wait yet.
    fn seek(
        &mut self,
        now: Instant,
        session: SessionId,
        seeker: Seeker,
        is_blocked: &Blocked<'_>,
    ) -> Outcome {
        self.leave(session);
        self.past.forget(now);
        if let Some(other) = self.longest_waiting(&seeker, Width::Narrow, is_blocked) {
            self.take(now, other.session, seeker.identity);
            return Outcome::Met(Pair { first: other.session, second: session });
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let waiting = Waiting { ticket, seeker, width: Width::Narrow, is_present: true };
        waiting.list(&mut self.buckets, session);
        self.waiting.insert(session, Box::new(waiting));
        self.line.join(ticket, session);
        let [narrow, _] = &mut self.widenings;
        narrow.push_back((now + self.config.widen, ticket, session));
        Outcome::Queued { place: self.waiting.len() }
    }

    /// Somebody does not wait any longer. Whether it did.
    fn leave(&mut self, session: SessionId) -> bool {
        let Some(waiting) = self.waiting.remove(&session) else { return false };
        waiting.unlist(&mut self.buckets);
        self.line.leave(|ticket, session| is_waiting(&self.waiting, ticket, session));
        for line in &mut self.widenings {
            while line
                .front()
                .is_some_and(|&(_, ticket, session)| !is_waiting(&self.waiting, ticket, session))
            {
                line.pop_front();
            }
        }
        true
    }

    /// Somebody has lost its connection, and keeps its place meanwhile.
    fn handle_absence(&mut self, session: SessionId) {
        let Some(waiting) = self.waiting.get_mut(&session) else { return };
        waiting.is_present = false;
        waiting.unlist(&mut self.buckets);
    }

    /// Somebody is there again.
    fn handle_return(&mut self, now: Instant, session: SessionId, is_blocked: &Blocked<'_>) -> Option<Pair> {
        let waiting = self.waiting.get_mut(&session).filter(|waiting| !waiting.is_present)?;
        waiting.is_present = true;
        self.meet(now, session, is_blocked)
    }

    fn has(&self, session: SessionId) -> bool {
        self.waiting.contains_key(&session)
    }

    fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The first [`TOLD_PLACES`] of the line, in order.
    fn front(&self) -> impl Iterator<Item = SessionId> {
        self.line
            .iter()
            .filter(|&(ticket, session)| is_waiting(&self.waiting, ticket, session))
            .map(|(_, session)| session)
            .take(TOLD_PLACES)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.widenings.iter().filter_map(|line| line.front()).map(|(due, ..)| *due).min()
    }

    /// Somebody who has waited for long by `now` meets somebody, if there still is such a pair.
    fn poll_pair(&mut self, now: Instant, is_blocked: &Blocked<'_>) -> Option<Pair> {
        for (line, width) in [(0, Width::Wide), (1, Width::Widest)] {
            while let Some((due, ticket, session)) = pop_due(&mut self.widenings[line], now) {
                let waiting = self.waiting.get_mut(&session).filter(|waiting| waiting.ticket == ticket);
                let Some(waiting) = waiting else { continue };
                waiting.width = width;
                if width == Width::Wide {
                    self.widenings[1].push_back((due + self.config.widen, ticket, session));
                }
                if waiting.is_present
                    && let Some(pair) = self.meet(now, session, is_blocked)
                {
                    return Some(pair);
                }
            }
        }
        None
    }

    /// Somebody who waits meets whoever waited longest in its buckets, or is listed there.
    fn meet(&mut self, now: Instant, session: SessionId, is_blocked: &Blocked<'_>) -> Option<Pair> {
        self.past.forget(now);
        let waiting = self.waiting.get(&session)?;
        let Some(other) = self.longest_waiting(&waiting.seeker, waiting.width, is_blocked) else {
            waiting.list(&mut self.buckets, session);
            return None;
        };
        let (ticket, identity) = (waiting.ticket, waiting.seeker.identity.clone());
        self.leave(session);
        self.take(now, other.session, identity);
        let (first, second) =
            if other.ticket < ticket { (other.session, session) } else { (session, other.session) };
        Some(Pair { first, second })
    }

    /// Who suits somebody, and has waited longest of those that it has not met lately, or else of those that it has.
    fn longest_waiting(&self, seeker: &Seeker, width: Width, is_blocked: &Blocked<'_>) -> Option<Place> {
        let buckets = seeker.keys(width).filter_map(|key| self.buckets.get(&key));
        let suited = buckets.flat_map(Bucket::longest_waiting).filter_map(|place| {
            let theirs = &self.waiting.get(&place.session)?.seeker.identity;
            if *theirs == seeker.identity || is_blocked(&seeker.identity, theirs) {
                return None;
            }
            Some((self.past.between(&seeker.identity, theirs), place))
        });
        suited.min_by_key(|(preference, place)| (*preference, place.ticket)).map(|(_, place)| place)
    }

    /// Somebody is met, and so does not wait any longer.
    fn take(&mut self, now: Instant, session: SessionId, by: Identity) {
        if let Some(met) = self.waiting.get(&session) {
            self.past.meet(now + self.config.apart, by, met.seeker.identity.clone());
        }
        self.leave(session);
    }
}

impl Waiting {
    /// Others may meet it.
    fn list(&self, buckets: &mut HashMap<Key, Bucket>, session: SessionId) {
        let place = Place { ticket: self.ticket, session };
        for key in self.seeker.keys(self.width) {
            buckets.entry(key).and_modify(|bucket| bucket.list(place)).or_insert(Bucket::of(place));
        }
    }

    /// Nobody is to meet it over anything.
    fn unlist(&self, buckets: &mut HashMap<Key, Bucket>) {
        for key in self.seeker.keys(self.width) {
            if let Entry::Occupied(mut bucket) = buckets.entry(key)
                && bucket.get_mut().unlist(self.ticket) == Remains::Nobody
            {
                bucket.remove();
            }
        }
    }
}

/// Whether it is still the same time that somebody waits.
fn is_waiting(waiting: &IdMap<SessionId, Box<Waiting>>, ticket: Ticket, session: SessionId) -> bool {
    waiting.get(&session).is_some_and(|waiting| waiting.ticket == ticket)
}

fn pop_due(
    line: &mut VecDeque<(Instant, Ticket, SessionId)>,
    now: Instant,
) -> Option<(Instant, Ticket, SessionId)> {
    line.front().is_some_and(|(due, ..)| *due <= now).then(|| line.pop_front())?
}
