//! The rate at which the path lets out packets that entered it in a burst.
//!
//! The pacer sends a frame at a multiple of the target, so every frame is a small probe: what it is spread to is the
//! capacity of the path, or the share of it that a burst gets beside others. Its changes show new capacity long before
//! an additive increase would.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sound is too small, and leaves by itself.
const MIN_BYTES: usize = 300;
/// Packets this much closer than the target would have them are a burst.
const BURST_RATE: f64 = 1.5;
const WINDOW: Duration = Duration::from_millis(600);
const MIN_PAIRS: usize = 10;

#[derive(Debug, Default)]
pub(super) struct Dispersion {
    last: Option<Seen>,
    pairs: VecDeque<Pair>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    sequence_number: u64,
    departure: Instant,
    arrival: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    arrival: Duration,
    bits: f64,
    arrival_gap_s: f64,
}

impl Dispersion {
    /// Takes a packet that arrived, in order of departure.
    pub(super) fn handle_packet(
        &mut self,
        sequence_number: u64,
        departure: Instant,
        arrival: Duration,
        size: usize,
        target_bps: f64,
    ) {
        if size < MIN_BYTES {
            // It may stand between two packets of a burst.
            if let Some(last) = &mut self.last
                && last.sequence_number + 1 == sequence_number
            {
                last.sequence_number = sequence_number;
            }
            return;
        }
        let before = self.last.replace(Seen { sequence_number, departure, arrival });
        let Some(before) = before.filter(|before| before.sequence_number + 1 == sequence_number) else {
            return;
        };
        let departure_gap_s = departure.saturating_duration_since(before.departure).as_secs_f64();
        let bits = size as f64 * 8.0;
        if departure_gap_s * BURST_RATE * target_bps > bits {
            return;
        }
        let arrival_gap_s = arrival.saturating_sub(before.arrival).as_secs_f64();
        self.pairs.push_back(Pair { arrival, bits, arrival_gap_s });
        while self.pairs.front().is_some_and(|pair| arrival.saturating_sub(pair.arrival) > WINDOW) {
            self.pairs.pop_front();
        }
    }

    /// Over the last bursts; `None` if there were too few.
    pub(super) fn bitrate_bps(&self) -> Option<f64> {
        if self.pairs.len() < MIN_PAIRS {
            return None;
        }
        let bits: f64 = self.pairs.iter().map(|pair| pair.bits).sum();
        let seconds: f64 = self.pairs.iter().map(|pair| pair.arrival_gap_s).sum();
        (seconds > 0.0).then(|| bits / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bursts of four packets at 2.5 Mbit/s, through a path of `capacity_bps`, beside sound.
    fn measured(capacity_bps: f64) -> Option<f64> {
        let start = Instant::now();
        let mut dispersion = Dispersion::default();
        let mut sequence_number = 0;
        let mut free_at = 0.0f64;
        for frame in 0..30 {
            for packet in 0..5 {
                let size = if packet == 2 { 60 } else { 1000 };
                let left = f64::from(frame) / 30.0 + f64::from(packet) * 0.0032;
                free_at = free_at.max(left) + size as f64 * 8.0 / capacity_bps;
                sequence_number += 1;
                dispersion.handle_packet(
                    sequence_number,
                    start + Duration::from_secs_f64(left),
                    Duration::from_secs_f64(10.0 + free_at),
                    size,
                    1e6,
                );
            }
        }
        dispersion.bitrate_bps()
    }

    #[test]
    fn a_narrow_path_spreads_bursts_to_its_own_rate() {
        let found = measured(1.2e6).expect("bursts");
        assert!((1.1e6..=1.25e6).contains(&found), "{found}");
    }

    #[test]
    fn a_wide_path_does_not_spread_them() {
        let found = measured(20e6).expect("bursts");
        assert!(found > 1.7e6, "{found}");
    }
}
