use std::time::{Duration, Instant};

/// Least time between two requests.
const MIN_INTERVAL: Duration = Duration::from_millis(300);

/// When to ask the sender for a key frame: once it is needed, not more often than an answer can come, and not while one
/// is on its way.
#[derive(Debug, Default)]
pub(super) struct KeyRequest {
    needed_from: Option<Instant>,
    /// A key frame has begun to arrive; it has until then to become whole.
    arriving_until: Option<Instant>,
    /// The last request has until then to be answered.
    answered_until: Option<Instant>,
    round_trip: Duration,
}

impl KeyRequest {
    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// A key frame is needed from `at` on; an earlier need stands.
    pub(super) fn need(&mut self, at: Instant) {
        self.needed_from = Some(self.needed_from.map_or(at, |needed_from| needed_from.min(at)));
    }

    /// There is a frame that the decoder can take.
    pub(super) fn satisfy(&mut self) {
        self.needed_from = None;
        self.arriving_until = None;
    }

    /// What was on its way is gone.
    pub(super) fn need_at_once(&mut self, now: Instant) {
        self.needed_from = Some(now);
        self.arriving_until = None;
    }

    /// A key frame began to arrive; it has until then to become whole.
    pub(super) fn arriving_until(&mut self, until: Instant) {
        self.arriving_until = Some(until);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let needed_from = self.needed_from?;
        Some(needed_from).max(self.arriving_until).max(self.answered_until)
    }

    pub(super) fn poll(&mut self, now: Instant) -> bool {
        let due = self.poll_timeout().is_some_and(|due| due <= now);
        if due {
            self.answered_until = Some(now + MIN_INTERVAL.max(self.round_trip * 3 / 2));
        }
        due
    }
}
