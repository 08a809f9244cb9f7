//! How long packets wait in the path's queue: their delay above the least seen lately.

use std::time::{Duration, Instant};

/// The least delay is remembered for one to two of these, so that a new route or a drifting clock is forgotten.
const MEMORY: Duration = Duration::from_secs(15);
/// Of the packets that arrived within this time the least delayed one counts: jitter only adds.
const RECENT: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct StandingQueue {
    epoch: Option<Instant>,
    base: Minimum,
    recent: Minimum,
}

/// The least value of the present span of time and of the one before, in ms.
#[derive(Debug, Default)]
struct Minimum {
    since: Duration,
    present: Option<f64>,
    before: Option<f64>,
}

impl StandingQueue {
    pub(super) fn handle_packet(&mut self, departure: Instant, arrival: Duration) {
        let epoch = *self.epoch.get_or_insert(departure);
        // Of two clocks, so it may be anything, but its changes are real.
        let delay_ms =
            (arrival.as_secs_f64() - departure.saturating_duration_since(epoch).as_secs_f64()) * 1e3;
        self.base.handle(arrival, delay_ms, MEMORY);
        self.recent.handle(arrival, delay_ms, RECENT);
    }

    /// The present wait is not the own queue: from now on it counts as none.
    pub(super) fn rebase(&mut self) {
        self.base = Minimum { since: self.base.since, present: self.recent.least(), before: None };
    }

    pub(super) fn wait_ms(&self) -> f64 {
        match (self.recent.least(), self.base.least()) {
            (Some(recent), Some(base)) => (recent - base).max(0.0),
            (Some(_) | None, _) => 0.0,
        }
    }
}

impl Minimum {
    fn handle(&mut self, at: Duration, value: f64, span: Duration) {
        if at.saturating_sub(self.since) >= span {
            self.since = at;
            self.before = self.present.take();
        }
        self.present = Some(self.present.map_or(value, |present| present.min(value)));
    }

    fn least(&self) -> Option<f64> {
        match (self.present, self.before) {
            (Some(present), Some(before)) => Some(present.min(before)),
            (present, before) => present.or(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_what_exceeds_the_least_delay() {
        let start = Instant::now();
        let mut queue = StandingQueue::default();
        for packet in 0..200u64 {
            let wait_ms = if packet < 100 { packet % 3 } else { 80 + packet % 3 };
            queue.handle_packet(
                start + Duration::from_millis(packet * 10),
                Duration::from_millis(5_000 + packet * 10 + wait_ms),
            );
        }
        assert!((80.0..82.0).contains(&queue.wait_ms()), "{} ms", queue.wait_ms());
    }

    #[test]
    fn a_longer_route_is_no_queue_after_a_while() {
        let start = Instant::now();
        let mut queue = StandingQueue::default();
        for packet in 0..6000u64 {
            let delay_ms = if packet < 1000 { 20 } else { 60 };
            queue.handle_packet(
                start + Duration::from_millis(packet * 10),
                Duration::from_millis(packet * 10 + delay_ms),
            );
        }
        assert_eq!(queue.wait_ms().round(), 0.0);
    }
}
