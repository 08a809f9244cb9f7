//! What those who seek strangers say, and what they hear.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use visavis_protocol::{MediaState, Seek, ServerMessage};

use super::{Blocked, Matchmaker, Outcome, Pair, Seeker};
use crate::access::{Grant, Identity};
use crate::config::MatchingConfig;
use crate::rooms::{Delivery, Refusal, Stranger};
use crate::sessions::SessionId;

/// Least time between two tellings of places.
const BETWEEN_TELLS: Duration = Duration::from_secs(1);

/// Everybody who seeks a stranger, or has met one.
#[derive(Debug)]
pub(crate) struct Strangers {
    matchmaker: Matchmaker,
    wishes: HashMap<SessionId, Wish>,
    /// When places are told again, if anything has changed.
    tell_at: Option<Instant>,
}

/// What somebody seeks, or has sought: good for another one.
#[derive(Debug)]
struct Wish {
    identity: Identity,
    seek: Seek,
    since: Instant,
    /// The place that it knows of.
    told: usize,
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
}

impl Strangers {
    pub(crate) fn new(config: MatchingConfig) -> Self {
        Self { matchmaker: Matchmaker::new(config), wishes: HashMap::new(), tell_at: None }
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
        if self.matchmaker.has(session) {
            return Err(Refusal::AlreadyInRoom);
        }
        let name = grant.name.clone().unwrap_or(seek.name);
        let (identity, seek) = (grant.identity.clone(), Seek { name, ..seek });
        self.wishes.insert(session, Wish { identity, seek, since: now, told: 0 });
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
        wish.since = now;
        let seeker = Seeker {
            identity: wish.identity.clone(),
            kind: wish.seek.kind,
            interests: wish.seek.interests.clone(),
            region: wish.seek.region.clone(),
        };
        match self.matchmaker.seek(now, session, seeker, is_blocked) {
            Outcome::Met(pair) => self.meeting(now, pair).map(Sought::Met).ok_or(Refusal::NotInRoom),
            Outcome::Queued { place } => {
                wish.told = place;
                Ok(Sought::Queued(queued(session, place, self.matchmaker.len())))
            }
        }
    }

    /// Somebody seeks no longer, and no other one either. Whether it waited.
    pub(crate) fn leave(&mut self, now: Instant, session: SessionId) -> bool {
        self.wishes.remove(&session);
        let waited = self.matchmaker.leave(session);
        if waited {
            self.tell_at.get_or_insert(now + BETWEEN_TELLS);
        }
        waited
    }

    /// Somebody who waits will send something else. Whether it waits.
    pub(crate) fn set_media(&mut self, session: SessionId, media: MediaState) -> bool {
        let waits = self.matchmaker.has(session);
        if let Some(wish) = self.wishes.get_mut(&session) {
            wish.seek.media = media;
        }
        waits
    }

    pub(crate) fn handle_absence(&mut self, session: SessionId) {
        self.matchmaker.handle_absence(session);
    }

    pub(crate) fn handle_return(
        &mut self,
        now: Instant,
        session: SessionId,
        is_blocked: &Blocked<'_>,
    ) -> Option<Meeting> {
        let pair = self.matchmaker.handle_return(now, session, is_blocked)?;
        self.meeting(now, pair)
    }

    pub(crate) fn waits(&self, session: SessionId) -> bool {
        self.matchmaker.has(session)
    }

    /// Whether the session seeks, or has met somebody that way.
    pub(crate) fn seeks(&self, session: SessionId) -> bool {
        self.wishes.contains_key(&session)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.matchmaker.len()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.tell_at, self.matchmaker.poll_timeout()].into_iter().flatten().min()
    }

    /// Two who meet by `now` because they have waited for long, if there are any left.
    pub(crate) fn poll_meeting(&mut self, now: Instant, is_blocked: &Blocked<'_>) -> Option<Meeting> {
        let pair = self.matchmaker.poll_pair(now, is_blocked)?;
        self.meeting(now, pair)
    }

    /// Places that have changed, if they are to be told by `now`.
    pub(crate) fn poll_places(&mut self, now: Instant) -> Vec<Delivery> {
        if self.tell_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.tell_at = None;
        let waiting = self.matchmaker.len();
        let mut deliveries = Vec::new();
        for (index, session) in self.matchmaker.front().enumerate() {
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

    fn stranger(&self, session: SessionId) -> Option<Stranger> {
        let Wish { identity, seek, .. } = self.wishes.get(&session)?;
        let (identity, name) = (identity.clone(), seek.name.clone());
        Some(Stranger { session, identity, name, media: seek.media })
    }
}

fn queued(to: SessionId, place: usize, waiting: usize) -> Delivery {
    let [place, waiting] = [place, waiting].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Delivery { to, message: ServerMessage::Queued { place, waiting } }
}
