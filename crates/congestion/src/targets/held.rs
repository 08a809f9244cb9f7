use std::time::{Duration, Instant};

/// Since when something holds.
#[derive(Debug, Default)]
pub(super) struct Held(Option<Instant>);

impl Held {
    /// Whether it has held for so long, if it holds now.
    pub(super) fn for_long(&mut self, now: Instant, holds: bool, time: Duration) -> bool {
        if !holds {
            self.0 = None;
            return false;
        }
        now.saturating_duration_since(*self.0.get_or_insert(now)) >= time
    }

    /// It is to hold anew.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_begins_anew() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let time = Duration::from_secs(3);
        let mut held = Held::default();
        assert!(!held.for_long(at(0), true, time));
        assert!(held.for_long(at(3), true, time));
        assert!(!held.for_long(at(4), false, time));
        assert!(!held.for_long(at(5), true, time));
        held.forget();
        assert!(!held.for_long(at(8), true, time));
        assert!(held.for_long(at(11), true, time));
    }
}
