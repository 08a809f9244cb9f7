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
/// Bound of the delay that is asked for from outside.
const MAX_MINIMUM_US: i64 = 500_000;
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
    /// How long after the fastest one frames are shown at least.
    minimum: i64,
    /// The transit after which frames are shown.
    shown_after: i64,
}

/// When a frame is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) render_at: Instant,
    /// How much longer that is after its media time than for the fastest recent frame.
    pub(super) delay: Duration,
}

impl Playout {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            transits: VecDeque::with_capacity(TRANSIT_WINDOW),
            jitters: VecDeque::with_capacity(JITTER_WINDOW),
            fastest: None,
            minimum: 0,
            shown_after: i64::MIN,
        }
    }

    /// From the next frame on frames are shown so much later than the fastest recent one at least, up to half a second.
    pub(super) fn set_minimum_delay(&mut self, minimum: Duration) {
        self.minimum = micros(minimum).min(MAX_MINIMUM_US);
    }

    /// The delay that jitter alone asks for.
    pub(super) fn needed(&self) -> Duration {
        Duration::from_micros(self.covering_delay().unsigned_abs())
    }

    /// When to show the frame with this unwrapped RTP timestamp that became whole at `completed`. A frame that a
    /// retransmission delayed says nothing about the link's jitter.
    pub(super) fn schedule(&mut self, timestamp: i64, completed: Instant, retransmitted: bool) -> Schedule {
        let media_time = timestamp.saturating_mul(1_000_000) / CLOCK_HZ;
        let transit = micros(completed.saturating_duration_since(self.epoch)) - media_time;
        if self.fastest.is_some_and(|fastest| (transit - fastest).abs() > DISCONTINUITY_US) {
            *self = Self { minimum: self.minimum, ..Self::new(self.epoch) };
        }
        if !retransmitted {
            self.observe(transit);
        }
        let wait = self.shown_after.saturating_sub(transit).max(0);
        let delay = (transit + wait - self.fastest.unwrap_or(transit)).max(0);
        Schedule {
            render_at: completed + Duration::from_micros(wait.unsigned_abs()),
            delay: Duration::from_micros(delay.unsigned_abs()),
        }
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

        let wanted = fastest + self.covering_delay().max(self.minimum);
        let excess = self.shown_after.saturating_sub(wanted);
        self.shown_after = if excess <= TOLERATED_US {
            wanted
        } else {
            (self.shown_after - MIN_SPEED_UP_US.max(excess / 4)).min(fastest + MAX_DELAY_US.max(self.minimum))
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
                playout.schedule(TICKS * index as i64, completed, false).render_at - completed
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
    fn frames_wait_as_long_as_they_are_told_to_and_no_longer() {
        let start = Instant::now();
        let mut playout = Playout::new(start);
        let mut waits = |minimum: u64, extra: u64, index: u32| {
            playout.set_minimum_delay(Duration::from_millis(minimum));
            let completed = start + FRAME * index + Duration::from_millis(50 + extra);
            let Schedule { render_at, delay } = playout.schedule(TICKS * i64::from(index), completed, false);
            // Frames come at thirds of a millisecond.
            let ms = |duration: Duration| (duration.as_secs_f64() * 1000.0).round() as u64;
            (ms(render_at - completed), ms(delay), playout.needed())
        };
        assert_eq!(waits(0, 0, 0), (0, 0, Duration::ZERO));
        assert_eq!(waits(80, 0, 1), (80, 80, Duration::ZERO), "at once");
        assert_eq!(waits(80, 9, 2), (71, 80, Duration::ZERO), "whatever jitter is within it");
        let (wait, delay, _) = waits(0, 0, 3);
        assert!((50..80).contains(&wait) && wait == delay, "{wait} ms: the way back is no jerk");
        let last = (4..60).map(|index| waits(0, 0, index).0).last();
        assert_eq!(last, Some(0));
        assert_eq!(waits(9_000, 0, 60).0, 500, "bounded");
    }

    #[test]
    fn a_new_time_base_is_followed() {
        let start = Instant::now();
        let mut playout = Playout::new(start);
        for (index, timestamp) in [(0, 900_000_000), (1, 900_006_000), (2, 0), (3, 6000), (4, 90_000_000)] {
            let completed = start + FRAME * index;
            let schedule = playout.schedule(timestamp, completed, false);
            assert_eq!(schedule.render_at, completed);
        }
    }
}
