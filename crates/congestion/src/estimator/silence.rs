//! Backing off when feedback stops (libwebrtc's `RttBasedBackoff`).

use std::time::{Duration, Instant};

/// How long packets may leave without a report.
const PATIENCE: Duration = Duration::from_secs(3);
/// After that the target falls to this share, this often.
const SHARE: f64 = 0.8;
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Silence {
    /// When the first packet left that no report has followed.
    unanswered_since: Option<Instant>,
    backed_off_at: Option<Instant>,
}

impl Silence {
    pub(super) fn handle_sent(&mut self, now: Instant) {
        self.unanswered_since.get_or_insert(now);
    }

    pub(super) fn handle_report(&mut self) {
        *self = Self::default();
    }

    /// The share of the target to go on with, when that has to be less.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<f64> {
        self.poll_timeout().filter(|due| now >= *due)?;
        self.backed_off_at = Some(now);
        Some(SHARE)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let since = self.unanswered_since?;
        Some(self.backed_off_at.map_or(since + PATIENCE, |at| at + INTERVAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_three_seconds_and_then_acts_each_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut silence = Silence::default();
        assert_eq!(silence.poll_timeout(), None);
        silence.handle_sent(start);
        let acts: Vec<_> =
            (0..60).filter(|tenth| silence.handle_timeout(at(tenth * 100)).is_some()).collect();
        assert_eq!(acts, [30, 40, 50]);
        silence.handle_report();
        assert_eq!(silence.poll_timeout(), None, "nothing was sent since");
        silence.handle_sent(at(6000));
        assert_eq!(silence.handle_timeout(at(8900)), None);
    }
}
