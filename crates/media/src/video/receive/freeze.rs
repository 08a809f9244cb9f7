use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames over whose distance the average is taken.
const WINDOW: usize = 30;
const LEAST_EXCESS: Duration = Duration::from_millis(150);

/// Counts freezes as `freezeCount` of webrtc-stats does: a frame that comes later after the one before it than three
/// times the average distance of the last 30 frames, and than that average plus 150 ms.
#[derive(Debug, Default)]
pub(crate) struct FreezeDetector {
    intervals: VecDeque<Duration>,
    last: Option<Instant>,
    count: u64,
    frozen: Duration,
}

impl FreezeDetector {
    pub(crate) fn handle_frame(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else { return };
        let interval = now.saturating_duration_since(last);
        if let Some(average) = self.average()
            && interval > (average * 3).max(average + LEAST_EXCESS)
        {
            self.count += 1;
            self.frozen += interval;
        }
        if self.intervals.len() == WINDOW {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How long the picture stood still in all of them together.
    pub(crate) fn frozen(&self) -> Duration {
        self.frozen
    }

    fn average(&self) -> Option<Duration> {
        let count = u32::try_from(self.intervals.len()).ok().filter(|&count| count > 0)?;
        Some(self.intervals.iter().sum::<Duration>() / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freezes(intervals_ms: impl IntoIterator<Item = u64>) -> (u64, Duration) {
        let mut detector = FreezeDetector::default();
        let mut now = Instant::now();
        detector.handle_frame(now);
        for interval in intervals_ms {
            now += Duration::from_millis(interval);
            detector.handle_frame(now);
        }
        (detector.count(), detector.frozen())
    }

    #[test]
    fn a_freeze_is_thrice_the_average_and_150_ms_more() {
        assert_eq!(freezes([33; 100]), (0, Duration::ZERO));
        assert_eq!(freezes([33, 33, 183, 33]), (0, Duration::ZERO));
        assert_eq!(freezes([33, 33, 184, 33]), (1, Duration::from_millis(184)));
        assert_eq!(freezes([100, 100, 300, 100]), (0, Duration::ZERO));
        assert_eq!(freezes([100, 100, 301, 100]), (1, Duration::from_millis(301)));
    }
}
