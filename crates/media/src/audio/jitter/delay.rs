use std::collections::VecDeque;

use crate::audio::SAMPLE_RATE;

/// A millisecond in samples.
const MS: i64 = SAMPLE_RATE as i64 / 1000;

/// How long the fastest packet sets the pace: clocks drift, and paths change.
const WINDOW: i64 = 2000 * MS;

/// The histogram covers 500 ms in steps of 5 ms.
const BIN: i64 = 5 * MS;
const BINS: usize = 100;

/// What a packet a packet weighs after one more: a memory of about 500 packets, ten seconds.
const FORGET: f32 = 0.998;

/// The delay that one percent of packets in time is worth, as in NetEq's reordering optimiser.
const DELAY_PER_LATE_PERCENT: f32 = 20.0 * MS as f32;

/// On top of the delay that packets need, for the 10 ms steps of playout.
const MARGIN: i64 = 10 * MS;

/// Enough for the next packet, and the FEC in it, to have come when one is missing.
pub(super) const MIN_TARGET: i64 = 25 * MS;
pub(super) const MAX_TARGET: i64 = 500 * MS;

/// The target until packets have told enough.
const FIRST_TARGET: i64 = 40 * MS;
const FIRST_PACKETS: u32 = 25;

/// Learns from arrival times how long playout should wait. All times are in samples.
///
/// A packet's transit is its arrival less its timestamp; its delay is how much more that is than of the fastest packet of the
/// last two seconds. The target delay is where waiting longer costs more than the packets it would save.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    /// Arrivals and transits in the window, both rising: the first has the smallest transit.
    fastest: VecDeque<(i64, i64)>,
    /// The share of packets by delay, the last bin including all above.
    histogram: [f32; BINS],
    packets: u32,
    target: i64,
}

impl DelayEstimator {
    pub(super) fn new() -> Self {
        Self { fastest: VecDeque::new(), histogram: [0.0; BINS], packets: 0, target: FIRST_TARGET }
    }

    pub(super) fn on_packet(&mut self, arrival: i64, timestamp: i64) {
        let transit = arrival - timestamp;
        while self.fastest.back().is_some_and(|&(_, known)| known >= transit) {
            self.fastest.pop_back();
        }
        self.fastest.push_back((arrival, transit));
        while self.fastest.len() > 1 && self.fastest.front().is_some_and(|&(at, _)| arrival - at > WINDOW) {
            self.fastest.pop_front();
        }
        let delay = transit - self.base().unwrap_or(transit);
        self.learn(delay);
    }

    /// A packet that was lost came as a copy.
    pub(super) fn on_copy(&mut self, arrival: i64, timestamp: i64) {
        if let Some(base) = self.base() {
            self.learn(arrival - timestamp - base);
        }
    }

    /// The transit of the fastest packet.
    pub(super) fn base(&self) -> Option<i64> {
        self.fastest.front().map(|&(_, transit)| transit)
    }

    /// How far behind the fastest packet playout should be.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// Timestamps are about to begin anew; what was learned of the path stays.
    pub(super) fn restart(&mut self) {
        self.fastest.clear();
    }

    fn learn(&mut self, delay: i64) {
        self.packets = self.packets.saturating_add(1);
        let forget = FORGET.min(1.0 - 1.0 / self.packets as f32);
        self.histogram.iter_mut().for_each(|share| *share *= forget);
        let bin = (delay / BIN).clamp(0, BINS as i64 - 1) as usize;
        self.histogram[bin] += 1.0 - forget;
        let wanted = self.cheapest() + MARGIN;
        let least = if self.packets < FIRST_PACKETS { FIRST_TARGET } else { MIN_TARGET };
        self.target = wanted.clamp(least, MAX_TARGET);
    }

    /// The delay at which waiting and losing together cost least.
    fn cheapest(&self) -> i64 {
        let mut late = 1.0;
        let mut best = (f32::INFINITY, 0);
        for (bin, share) in self.histogram.iter().enumerate() {
            late -= share;
            let delay = (bin as i64 + 1) * BIN;
            let cost = delay as f32 + DELAY_PER_LATE_PERCENT * 100.0 * late.max(0.0);
            if cost < best.0 {
                best = (cost, delay);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds 20 ms packets that are delayed so many milliseconds.
    fn feed(estimator: &mut DelayEstimator, from: i64, delays: impl IntoIterator<Item = i64>) -> i64 {
        let mut n = from;
        for delay in delays {
            estimator.on_packet((n * 20 + delay) * MS, n * 20 * MS);
            n += 1;
        }
        n
    }

    #[test]
    fn a_clean_path_needs_the_least() {
        let mut estimator = DelayEstimator::new();
        feed(&mut estimator, 0, [50; 100]);
        assert_eq!((estimator.base(), estimator.target()), (Some(50 * MS), MIN_TARGET));
    }

    #[test]
    fn even_jitter_is_waited_for_but_a_rare_straggler_is_not() {
        let mut estimator = DelayEstimator::new();
        let next = feed(&mut estimator, 0, (0..500).map(|n| 50 + n * 37 % 61));
        assert!((60 * MS..=80 * MS).contains(&estimator.target()), "{}", estimator.target() / MS);
        let before = estimator.target();
        feed(&mut estimator, next, [400]);
        assert_eq!(estimator.target(), before);
    }

    #[test]
    fn the_pace_follows_drift_and_a_new_path() {
        let mut estimator = DelayEstimator::new();
        let next = feed(&mut estimator, 0, [50; 100]);
        let next = feed(&mut estimator, next, [90; 90]);
        assert_eq!(estimator.base(), Some(50 * MS));
        feed(&mut estimator, next, [90; 15]);
        assert_eq!(estimator.base(), Some(90 * MS));
    }

    #[test]
    fn jitter_that_is_over_is_forgotten() {
        let mut estimator = DelayEstimator::new();
        let next = feed(&mut estimator, 0, (0..500).map(|n| 50 + n * 37 % 101));
        assert!(estimator.target() > 90 * MS);
        feed(&mut estimator, next, [50; 3000]);
        assert_eq!(estimator.target(), MIN_TARGET);
    }
}
