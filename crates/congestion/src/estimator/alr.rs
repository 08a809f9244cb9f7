//! Whether the application sends less than it may (libwebrtc's `AlrDetector`): then what gets through says nothing of
//! what could.

use std::time::{Duration, Instant};

/// What is unused, or used ahead, counts this far back.
const WINDOW: Duration = Duration::from_millis(500);
/// Shares of the window's bytes that are left when the limited region begins and ends.
const BEGINS_ABOVE: f64 = 0.8;
const ENDS_BELOW: f64 = 0.5;

#[derive(Debug)]
pub(super) struct AlrDetector {
    /// Of the estimate, that must be used.
    share: f64,
    rate_bps: f64,
    /// Bytes that could have been sent and were not; negative when more was sent.
    left_bytes: f64,
    sent_at: Option<Instant>,
    is_limited: bool,
}

impl AlrDetector {
    /// `share`: of the estimate, that must be used.
    pub(super) fn new(estimate_bps: f64, share: f64) -> Self {
        Self { share, rate_bps: estimate_bps * share, left_bytes: 0.0, sent_at: None, is_limited: false }
    }

    pub(super) fn set_estimate(&mut self, estimate_bps: f64) {
        self.rate_bps = estimate_bps * self.share;
        let most = self.window_bytes();
        self.left_bytes = self.left_bytes.clamp(-most, most);
    }

    pub(super) fn handle_sent(&mut self, now: Instant, bytes: usize) {
        let Some(before) = self.sent_at.replace(now) else { return };
        let most = self.window_bytes();
        let passed = now.saturating_duration_since(before).as_secs_f64();
        self.left_bytes = (self.left_bytes - bytes as f64).max(-most);
        self.left_bytes = (self.left_bytes + self.rate_bps / 8.0 * passed).min(most);
        let share = self.left_bytes / most;
        if share > BEGINS_ABOVE {
            self.is_limited = true;
        } else if share < ENDS_BELOW {
            self.is_limited = false;
        }
    }

    /// Whether the application is the limit.
    pub(super) fn is_limited(&self) -> bool {
        self.is_limited
    }

    fn window_bytes(&self) -> f64 {
        (self.rate_bps / 8.0 * WINDOW.as_secs_f64()).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(alr: &mut AlrDetector, from: Instant, bps: f64, seconds: u32) -> Instant {
        let bytes = (bps / 8.0 / 100.0) as usize;
        (0..seconds * 100).fold(from, |now, _| {
            alr.handle_sent(now, bytes);
            now + Duration::from_millis(10)
        })
    }

    #[test]
    fn little_traffic_is_limited_by_the_application_and_much_is_not() {
        let start = Instant::now();
        let mut alr = AlrDetector::new(1e6, 0.65);
        let now = send(&mut alr, start, 0.9e6, 5);
        assert!(!alr.is_limited());
        let now = send(&mut alr, now, 0.2e6, 5);
        assert!(alr.is_limited());
        send(&mut alr, now, 0.9e6, 5);
        assert!(!alr.is_limited());
    }
}
