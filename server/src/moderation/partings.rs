use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis_protocol::{DisplayName, ParticipantId, RoomName};

use super::person::Person;
use crate::sessions::SessionId;

/// How long somebody can be reported who is no longer in the room.
pub(crate) const MEMORY: Duration = Duration::from_secs(120);
/// Of how many others one session remembers it.
const MOST_REMEMBERED: usize = 16;

/// Somebody who was in a room with a session.
#[derive(Debug, Clone)]
pub(super) struct Companion {
    pub(super) id: ParticipantId,
    pub(super) name: DisplayName,
    pub(super) person: Arc<Person>,
    pub(super) room: RoomName,
    /// What the session itself was called there.
    pub(super) own_name: DisplayName,
}

/// Whom each session was in a room with lately.
#[derive(Debug, Default)]
pub(super) struct Partings {
    remembered: HashMap<SessionId, VecDeque<(Instant, Companion)>>,
    /// When who has something to forget, in this order.
    ends: VecDeque<(Instant, SessionId)>,
}

impl Partings {
    pub(super) fn insert(&mut self, now: Instant, session: SessionId, companion: Companion) {
        self.sweep(now);
        let remembered = self.remembered.entry(session).or_default();
        if remembered.len() == MOST_REMEMBERED {
            remembered.pop_front();
        }
        let end = now + MEMORY;
        remembered.push_back((end, companion));
        self.ends.push_back((end, session));
    }

    pub(super) fn find(&self, now: Instant, session: SessionId, id: &ParticipantId) -> Option<&Companion> {
        let remembered = self.remembered.get(&session)?.iter();
        remembered
            .rev()
            .find(|(end, companion)| now < *end && companion.id == *id)
            .map(|(_, companion)| companion)
    }

    /// The session is over, and reports nobody any more.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.remembered.remove(&session);
    }

    fn sweep(&mut self, now: Instant) {
        while self.ends.front().is_some_and(|(end, _)| *end <= now) {
            let Some((_, session)) = self.ends.pop_front() else { return };
            let Some(remembered) = self.remembered.get_mut(&session) else { continue };
            while remembered.front().is_some_and(|(end, _)| *end <= now) {
                remembered.pop_front();
            }
            if remembered.is_empty() {
                self.remembered.remove(&session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: SessionId = SessionId(1);

    fn companion(id: &str) -> Companion {
        let name = || DisplayName::new("Eve").expect("a name");
        Companion {
            id: ParticipantId::new(id).expect("an id"),
            name: name(),
            person: Arc::new(Person { identity: id.parse().expect("an identity"), address: None }),
            room: RoomName::new("owl").expect("a room"),
            own_name: name(),
        }
    }

    fn knows(partings: &Partings, now: Instant, session: SessionId, id: &str) -> bool {
        partings.find(now, session, &ParticipantId::new(id).expect("an id")).is_some()
    }

    #[test]
    fn who_was_there_is_known_for_two_minutes_and_to_those_who_were_there() {
        let start = Instant::now();
        let mut partings = Partings::default();
        partings.insert(start, ADA, companion("eve"));
        let last = start + MEMORY - Duration::from_millis(1);
        assert!(knows(&partings, last, ADA, "eve"));
        assert!(!knows(&partings, last, SessionId(2), "eve"), "somebody else");
        assert!(!knows(&partings, last, ADA, "bob"));
        assert!(!knows(&partings, start + MEMORY, ADA, "eve"));
        partings.forget(ADA);
        assert!(!knows(&partings, start, ADA, "eve"));
    }

    #[test]
    fn who_meets_thousands_remembers_the_last_ones() {
        let now = Instant::now();
        let mut partings = Partings::default();
        (0..5_000).for_each(|number| partings.insert(now, ADA, companion(&number.to_string())));
        assert_eq!(partings.remembered[&ADA].len(), MOST_REMEMBERED);
        assert!(knows(&partings, now, ADA, "4999") && !knows(&partings, now, ADA, "4983"));
    }

    #[test]
    fn what_is_past_takes_no_memory() {
        let start = Instant::now();
        let mut partings = Partings::default();
        for second in 0..10_000 {
            let now = start + Duration::from_secs(second);
            partings.insert(now, SessionId(second), companion("eve"));
        }
        assert!(partings.remembered.len() <= 121 && partings.ends.len() <= 121);
    }
}
