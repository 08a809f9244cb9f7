//! Whether the processor keeps up with the encoder.

use std::time::{Duration, Instant};

use super::rungs::Rung;

/// Above this share of the time the encoder is about to be late: the next frame comes while it still works on one that
/// took longer than most. libwebrtc's detector of over-use takes the same.
const OVERUSED: f64 = 0.85;
/// What a better rung may be expected to take.
const AFFORDABLE: f64 = 0.6;
/// Over-use is believed after so many looks in a row.
const OVERUSED_LOOKS: u32 = 2;
/// A rung that was too much is tried again after this time, and each time it was too much again, after twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(480);

/// Follows how busy the encoder is; decides how much more it may be given.
#[derive(Debug)]
pub(super) struct EncoderLoad {
    /// Share of the time that the encoder works, and the pixels a second it was given.
    busy: Option<(f64, u64)>,
    overused_looks: u32,
    /// Pixels a second that were too much, and until when they are not tried again.
    too_much: Option<(u64, Instant)>,
    wait: Duration,
}

impl Default for EncoderLoad {
    fn default() -> Self {
        Self { busy: None, overused_looks: 0, too_much: None, wait: FIRST_WAIT }
    }
}

impl EncoderLoad {
    /// The encoder worked this share of the last second on pictures of that rung. Whether that is too much.
    pub(super) fn handle_busy(&mut self, now: Instant, rung: Rung, busy: f64) -> bool {
        self.busy = Some((busy, rung.pixel_rate()));
        self.overused_looks = if busy > OVERUSED { self.overused_looks + 1 } else { 0 };
        if self.overused_looks < OVERUSED_LOOKS {
            return false;
        }
        self.overused_looks = 0;
        self.too_much = Some((rung.pixel_rate(), now + self.wait));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        true
    }

    /// Whether the processor has room for that rung, as far as is known.
    pub(super) fn allows(&self, now: Instant, rung: Rung) -> bool {
        let was_too_much =
            self.too_much.is_some_and(|(pixel_rate, until)| rung.pixel_rate() >= pixel_rate && now < until);
        let expected = self
            .busy
            .map_or(0.0, |(busy, pixel_rate)| busy * rung.pixel_rate() as f64 / pixel_rate.max(1) as f64);
        !was_too_much && expected <= AFFORDABLE
    }
}

#[cfg(test)]
mod tests {
    use super::super::rungs::{FIRST, LADDER};
    use super::*;

    #[test]
    fn one_slow_second_is_forgiven_and_two_are_not() {
        let now = Instant::now();
        let mut load = EncoderLoad::default();
        let rung = LADDER[0];
        assert!(!load.handle_busy(now, rung, 0.95));
        assert!(!load.handle_busy(now, rung, 0.5));
        assert!(!load.handle_busy(now, rung, 0.95));
        assert!(load.handle_busy(now, rung, 0.95));
    }

    #[test]
    fn what_a_better_rung_would_take_is_known_before_it_is_tried() {
        let now = Instant::now();
        let mut load = EncoderLoad::default();
        assert!(load.allows(now, LADDER[0]), "nothing is known");
        // 640x360 at 15 takes a tenth: 1280x720 at 30 is eight times as much.
        load.handle_busy(now, LADDER[FIRST], 0.1);
        assert!(!load.allows(now, LADDER[0]));
        assert!(load.allows(now, LADDER[2]));
        load.handle_busy(now, LADDER[FIRST], 0.05);
        assert!(load.allows(now, LADDER[0]));
    }

    #[test]
    fn what_was_too_much_is_tried_less_and_less_often() {
        let mut now = Instant::now();
        let mut load = EncoderLoad::default();
        for wait in [30, 60, 120, 240, 480, 480] {
            assert!(load.allows(now, LADDER[0]));
            load.handle_busy(now, LADDER[0], 0.95);
            assert!(load.handle_busy(now, LADDER[0], 0.95));
            load.handle_busy(now, LADDER[1], 0.2);
            now += Duration::from_secs(wait - 1);
            assert!(!load.allows(now, LADDER[0]));
            assert!(load.allows(now, LADDER[1]));
            now += Duration::from_secs(1);
        }
    }
}
