use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
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
    /// When who has something to forget.
    ends: BTreeSet<(Instant, SessionId)>,
}

/// Somebody whom a session was in a room with, on the way to another node with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackedParting {
    id: ParticipantId,
    name: DisplayName,
    person: Person,
    room: RoomName,
    own_name: DisplayName,
    /// For how long it is remembered yet.
    left_ms: u64,
}

impl Partings {
    pub(super) fn insert(&mut self, now: Instant, session: SessionId, companion: Companion) {
        self.sweep(now);
        self.remember(now + MEMORY, session, companion);
    }

    /// What a session takes along to another node.
    pub(super) fn pack(&self, now: Instant, session: SessionId) -> Vec<PackedParting> {
        let remembered = self.remembered.get(&session).into_iter().flatten().filter(|(end, _)| now < *end);
        let pack = |(end, companion): &(Instant, Companion)| {
            let Companion { id, name, person, room, own_name } = companion.clone();
            let left = end.saturating_duration_since(now);
            PackedParting {
                id,
                name,
                person: Person::clone(&person),
                room,
                own_name,
                left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            }
        };
        remembered.map(pack).collect()
    }

    /// What a session has brought along: the latest of it, and for no longer than here.
    pub(super) fn unpack(&mut self, now: Instant, session: SessionId, packed: Vec<PackedParting>) {
        self.sweep(now);
        let surplus = packed.len().saturating_sub(MOST_REMEMBERED);
        let mut end = now;
        for PackedParting { id, name, person, room, own_name, left_ms } in packed.into_iter().skip(surplus) {
            let companion = Companion { id, name, person: Arc::new(person), room, own_name };
            // In the order in which they were forgotten there.
            end = end.max(now + Duration::from_millis(left_ms).min(MEMORY));
            self.remember(end, session, companion);
        }
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

    fn remember(&mut self, end: Instant, session: SessionId, companion: Companion) {
        let remembered = self.remembered.entry(session).or_default();
        if remembered.len() == MOST_REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back((end, companion));
        self.ends.insert((end, session));
    }

    fn sweep(&mut self, now: Instant) {
        while let Some((_, session)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            self.ends.pop_first();
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
    fn who_goes_to_another_node_knows_there_who_was_here_for_as_long_as_here() {
        let start = Instant::now();
        let mut partings = Partings::default();
        for (second, id) in [(0, "eve"), (60, "bob")] {
            partings.insert(start + Duration::from_secs(second), ADA, companion(id));
        }
        assert!(partings.pack(start, SessionId(2)).is_empty(), "they are not somebody else's");
        let moved = start + Duration::from_secs(90);
        let text = serde_json::to_string(&partings.pack(moved, ADA)).expect("it is JSON");

        // Another machine's clock may be anywhere.
        let (mut elsewhere, there) = (Partings::default(), start + Duration::from_secs(7_000));
        let ada = SessionId(40);
        elsewhere.unpack(there, ada, serde_json::from_str(&text).expect("it was written so"));
        let after = |seconds| there + Duration::from_secs(seconds);
        assert!(knows(&elsewhere, after(29), ada, "eve") && !knows(&elsewhere, after(30), ada, "eve"));
        assert!(knows(&elsewhere, after(89), ada, "bob") && !knows(&elsewhere, after(90), ada, "bob"));
        assert_eq!(elsewhere.pack(after(30), ada).len(), 1, "who is forgotten is not taken along");
        elsewhere.insert(after(90), SessionId(2), companion("eve"));
        assert!(!elsewhere.remembered.contains_key(&ada), "and takes no memory");
    }

    #[test]
    fn whatever_another_node_says_no_more_is_remembered_and_for_no_longer() {
        let now = Instant::now();
        let mut partings = Partings::default();
        partings.insert(now, ADA, companion("eve"));
        let one = partings.pack(now, ADA).pop().expect("she was here");
        let mut endless = vec![PackedParting { left_ms: u64::MAX, ..one.clone() }; 1_000];
        endless.push(PackedParting { left_ms: 0, ..one });
        let mut elsewhere = Partings::default();
        elsewhere.unpack(now, ADA, endless);
        assert_eq!(elsewhere.remembered[&ADA].len(), MOST_REMEMBERED);
        assert!(!knows(&elsewhere, now + MEMORY, ADA, "eve"));
        elsewhere.insert(now + MEMORY, SessionId(2), companion("eve"));
        assert_eq!((elsewhere.remembered.len(), elsewhere.ends.len()), (1, 1));
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
