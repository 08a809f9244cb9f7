use std::time::{Duration, Instant};

/// Thins a stream of pictures out to a rate, as evenly as their times allow.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    due: Option<Instant>,
}

impl RateLimiter {
    /// Whether the picture taken at `captured` is to be used at one picture per `interval`.
    ///
    /// A camera's clock is not ours: a picture up to a quarter of an interval early counts as due. The schedule makes up
    /// for lateness of less than an interval only.
    pub(super) fn accept(&mut self, captured: Instant, interval: Duration) -> bool {
        let due = self.due.unwrap_or(captured).min(captured + interval);
        if captured + interval / 4 < due {
            return false;
        }
        self.due = Some((due + interval).max(captured));
        true
    }
}

/// Even ticks for a synthetic source.
#[derive(Debug)]
pub(super) struct Ticker {
    next: Instant,
}

impl Ticker {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// When the next picture is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Schedules the picture after this one. After an interruption the ticks go on from `now`, without a burst.
    pub(super) fn advance(&mut self, now: Instant, interval: Duration) {
        self.next = (self.next + interval).max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(count: u32, interval: Duration, wanted: Duration, jitter_ms: &[u64]) -> Vec<u32> {
        let start = Instant::now();
        let mut limiter = RateLimiter::default();
        (0..count)
            .filter(|&index| {
                let jitter = Duration::from_millis(jitter_ms[index as usize % jitter_ms.len()]);
                limiter.accept(start + interval * index + jitter, wanted)
            })
            .collect()
    }

    #[test]
    fn a_stream_at_the_rate_passes_whole_in_spite_of_jitter_and_drift() {
        for micros in [66_000, 66_667, 67_300] {
            let kept = accepted(
                300,
                Duration::from_micros(micros),
                Duration::from_micros(66_667),
                &[0, 12, 3, 20, 7],
            );
            assert!(kept.len() >= 296, "{} of 300 at {micros} us", kept.len());
        }
    }

    #[test]
    fn half_the_rate_takes_every_other_picture() {
        let kept = accepted(300, Duration::from_micros(33_333), Duration::from_micros(66_667), &[0, 6, 2, 4]);
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == 2), "{kept:?}");
    }

    #[test]
    fn any_rate_is_held_on_average() {
        for fps in [1, 5, 7, 10, 20, 24] {
            let kept = accepted(900, Duration::from_micros(33_333), Duration::from_secs(1) / fps, &[0, 5]);
            let expected = fps as usize * 30;
            assert!(
                kept.len().abs_diff(expected) <= expected / 20 + 1,
                "{} instead of {expected}",
                kept.len()
            );
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let (start, interval) = (Instant::now(), Duration::from_millis(100));
        let mut limiter = RateLimiter::default();
        assert!(limiter.accept(start, interval));
        let later = start + Duration::from_secs(10);
        let burst =
            (0..10).filter(|&index| limiter.accept(later + Duration::from_millis(10 * index), interval));
        assert!(burst.count() <= 3);

        let mut ticker = Ticker::new(start);
        ticker.advance(later, interval);
        assert_eq!(ticker.next(), later);
        ticker.advance(later, interval);
        assert_eq!(ticker.next(), later + interval);
    }
}
