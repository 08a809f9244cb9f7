use std::collections::VecDeque;
use std::time::{Duration, Instant};

const CLOCK_HZ: i64 = 90_000;

/// Frames over which the fastest transit is sought.
const TRANSIT_WINDOW: usize = 30;
/// Frames whose jitter decides the delay.
const JITTER_WINDOW: usize = 60;
/// Share of those frames that the delay is to cover, in percent.
const COVERED_PERCENT: usize = 95;

/// Jitter up to this is not worth a delay.
const TOLERATED_US: i64 = 10_000;
const MAX_DELAY_US: i64 = 300_000;
/// How much earlier than the one before it a frame may be shown: this, or a quarter of the excess.
const MIN_SPEED_UP_US: i64 = 5_000;

/// A frame that is this much later or earlier comes from another time base.
const DISCONTINUITY_US: i64 = 2_000_000;

/// Evens out the arrival of frames: says when each one is to be shown, as early as the jitter of the last seconds
/// allows. On a link whose jitter nobody would see that is at once.
///
/// All times are in microseconds. A transit is the time of arrival minus the media time; only differences of transits
/// mean anything, since the clocks have nothing in common.
#[derive(Debug)]
pub(super) struct Playout {
    epoch: Instant,
    /// Transits of the last frames.
    transits: VecDeque<i64>,
    /// How much later than the fastest recent one each frame came.
    jitters: VecDeque<i64>,
    fastest: Option<i64>,
    /// The transit after which frames are shown.
    shown_after: i64,
}

impl Playout {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            transits: VecDeque::with_capacity(TRANSIT_WINDOW),
            jitters: VecDeque::with_capacity(JITTER_WINDOW),
            fastest: None,
            shown_after: i64::MIN,
        }
    }

    /// When to show the frame with this unwrapped RTP timestamp that became whole at `completed`. A frame that a
    /// retransmission delayed says nothing about the link's jitter.
    pub(super) fn render_at(&mut self, timestamp: i64, completed: Instant, retransmitted: bool) -> Instant {
        let media_time = timestamp.saturating_mul(1_000_000) / CLOCK_HZ;
        let transit = micros(completed.saturating_duration_since(self.epoch)) - media_time;
        if self.fastest.is_some_and(|fastest| (transit - fastest).abs() > DISCONTINUITY_US) {
            *self = Self::new(self.epoch);
        }
        if !retransmitted {
            self.observe(transit);
        }
        let wait = self.shown_after.saturating_sub(transit).max(0);
        completed + Duration::from_micros(wait.unsigned_abs())
    }

    fn observe(&mut self, transit: i64) {
        push_bounded(&mut self.transits, transit, TRANSIT_WINDOW);
        let fastest = self.transits.iter().copied().fold(transit, i64::min);
        // What looked like jitter before was a longer way, of which all frames take the same part.
        let lengthened = self.fastest.replace(fastest).map_or(0, |before| (fastest - before).max(0));
        for jitter in &mut self.jitters {
            *jitter = (*jitter - lengthened).max(0);
        }
        push_bounded(&mut self.jitters, transit - fastest, JITTER_WINDOW);

        let wanted = fastest + self.covering_delay();
        let excess = self.shown_after.saturating_sub(wanted);
        self.shown_after = if excess <= TOLERATED_US {
            wanted
        } else {
            (self.shown_after - MIN_SPEED_UP_US.max(excess / 4)).min(fastest + MAX_DELAY_US)
        };
    }

    fn covering_delay(&self) -> i64 {
        let mut sorted: Vec<i64> = self.jitters.iter().copied().collect();
        sorted.sort_unstable();
        let position = (sorted.len() * COVERED_PERCENT / 100).min(sorted.len().saturating_sub(1));
        match sorted.get(position) {
            Some(&jitter) if jitter > TOLERATED_US => jitter.min(MAX_DELAY_US),
            Some(_) | None => 0,
        }
    }
}

fn push_bounded(window: &mut VecDeque<i64>, value: i64, capacity: usize) {
    if window.len() == capacity {
        window.pop_front();
    }
    window.push_back(value);
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_micros(66_667);
    const TICKS: i64 = 6000;

    /// Runs frames with these extra transit times and returns how long each was held.
    fn held(extra_ms: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        let start = Instant::now();
        let mut playout = Playout::new(start);
        extra_ms
            .into_iter()
            .enumerate()
            .map(|(index, extra)| {
                let completed = start + FRAME * index as u32 + Duration::from_millis(50 + extra);
                playout.render_at(TICKS * index as i64, completed, false) - completed
            })
            .collect()
    }

    #[test]
    fn a_clean_link_is_not_delayed() {
        assert!(held([0; 200]).iter().all(Duration::is_zero));
        assert!(held((0..200).map(|index| index * 7 % 9)).iter().all(Duration::is_zero));
    }

    #[test]
    fn jitter_is_evened_out() {
        let extra: Vec<u64> = (0..300).map(|index| index * 37 % 41).collect();
        let held = held(extra.iter().copied());
        let shown: Vec<Duration> =
            held.iter().zip(&extra).map(|(held, &extra)| *held + Duration::from_millis(extra)).collect();
        let settled = &shown[100..];
        let earliest = settled.iter().min().expect("frames");
        let latest = settled.iter().max().expect("frames");
        assert!(*latest - *earliest <= Duration::from_millis(5), "{earliest:?} to {latest:?}");
        assert!(*latest <= Duration::from_millis(41), "never later than the latest arrival: {latest:?}");
    }

    #[test]
    fn the_delay_goes_when_the_jitter_goes() {
        let held = held((0..400).map(|index| if index < 200 { index * 37 % 41 } else { 0 }));
        assert!(!held[199].is_zero() || !held[198].is_zero());
        assert!(held[300..].iter().all(Duration::is_zero));
    }

    #[test]
    fn a_queue_that_stands_still_adds_nothing() {
        let held = held((0..400).map(|index| if index < 200 { 0 } else { 150 }));
        assert!(held[200..].iter().all(Duration::is_zero), "frames that are late already are not held");
    }

    #[test]
    fn when_a_queue_drains_the_delay_goes_within_seconds() {
        let held = held((0..400).map(|index| if index < 200 { 150 } else { 0 }));
        assert!(held[..200].iter().all(Duration::is_zero));
        assert!(held[200..].windows(2).all(|pair| pair[1] <= pair[0]), "never a jerk");
        assert!(held[220..].iter().all(Duration::is_zero));
    }

    #[test]
    fn a_new_time_base_is_followed() {
        let start = Instant::now();
        let mut playout = Playout::new(start);
        for (index, timestamp) in [(0, 900_000_000), (1, 900_006_000), (2, 0), (3, 6000), (4, 90_000_000)] {
            let completed = start + FRAME * index;
            let render_at = playout.render_at(timestamp, completed, false);
            assert_eq!(render_at, completed);
        }
    }
}
