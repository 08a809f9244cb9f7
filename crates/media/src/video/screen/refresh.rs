use std::time::{Duration, Instant};

/// How long after a change a still picture is sent again and again, so that it becomes sharp.
const SHARPENING: Duration = Duration::from_secs(1);
const SHARPENING_INTERVAL: Duration = Duration::from_millis(100);
/// How often a picture that stays is sent: for who came late, and against what was lost.
const STILL_INTERVAL: Duration = Duration::from_secs(1);

/// When a picture that has not changed is sent once more.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    changed_at: Option<Instant>,
    sent_at: Option<Instant>,
}

impl Refresh {
    pub(super) fn handle_change(&mut self, now: Instant) {
        self.changed_at = Some(now);
    }

    pub(super) fn handle_sent(&mut self, now: Instant) {
        self.sent_at = Some(now);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        let Some(sent_at) = self.sent_at else { return true };
        let is_new = self.changed_at.is_some_and(|at| now.saturating_duration_since(at) < SHARPENING);
        let interval = if is_new { SHARPENING_INTERVAL } else { STILL_INTERVAL };
        now.saturating_duration_since(sent_at) >= interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_stays_is_sharpened_and_then_sent_once_a_second() {
        let start = Instant::now();
        let mut refresh = Refresh::default();
        assert!(refresh.is_due(start));
        refresh.handle_change(start);
        refresh.handle_sent(start);
        let mut times = Vec::new();
        for tick in 1..=160u64 {
            let now = start + Duration::from_millis(25 * tick);
            if refresh.is_due(now) {
                refresh.handle_sent(now);
                times.push(25 * tick);
            }
        }
        assert_eq!(times, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1900, 2900, 3900]);
    }
}
