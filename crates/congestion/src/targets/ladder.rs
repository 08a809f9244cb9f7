//! What the picture encoder shall make of a bitrate: first the bitrate goes down, then the frame rate, then the size;
//! they come back in the opposite order, with hysteresis, as far as source and processor allow.

use std::time::{Duration, Instant};

use super::held::Held;
use super::load::EncoderLoad;
use super::rungs::{FIRST, LADDER, Rung, SourceLimits};

/// What the picture encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoTarget {
    pub bitrate_bps: u64,
    pub frames_per_second: u32,
    pub width: u32,
    pub height: u32,
}

/// A better rung must be affordable with this much to spare, this long, before it is taken.
const CLIMB_MARGIN: f64 = 1.3;
const CLIMB_PATIENCE: Duration = Duration::from_secs(3);
/// A rung that is not affordable is left after this time, or at once below this share of what it needs: while a queue
/// drains, the estimate dips for a moment.
const FALL_PATIENCE: Duration = Duration::from_millis(700);
const FALL_AT_ONCE: f64 = 0.5;
/// The least that is asked of the encoder; what the network really takes may be less for a while.
const MIN_BPS: u64 = 30_000;

/// Chooses the rung; one for each encoder.
#[derive(Debug)]
pub struct VideoLadder {
    rung: usize,
    /// The best rung that the source fills.
    best: usize,
    load: EncoderLoad,
    /// A better rung is affordable.
    affordable: Held,
    /// This one is not.
    short: Held,
}

impl Default for VideoLadder {
    fn default() -> Self {
        Self {
            rung: FIRST,
            best: 0,
            load: EncoderLoad::default(),
            affordable: Held::default(),
            short: Held::default(),
        }
    }
}

impl VideoLadder {
    /// The most that video can make use of, in bit/s.
    pub const MAX_BPS: u64 = LADDER[0].max_bps;

    /// The pictures come from a source that gives no more than this.
    pub fn handle_source(&mut self, limits: SourceLimits) {
        self.best = limits.best_rung();
        self.rung = self.rung.max(self.best);
    }

    /// The encoder worked this share of the last second, 0 to 1. Lowers the load when that is too much for the next
    /// pictures to be in time; the next target tells.
    pub fn handle_busy(&mut self, now: Instant, busy: f64) {
        if self.load.handle_busy(now, self.current(), busy) && self.rung + 1 < LADDER.len() {
            self.rung += 1;
            self.start_anew();
        }
    }

    /// The target for an available bitrate in bit/s.
    pub fn handle_available(&mut self, now: Instant, available_bps: u64) -> VideoTarget {
        self.fall(now, available_bps);
        self.climb(now, available_bps);
        let rung = self.current();
        VideoTarget {
            bitrate_bps: available_bps.clamp(MIN_BPS, rung.max_bps),
            frames_per_second: rung.frames_per_second,
            width: rung.width,
            height: rung.height,
        }
    }

    fn current(&self) -> Rung {
        LADDER[self.rung]
    }

    fn fall(&mut self, now: Instant, available_bps: u64) {
        let min_bps = self.current().min_bps;
        let is_long = self.short.for_long(now, available_bps < min_bps, FALL_PATIENCE);
        if !is_long && available_bps as f64 >= FALL_AT_ONCE * min_bps as f64 {
            return;
        }
        while self.rung + 1 < LADDER.len() && available_bps < self.current().min_bps {
            self.rung += 1;
        }
        self.start_anew();
    }

    fn climb(&mut self, now: Instant, available_bps: u64) {
        let better = self.better(now, available_bps);
        if self.affordable.for_long(now, better.is_some(), CLIMB_PATIENCE) {
            self.rung = better.unwrap_or(self.rung);
            self.start_anew();
        }
    }

    fn start_anew(&mut self) {
        self.affordable.forget();
        self.short.forget();
    }

    /// The best rung that can be had, at most one size up.
    fn better(&self, now: Instant, available_bps: u64) -> Option<usize> {
        let next_height = LADDER[..self.rung]
            .iter()
            .rev()
            .map(|rung| rung.height)
            .find(|&height| height > self.current().height);
        (self.best..self.rung).find(|&index| {
            let rung = LADDER[index];
            next_height.is_none_or(|height| rung.height <= height)
                && available_bps as f64 >= rung.min_bps as f64 * CLIMB_MARGIN
                && self.load.allows(now, rung)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(target: VideoTarget) -> (u32, u32) {
        (target.frames_per_second, target.height)
    }

    #[test]
    fn bitrate_then_frame_rate_then_size_go_down() {
        let now = Instant::now();
        let mut ladder = VideoLadder::default();
        let first = ladder.handle_available(now, 2_500_000);
        assert_eq!(
            first,
            VideoTarget { bitrate_bps: 800_000, frames_per_second: 15, width: 640, height: 360 }
        );
        let mut now = now;
        let mut settled = |available_bps| {
            ladder.handle_available(now, available_bps);
            now += FALL_PATIENCE;
            quality(ladder.handle_available(now, available_bps))
        };
        assert_eq!(settled(100_000), (15, 360));
        assert_eq!(settled(80_000), (10, 360));
        assert_eq!(settled(50_000), (7, 360));
        assert_eq!(settled(35_000), (15, 180));
        assert_eq!(settled(20_000), (10, 180));
        assert_eq!(settled(10_000), (7, 180));
        assert_eq!(ladder.handle_available(now, 10_000).bitrate_bps, MIN_BPS);
    }

    #[test]
    fn a_dip_lowers_the_bitrate_alone_and_a_fall_everything_at_once() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        for tenth in 0..100 {
            let available = if tenth % 20 < 5 { 80_000 } else { 300_000 };
            let target = ladder.handle_available(start + Duration::from_millis(tenth * 100), available);
            assert_eq!(quality(target), (15, 360));
            assert_eq!(target.bitrate_bps, available);
        }
        let target = ladder.handle_available(start + Duration::from_secs(20), 20_000);
        assert_eq!(quality(target), (10, 180));
    }

    /// The qualities that follow each other at that bitrate, looked at once a second.
    fn climbs(ladder: &mut VideoLadder, start: Instant, seconds: u64, available_bps: u64) -> Vec<(u32, u32)> {
        let mut seen = Vec::new();
        for second in 0..seconds {
            let target = ladder.handle_available(start + Duration::from_secs(second), available_bps);
            if seen.last() != Some(&quality(target)) {
                seen.push(quality(target));
            }
        }
        seen
    }

    #[test]
    fn quality_comes_back_one_size_at_a_time_and_not_at_once() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        ladder.handle_available(start, 10_000);
        let seen = climbs(&mut ladder, start, 20, 2_500_000);
        assert_eq!(seen, [(7, 180), (30, 360), (30, 540), (30, 720)]);
        assert_eq!(climbs(&mut ladder, start, 3, 2_500_000), [(30, 720)]);
    }

    #[test]
    fn what_a_bitrate_is_best_for() {
        for (available_bps, best) in [
            (150_000, (15, 360)),
            (300_000, (15, 540)),
            (700_000, (20, 540)),
            (1_300_000, (30, 540)),
            (1_700_000, (20, 720)),
            (2_200_000, (30, 720)),
        ] {
            let seen = climbs(&mut VideoLadder::default(), Instant::now(), 20, available_bps);
            assert_eq!(seen.last(), Some(&best), "at {available_bps} bit/s");
        }
    }

    #[test]
    fn a_source_gives_no_more_than_it_has() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        ladder.handle_source(SourceLimits { frames_per_second: 15, width: 640, height: 360 });
        assert_eq!(climbs(&mut ladder, start, 20, 2_500_000), [(15, 360)]);
        ladder.handle_source(SourceLimits { frames_per_second: 30, width: 1280, height: 720 });
        assert_eq!(climbs(&mut ladder, start, 20, 2_500_000), [(15, 360), (30, 540), (30, 720)]);
        ladder.handle_source(SourceLimits { frames_per_second: 30, width: 640, height: 480 });
        assert_eq!(climbs(&mut ladder, start, 20, 2_500_000), [(30, 360)]);
    }

    #[test]
    fn a_busy_processor_lowers_the_load_and_is_not_asked_for_more() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        climbs(&mut ladder, start, 20, 2_500_000);
        let mut now = start + Duration::from_secs(20);
        let mut seen = Vec::new();
        // A processor that 1280x720 at 20 fills to 80 %.
        for _ in 0..20 {
            now += Duration::from_secs(1);
            let target = ladder.handle_available(now, 2_500_000);
            let pixels = f64::from(target.width * target.height * target.frames_per_second);
            ladder.handle_busy(now, (pixels / (1280.0 * 720.0 * 20.0) * 0.8).min(1.0));
            if seen.last() != Some(&quality(target)) {
                seen.push(quality(target));
            }
        }
        assert_eq!(seen, [(30, 720), (20, 720)]);
    }

    #[test]
    fn a_rate_at_the_border_does_not_make_it_flap() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        let mut changes = 0;
        let mut last = (15, 360);
        for tenth in 0..600u64 {
            let available = if tenth % 20 < 10 { 85_000 } else { 95_000 };
            let seen =
                quality(ladder.handle_available(start + Duration::from_millis(tenth * 100), available));
            changes += usize::from(seen != last);
            last = seen;
        }
        assert_eq!(changes, 1);
    }
}
