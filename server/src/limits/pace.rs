use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How often something may happen: a steady rate, and a burst on top that is saved up in quiet times (the generic cell rate
/// algorithm, ITU-T I.371). It is an instant and two durations, however many come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When everything that happened would have happened at the steady rate.
    settled_at: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(per_second: NonZeroU32, burst: u32) -> Self {
        Self::each(Duration::from_secs(1) / per_second.get(), burst)
    }

    /// Once each `interval`, and so often at once.
    pub(crate) fn each(interval: Duration, burst: u32) -> Self {
        Self { interval, burst: interval * burst, settled_at: None }
    }

    /// One more happens now, whatever its place: how long to wait until the next may.
    pub(crate) fn count(&mut self, now: Instant) -> Duration {
        self.count_many(now, 1)
    }

    /// So many happen at once.
    pub(crate) fn count_many(&mut self, now: Instant, many: u32) -> Duration {
        let settled_at = self.settled_at.map_or(now, |at| at.max(now)) + self.interval * many;
        self.settled_at = Some(settled_at);
        self.ahead(now, settled_at)
    }

    /// One more happens if it may; else how long to wait until it may.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let settled_at = self.settled_at.map_or(now, |at| at.max(now)) + self.interval;
        match self.ahead(now, settled_at) {
            Duration::ZERO => {
                self.settled_at = Some(settled_at);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Whether it is as if nothing had ever happened.
    pub(crate) fn is_settled(&self, now: Instant) -> bool {
        self.settled_at.is_none_or(|at| at <= now)
    }

    fn ahead(&self, now: Instant, settled_at: Instant) -> Duration {
        settled_at.saturating_duration_since(now).saturating_sub(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(RATE, 5);
        let taken = (0..3_000u64)
            .filter(|ms| pace.take(start + Duration::from_millis(*ms)).is_ok())
            .collect::<Vec<_>>();
        assert_eq!(taken[..6], [0, 1, 2, 3, 4, 100], "five at once, then one each tenth of a second");
        assert_eq!(taken.len(), 5 + 29);
    }

    #[test]
    fn who_is_refused_learns_when_to_come_again() {
        let start = Instant::now();
        let mut pace = Pace::new(RATE, 1);
        assert_eq!(pace.take(start), Ok(()));
        let wait = pace.take(start).expect_err("too soon");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(pace.take(start + wait), Ok(()));
    }

    #[test]
    fn what_happens_anyway_is_waited_for() {
        let start = Instant::now();
        let mut pace = Pace::new(RATE, 2);
        let waits: Vec<_> = (0..4).map(|_| pace.count(start).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
    }

    #[test]
    fn many_at_once_are_as_many_one_by_one() {
        let start = Instant::now();
        let (mut together, mut apart) = (Pace::new(RATE, 2), Pace::new(RATE, 2));
        let wait = (0..5).map(|_| apart.count(start)).last();
        assert_eq!(Some(together.count_many(start, 5)), wait);
        assert_eq!(together.count_many(start, 0), Duration::from_millis(300));
    }

    #[test]
    fn quiet_times_are_saved_up_to_the_burst_and_no_further() {
        let start = Instant::now();
        let mut pace = Pace::new(RATE, 3);
        (0..3).for_each(|_| assert_eq!(pace.take(start), Ok(())));
        let later = start + Duration::from_secs(60);
        assert!(!pace.is_settled(start) && pace.is_settled(later));
        let taken = (0..10).filter(|_| pace.take(later).is_ok()).count();
        assert_eq!(taken, 3);
    }
}
