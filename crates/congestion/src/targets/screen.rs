//! What a shared screen gets: its part of what is there for pictures, and what its encoder makes of that. Text is read,
//! not watched: the frame rate goes first, the size last.

use std::time::{Duration, Instant};

use super::VideoTarget;
use super::held::Held;

/// The camera beside a screen is a small picture: this share of what there is, within these bounds in bit/s, and never
/// more than half.
const CAMERA_SHARE: f64 = 0.2;
const CAMERA_LEAST_BPS: u64 = 160_000;
const CAMERA_MOST_BPS: u64 = 250_000;

/// A quality, and the bitrates in bit/s between which it is worth having.
#[derive(Debug, Clone, Copy)]
struct Rung {
    frames_per_second: u32,
    width: u32,
    height: u32,
    /// Below: the next rung down is easier to read.
    min_bps: u64,
}

/// From best to least.
const LADDER: [Rung; 5] = [
    Rung { frames_per_second: 30, width: 1920, height: 1080, min_bps: 1_200_000 },
    Rung { frames_per_second: 15, width: 1920, height: 1080, min_bps: 600_000 },
    Rung { frames_per_second: 10, width: 1920, height: 1080, min_bps: 350_000 },
    Rung { frames_per_second: 5, width: 1920, height: 1080, min_bps: 80_000 },
    Rung { frames_per_second: 5, width: 1280, height: 720, min_bps: 0 },
];
const MOST_BPS: u64 = 2_500_000;
/// The least that is asked of the encoder; what the network really takes may be less for a while.
const LEAST_BPS: u64 = 30_000;

/// The better rung must be affordable with this much to spare, this long, before it is taken.
const CLIMB_MARGIN: f64 = 1.2;
const CLIMB_PATIENCE: Duration = Duration::from_secs(3);
/// A rung that is not affordable is left after this time; until then the encoder drops pictures.
const FALL_PATIENCE: Duration = Duration::from_millis(700);

/// What the camera and the screen get of a bitrate that is there for both, in bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSplit {
    pub camera_bps: u64,
    pub screen_bps: u64,
}

impl ScreenSplit {
    /// Divides what is there for pictures while a screen is shared.
    pub fn of(available_bps: u64) -> Self {
        let wanted = (available_bps as f64 * CAMERA_SHARE) as u64;
        let camera_bps = wanted.clamp(CAMERA_LEAST_BPS, CAMERA_MOST_BPS).min(available_bps / 2);
        Self { camera_bps, screen_bps: available_bps - camera_bps }
    }
}

/// Chooses the rung of a screen; one for each encoder.
#[derive(Debug, Default)]
pub struct ScreenLadder {
    rung: usize,
    /// A better rung is affordable.
    affordable: Held,
    /// This one is not.
    short: Held,
}

impl ScreenLadder {
    /// The most that a camera and a screen together can make use of, in bit/s.
    pub const MAX_BPS: u64 = MOST_BPS + CAMERA_MOST_BPS;

    /// The target for an available bitrate in bit/s. The size is the most that a picture may have.
    pub fn handle_available(&mut self, now: Instant, available_bps: u64) -> VideoTarget {
        self.fall(now, available_bps);
        self.climb(now, available_bps);
        let Rung { frames_per_second, width, height, .. } = LADDER[self.rung];
        let bitrate_bps = available_bps.clamp(LEAST_BPS, MOST_BPS);
        VideoTarget { bitrate_bps, frames_per_second, width, height }
    }

    fn fall(&mut self, now: Instant, available_bps: u64) {
        let is_short = available_bps < LADDER[self.rung].min_bps;
        if self.short.for_long(now, is_short, FALL_PATIENCE) {
            let affordable = LADDER.iter().position(|rung| available_bps >= rung.min_bps);
            self.rung = affordable.unwrap_or(LADDER.len() - 1);
            self.start_anew();
        }
    }

    fn climb(&mut self, now: Instant, available_bps: u64) {
        let Some(better) = self.rung.checked_sub(1) else { return };
        let is_affordable = available_bps as f64 >= LADDER[better].min_bps as f64 * CLIMB_MARGIN;
        if self.affordable.for_long(now, is_affordable, CLIMB_PATIENCE) {
            self.rung = better;
            self.start_anew();
        }
    }

    fn start_anew(&mut self) {
        self.affordable.forget();
        self.short.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(target: VideoTarget) -> (u32, u32) {
        (target.frames_per_second, target.height)
    }

    #[test]
    fn the_frame_rate_goes_down_before_the_size() {
        let mut ladder = ScreenLadder::default();
        let mut now = Instant::now();
        let mut settled = |available_bps| {
            ladder.handle_available(now, available_bps);
            now += FALL_PATIENCE;
            quality(ladder.handle_available(now, available_bps))
        };
        assert_eq!(settled(5_000_000), (30, 1080));
        assert_eq!(settled(700_000), (15, 1080));
        assert_eq!(settled(400_000), (10, 1080));
        assert_eq!(settled(200_000), (5, 1080));
        assert_eq!(settled(10_000), (5, 720));
        assert_eq!(ladder.handle_available(now, 10_000).bitrate_bps, LEAST_BPS);
    }

    #[test]
    fn a_dip_lowers_the_bitrate_alone() {
        let start = Instant::now();
        let mut ladder = ScreenLadder::default();
        for tenth in 0..100 {
            let available = if tenth % 20 < 5 { 300_000 } else { 1_500_000 };
            let target = ladder.handle_available(start + Duration::from_millis(tenth * 100), available);
            assert_eq!((quality(target), target.bitrate_bps), ((30, 1080), available));
        }
    }

    #[test]
    fn quality_comes_back_one_rung_at_a_time_and_not_at_once() {
        let start = Instant::now();
        let mut ladder = ScreenLadder::default();
        ladder.handle_available(start, 60_000);
        ladder.handle_available(start + FALL_PATIENCE, 60_000);
        let mut seen = Vec::new();
        for second in 1..25 {
            let target = ladder.handle_available(start + Duration::from_secs(second), 2_000_000);
            if seen.last() != Some(&quality(target)) {
                seen.push(quality(target));
            }
        }
        assert_eq!(seen, [(5, 720), (5, 1080), (10, 1080), (15, 1080), (30, 1080)]);
    }

    #[test]
    fn the_camera_beside_a_screen_is_small_and_keeps_moving() {
        let split = |available_bps| {
            let ScreenSplit { camera_bps, screen_bps } = ScreenSplit::of(available_bps);
            assert_eq!(camera_bps + screen_bps, available_bps);
            camera_bps
        };
        assert_eq!(split(3_000_000), CAMERA_MOST_BPS);
        assert_eq!(split(1_000_000), 200_000);
        assert_eq!(split(400_000), CAMERA_LEAST_BPS);
        assert_eq!(split(200_000), 100_000);
        assert_eq!(split(0), 0);
    }
}
