use std::time::Instant;

use smallvec::smallvec;
use visavis_protocol::{Interest, MatchKind};

use super::{Matchmaker, Outcome, Seeker};
use crate::config::MatchingConfig;
use crate::sessions::SessionId;

/// Many who wait, each over something else: to measure what it costs that two of so many meet.
#[derive(Debug)]
pub struct Crowd {
    matchmaker: Matchmaker,
    now: Instant,
    /// What the one who has waited longest waits over.
    oldest: u64,
    /// What the next one will wait over.
    newest: u64,
    arrived: u64,
}

impl Crowd {
    pub fn of(waiting: u64) -> Self {
        let matchmaker = Matchmaker::new(MatchingConfig { enabled: true, ..MatchingConfig::default() });
        let mut crowd = Self { matchmaker, now: Instant::now(), oldest: 0, newest: 0, arrived: 0 };
        (0..waiting).for_each(|_| crowd.come_to_wait());
        crowd
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.matchmaker.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Somebody comes whom the one suits who has waited longest, and meets it; and somebody else comes to wait. Whether they
    /// have met.
    pub fn pair(&mut self) -> bool {
        let met = matches!(self.come(self.oldest), Outcome::Met(_));
        self.oldest += 1;
        self.come_to_wait();
        met
    }

    fn come_to_wait(&mut self) {
        self.come(self.newest);
        self.newest += 1;
    }

    #[expect(clippy::expect_used, reason = "a number is an interest, and an identity")]
    fn come(&mut self, over: u64) -> Outcome {
        let session = SessionId(self.arrived);
        self.arrived += 1;
        let seeker = Seeker {
            identity: format!("guest:{}", session.0)
                .parse()
                .expect("it is short, and has no control characters"),
            kind: MatchKind::Video,
            interests: smallvec![
                Interest::new(over.to_string()).expect("it is short, and has no control characters"),
            ],
            region: None,
        };
        self.matchmaker.seek(self.now, session, seeker, &|_, _| false)
    }
}
