//! What those who seek strangers say, and what they hear.

use std::time::{Duration, Instant};

use visavis_protocol::{MediaState, Seek, ServerMessage};

use super::{Blocked, Matchmaker, Outcome, Pair, Seeker};
use crate::access::{Grant, Identity};
use crate::cluster::{Queue, Ticket};
use crate::config::MatchingConfig;
use crate::rooms::{Delivery, Refusal, Stranger};
use crate::sessions::{IdMap, SessionId};

/// Least time between two tellings of places.
const BETWEEN_TELLS: Duration = Duration::from_secs(1);

/// Everybody who seeks a stranger, or has met one.
#[derive(Debug)]
pub(crate) struct Strangers {
    pub(super) line: Line,
    pub(super) wishes: IdMap<SessionId, Wish>,
    /// When places are told again, if anything has changed.
    tell_at: Option<Instant>,
}

/// Where people wait.
#[derive(Debug)]
pub(super) enum Line {
    /// Here.
    Own(Matchmaker),
    /// In the queue of all nodes.
    Shared(Queue),
}

/// What somebody seeks, or has sought: good for another one.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) identity: Identity,
    pub(super) seek: Seek,
    pub(super) since: Instant,
    /// The same by the clock of the shared queue.
    pub(super) ticket: Option<Ticket>,
    /// The place that it knows of.
    pub(super) told: usize,
}

/// Two who meet.
#[derive(Debug)]
pub(crate) struct Meeting {
    /// Waited longer.
    pub(crate) first: Stranger,
    pub(crate) second: Stranger,
    /// How long the first has waited.
    pub(crate) waited: Duration,
}

/// What follows from somebody's seeking.
#[derive(Debug)]
pub(crate) enum Sought {
    Met(Meeting),
    Queued(Delivery),
    /// It is to be listed in the queue of all nodes.
    Shared,
}

impl Strangers {
    pub(crate) fn new(config: MatchingConfig) -> Self {
        Self::waiting_in(Line::Own(Matchmaker::new(config)))
    }

    pub(super) fn waiting_in(line: Line) -> Self {
        Self { line, wishes: IdMap::default(), tell_at: None }
    }

    /// Somebody who is in no room seeks.
    pub(crate) fn seek(
        &mut self,
        now: Instant,
        session: SessionId,
        grant: &Grant,
        seek: Seek,
        is_blocked: &Blocked<'_>,
    ) -> Result<Sought, Refusal> {
        if self.waits(session) {
            return Err(Refusal::AlreadyInRoom);
        }
        let name = grant.name.clone().unwrap_or(seek.name);
        let (identity, seek) = (grant.identity.clone(), Seek { name, ..seek });
        self.wishes.insert(session, Wish { identity, seek, since: now, ticket: None, told: 0 });
        self.next(now, session, is_blocked)
    }

    /// Somebody who has left a stranger, and is in no room, seeks another one.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        session: SessionId,
        is_blocked: &Blocked<'_>,
    ) -> Result<Sought, Refusal> {
        let wish = self.wishes.get_mut(&session).ok_or(Refusal::NotInRoom)?;
        (wish.since, wish.ticket, wish.told) = (now, None, 0);
        let matchmaker = match &mut self.line {
            Line::Own(matchmaker) => matchmaker,
            Line::Shared(_) => return Ok(Sought::Shared),
        };
        match matchmaker.seek(now, session, wish.seeker(), is_blocked) {
            Outcome::Met(pair) => self.meeting(now, pair).map(Sought::Met).ok_or(Refusal::NotInRoom),
            Outcome::Queued { place } => {
                wish.told = place;
                Ok(Sought::Queued(queued(session, place, matchmaker.len())))
            }
        }
    }

    /// Somebody seeks no longer, and no other one either. Whether it waited.
    pub(crate) fn leave(&mut self, now: Instant, session: SessionId) -> bool {
        self.wishes.remove(&session);
        let waited = match &mut self.line {
            Line::Own(matchmaker) => matchmaker.leave(session),
            Line::Shared(queue) => return queue.leave(session),
        };
        if waited {
            self.tell_at.get_or_insert(now + BETWEEN_TELLS);
        }
        waited
    }

    /// Somebody who waits will send something else. Whether it waits.
    pub(crate) fn set_media(&mut self, session: SessionId, media: MediaState) -> bool {
        let waits = self.waits(session);
        if let Some(wish) = self.wishes.get_mut(&session) {
            wish.seek.media = media;
        }
        waits
    }

    pub(crate) fn handle_absence(&mut self, session: SessionId) {
        match &mut self.line {
            Line::Own(matchmaker) => matchmaker.handle_absence(session),
            Line::Shared(queue) => queue.handle_absence(session),
        }
    }

    pub(crate) fn handle_return(
        &mut self,
        now: Instant,
        session: SessionId,
        is_blocked: &Blocked<'_>,
    ) -> Option<Meeting> {
        match &mut self.line {
            Line::Own(matchmaker) => {
                let pair = matchmaker.handle_return(now, session, is_blocked)?;
                self.meeting(now, pair)
            }
            Line::Shared(queue) => {
                queue.handle_return(now, session);
                None
            }
        }
    }

    pub(crate) fn waits(&self, session: SessionId) -> bool {
        match &self.line {
            Line::Own(matchmaker) => matchmaker.has(session),
            Line::Shared(queue) => queue.has(session),
        }
    }

    /// Whether the session seeks, or has met somebody that way.
    pub(crate) fn seeks(&self, session: SessionId) -> bool {
        self.wishes.contains_key(&session)
    }

    /// How many wait at this node.
    pub(crate) fn waiting(&self) -> usize {
        match &self.line {
            Line::Own(matchmaker) => matchmaker.len(),
            Line::Shared(queue) => queue.len(),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let line = match &self.line {
            Line::Own(matchmaker) => matchmaker.poll_timeout(),
            Line::Shared(queue) => queue.poll_timeout(),
        };
        [self.tell_at, line].into_iter().flatten().min()
    }

    /// Two who meet by `now` because they have waited for long, if there are any left.
    pub(crate) fn poll_meeting(&mut self, now: Instant, is_blocked: &Blocked<'_>) -> Option<Meeting> {
        match &mut self.line {
            Line::Own(matchmaker) => {
                let pair = matchmaker.poll_pair(now, is_blocked)?;
                self.meeting(now, pair)
            }
            Line::Shared(queue) => {
                queue.handle_timeout(now);
                None
            }
        }
    }

    /// Places that have changed, if they are to be told by `now`.
    pub(crate) fn poll_places(&mut self, now: Instant) -> Vec<Delivery> {
        if self.tell_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.tell_at = None;
        let Line::Own(matchmaker) = &self.line else { return Vec::new() };
        let waiting = matchmaker.len();
        let mut deliveries = Vec::new();
        for (index, session) in matchmaker.front().enumerate() {
            let place = index + 1;
            if let Some(wish) = self.wishes.get_mut(&session).filter(|wish| wish.told != place) {
                wish.told = place;
                deliveries.push(queued(session, place, waiting));
            }
        }
        deliveries
    }

    fn meeting(&mut self, now: Instant, Pair { first, second }: Pair) -> Option<Meeting> {
        self.tell_at.get_or_insert(now + BETWEEN_TELLS);
        let since = self.wishes.get(&first)?.since;
        let [first, second] = [self.stranger(first), self.stranger(second)];
        Some(Meeting { first: first?, second: second?, waited: now.saturating_duration_since(since) })
    }

    pub(super) fn stranger(&self, session: SessionId) -> Option<Stranger> {
        let Wish { identity, seek, .. } = self.wishes.get(&session)?;
        let (identity, name) = (identity.clone(), seek.name.clone());
        Some(Stranger { session, identity, name, media: seek.media })
    }
}

impl Wish {
    pub(super) fn seeker(&self) -> Seeker {
        Seeker {
            identity: self.identity.clone(),
            kind: self.seek.kind,
            interests: self.seek.interests.iter().cloned().collect(),
            region: self.seek.region.clone(),
        }
    }
}

pub(super) fn queued(to: SessionId, place: usize, waiting: usize) -> Delivery {
    let [place, waiting] = [place, waiting].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Delivery { to, message: ServerMessage::Queued { place, waiting } }
}
