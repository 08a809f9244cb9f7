//! What the encoder shall make of a bitrate: first the bitrate goes down, then the frame rate, then the size; they come
//! back in the opposite order, with hysteresis.

use std::time::{Duration, Instant};

/// What the encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoTarget {
    pub bitrate_bps: u64,
    pub frames_per_second: u32,
    pub width: u32,
    pub height: u32,
}

/// A quality, and the bitrates in bit/s between which it is worth having.
#[derive(Debug, Clone, Copy)]
struct Rung {
    frames_per_second: u32,
    width: u32,
    height: u32,
    /// Below: the next rung down looks better.
    min_bps: u64,
    /// More brings nothing that a viewer sees.
    max_bps: u64,
}

/// From best to least.
const LADDER: [Rung; 5] = [
    Rung { frames_per_second: 15, width: 640, height: 360, min_bps: 150_000, max_bps: 800_000 },
    Rung { frames_per_second: 10, width: 640, height: 360, min_bps: 110_000, max_bps: 400_000 },
    Rung { frames_per_second: 15, width: 320, height: 180, min_bps: 70_000, max_bps: 250_000 },
    Rung { frames_per_second: 10, width: 320, height: 180, min_bps: 40_000, max_bps: 150_000 },
    Rung { frames_per_second: 7, width: 160, height: 90, min_bps: 0, max_bps: 80_000 },
];

/// The better rung must be affordable with this much to spare, this long, before it is taken.
const CLIMB_MARGIN: f64 = 1.3;
const CLIMB_PATIENCE: Duration = Duration::from_secs(3);
/// A rung that is not affordable is left after this time, or at once below this share of what it needs: while a queue
/// drains, the estimate dips for a moment.
const FALL_PATIENCE: Duration = Duration::from_millis(700);
const FALL_AT_ONCE: f64 = 0.5;
/// The least that is asked of the encoder; what the network really takes may be less for a while.
const MIN_BPS: u64 = 30_000;

/// Chooses the rung; one for each encoder.
#[derive(Debug, Default)]
pub struct VideoLadder {
    rung: usize,
    /// Since when the next better rung has been affordable.
    affordable_since: Option<Instant>,
    /// Since when this one has not been.
    short_since: Option<Instant>,
}

impl VideoLadder {
    /// The most that video can make use of, in bit/s.
    pub const MAX_BPS: u64 = LADDER[0].max_bps;

    /// The target for an available bitrate in bit/s.
    pub fn handle_available(&mut self, now: Instant, available_bps: u64) -> VideoTarget {
        self.fall(now, available_bps);
        self.climb(now, available_bps);
        let rung = LADDER[self.rung];
        VideoTarget {
            bitrate_bps: available_bps.clamp(MIN_BPS, rung.max_bps),
            frames_per_second: rung.frames_per_second,
            width: rung.width,
            height: rung.height,
        }
    }

    fn fall(&mut self, now: Instant, available_bps: u64) {
        let min_bps = LADDER[self.rung].min_bps;
        if available_bps >= min_bps {
            self.short_since = None;
            return;
        }
        let since = *self.short_since.get_or_insert(now);
        let is_long = now.saturating_duration_since(since) >= FALL_PATIENCE;
        if !is_long && available_bps as f64 >= FALL_AT_ONCE * min_bps as f64 {
            return;
        }
        while self.rung + 1 < LADDER.len() && available_bps < LADDER[self.rung].min_bps {
            self.rung += 1;
        }
        (self.affordable_since, self.short_since) = (None, None);
    }

    fn climb(&mut self, now: Instant, available_bps: u64) {
        let Some(better) = self.rung.checked_sub(1) else { return };
        if (available_bps as f64) < LADDER[better].min_bps as f64 * CLIMB_MARGIN {
            self.affordable_since = None;
            return;
        }
        let since = *self.affordable_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= CLIMB_PATIENCE {
            self.rung = better;
            self.affordable_since = None;
        }
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
        let full = ladder.handle_available(now, 2_000_000);
        assert_eq!(
            full,
            VideoTarget { bitrate_bps: 800_000, frames_per_second: 15, width: 640, height: 360 }
        );
        let mut now = now;
        let mut settled = |available_bps| {
            ladder.handle_available(now, available_bps);
            now += FALL_PATIENCE;
            quality(ladder.handle_available(now, available_bps))
        };
        assert_eq!(settled(200_000), (15, 360));
        assert_eq!(settled(140_000), (10, 360));
        assert_eq!(settled(100_000), (15, 180));
        assert_eq!(settled(50_000), (10, 180));
        assert_eq!(settled(10_000), (7, 90));
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
        let target = ladder.handle_available(start + Duration::from_secs(20), 50_000);
        assert_eq!(quality(target), (10, 180));
    }

    #[test]
    fn quality_comes_back_one_rung_at_a_time_and_not_at_once() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        ladder.handle_available(start, 60_000);
        let mut seen = Vec::new();
        for second in 0..12 {
            let target = ladder.handle_available(start + Duration::from_secs(second), 500_000);
            if seen.last() != Some(&quality(target)) {
                seen.push(quality(target));
            }
        }
        assert_eq!(seen, [(10, 180), (15, 180), (10, 360), (15, 360)]);
    }

    #[test]
    fn a_rate_at_the_border_does_not_make_it_flap() {
        let start = Instant::now();
        let mut ladder = VideoLadder::default();
        let mut changes = 0;
        let mut last = (15, 360);
        for tenth in 0..600u64 {
            let available = if tenth % 20 < 10 { 145_000 } else { 160_000 };
            let seen =
                quality(ladder.handle_available(start + Duration::from_millis(tenth * 100), available));
            changes += usize::from(seen != last);
            last = seen;
        }
        assert_eq!(changes, 1);
    }
}
