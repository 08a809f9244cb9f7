//! A video encoder that follows its target after a while, and not exactly (RFC 8867 section 4.1: a media source).

use super::random::Random;

/// Time constant with which the rate follows the target.
const LAG_S: f64 = 0.15;
/// How much larger a key frame is.
const KEY_FRAME: f64 = 4.0;
/// Spread of frame sizes.
const SPREAD: f64 = 0.12;
/// What a frame was too large is taken from as many frames after it.
const REPAY_FRAMES: f64 = 12.0;

pub(crate) struct Encoder {
    pub(crate) min_bps: f64,
    pub(crate) max_bps: f64,
    pub(crate) frames_per_second: f64,
    rate_bps: f64,
    wants_key_frame: bool,
    overshoot_bytes: f64,
    random: Random,
}

impl Encoder {
    pub(crate) fn new(min_bps: f64, max_bps: f64, frames_per_second: f64, seed: u64) -> Self {
        Self {
            min_bps,
            max_bps,
            frames_per_second,
            rate_bps: min_bps,
            wants_key_frame: true,
            overshoot_bytes: 0.0,
            random: Random::new(seed),
        }
    }

    pub(crate) fn ask_for_key_frame(&mut self) {
        self.wants_key_frame = true;
    }

    /// Bytes of the next frame.
    pub(crate) fn encode(&mut self, target_bps: f64) -> usize {
        let wanted = target_bps.clamp(self.min_bps, self.max_bps);
        let step = 1.0 - (-1.0 / (LAG_S * self.frames_per_second)).exp();
        self.rate_bps += (wanted - self.rate_bps) * step;
        let fair = self.rate_bps / 8.0 / self.frames_per_second;
        let noise = (1.0 + SPREAD * self.random.normal()).clamp(0.5, 2.0);
        let wanted = if std::mem::take(&mut self.wants_key_frame) {
            fair * KEY_FRAME
        } else {
            (fair * noise - self.overshoot_bytes / REPAY_FRAMES).max(fair * 0.3)
        };
        self.overshoot_bytes = (self.overshoot_bytes + wanted - fair).max(0.0);
        wanted as usize
    }
}
