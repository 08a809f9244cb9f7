use std::time::Instant;

use crate::audio::SAMPLE_RATE;

/// Instants as samples since the first one seen.
#[derive(Debug, Default)]
pub(super) struct SampleClock {
    origin: Option<Instant>,
}

impl SampleClock {
    pub(super) fn samples(&mut self, now: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        let samples = |duration: std::time::Duration| {
            i64::try_from(duration.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000)
                .unwrap_or(i64::MAX / 4)
        };
        match now.checked_duration_since(origin) {
            Some(since) => samples(since),
            None => -samples(origin.duration_since(now)),
        }
    }
}

/// Extends RTP's wrapping numbers (RFC 3550 section 5.1) to ones that do not wrap.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    newest: Option<Position>,
}

/// Where a packet belongs in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) sequence: i64,
    pub(super) timestamp: i64,
}

impl Unwrapper {
    pub(super) fn unwrap(&mut self, sequence: u16, timestamp: u32) -> Position {
        let Some(newest) = self.newest else {
            let first = Position { sequence: i64::from(sequence), timestamp: i64::from(timestamp) };
            return *self.newest.insert(first);
        };
        // The differences are those to the nearest number that the wire's bits can mean.
        let steps = sequence.wrapping_sub(newest.sequence as u16) as i16;
        let ticks = timestamp.wrapping_sub(newest.timestamp as u32) as i32;
        let position = Position {
            sequence: newest.sequence + i64::from(steps),
            timestamp: newest.timestamp + i64::from(ticks),
        };
        if steps > 0 {
            self.newest = Some(position);
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_their_ends_in_any_order() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap(65_534, u32::MAX - 959);
        let third = unwrapper.unwrap(0, 960);
        let second = unwrapper.unwrap(65_535, 0);
        assert_eq!(third, Position { sequence: first.sequence + 2, timestamp: first.timestamp + 1920 });
        assert_eq!(second, Position { sequence: first.sequence + 1, timestamp: first.timestamp + 960 });
    }

    #[test]
    fn times_before_the_first_are_negative() {
        let mut clock = SampleClock::default();
        let origin = Instant::now() + std::time::Duration::from_secs(1);
        assert_eq!(clock.samples(origin), 0);
        assert_eq!(clock.samples(origin + std::time::Duration::from_millis(20)), 960);
        assert_eq!(clock.samples(origin - std::time::Duration::from_millis(10)), -480);
    }
}
