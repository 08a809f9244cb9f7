use std::time::{Duration, Instant};

/// Over how long a share is taken.
const WINDOW: Duration = Duration::from_secs(1);
/// Work after a pause of this length begins a new window.
const PAUSE: Duration = Duration::from_secs(3);

/// Which share of the time something works.
#[derive(Debug, Default)]
pub(super) struct BusyMeter {
    since: Option<Instant>,
    worked: Duration,
}

impl BusyMeter {
    /// It worked from `began` to `ended`. Gives the share, 0 to 1, once a second.
    pub(super) fn handle_work(&mut self, began: Instant, ended: Instant) -> Option<f64> {
        let since = *self.since.get_or_insert(began);
        self.worked += ended.saturating_duration_since(began);
        let elapsed = ended.saturating_duration_since(since);
        if elapsed < WINDOW {
            return None;
        }
        let share = self.worked.as_secs_f64() / elapsed.as_secs_f64();
        *self = Self { since: Some(ended), worked: Duration::ZERO };
        (elapsed < PAUSE).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_comes_once_a_second_and_a_pause_is_none_of_it() {
        let start = Instant::now();
        let mut meter = BusyMeter::default();
        let mut shares = Vec::new();
        for tenth in (0..30).chain(200..230) {
            let began = start + Duration::from_millis(100 * tenth);
            shares.extend(meter.handle_work(began, began + Duration::from_millis(25)));
        }
        assert_eq!(shares.len(), 4, "{shares:?}");
        assert!(shares.iter().all(|share| (0.2..0.3).contains(share)), "{shares:?}");
    }
}
