use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Block;

/// How loud something is played: 0 is silent, 1 as it came, 2 the most. Whatever else is asked for is the nearest of
/// these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(from = "f32", into = "f32")]
#[ts(type = "number")]
pub struct Volume(f32);

impl Volume {
    pub const SILENT: Self = Self(0.0);
    pub const UNCHANGED: Self = Self(1.0);
    pub const MOST: Self = Self(2.0);

    /// What every sample is multiplied with: the square, so that twice the volume is 12 dB more, which is heard as about
    /// twice as loud (Stevens 1955: 10 dB).
    pub fn gain(self) -> f32 {
        self.0 * self.0
    }
}

impl From<f32> for Volume {
    fn from(volume: f32) -> Self {
        if volume.is_nan() { Self::UNCHANGED } else { Self(volume.clamp(Self::SILENT.0, Self::MOST.0)) }
    }
}

impl From<Volume> for f32 {
    fn from(volume: Volume) -> Self {
        volume.0
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self::UNCHANGED
    }
}

/// A gain that gets where it is wanted within a block, in a straight line: a step would be heard as a click.
#[derive(Debug)]
pub(crate) struct Fader {
    gain: f32,
    wanted: f32,
}

impl Fader {
    pub(crate) fn new(volume: Volume) -> Self {
        Self { gain: volume.gain(), wanted: volume.gain() }
    }

    pub(crate) fn set(&mut self, volume: Volume) {
        self.wanted = volume.gain();
    }

    pub(crate) fn apply(&mut self, block: &mut Block) {
        let (from, to) = (self.gain, self.wanted);
        self.gain = to;
        if from == to {
            // As it came means to the bit.
            if to != 1.0 {
                block.iter_mut().for_each(|sample| *sample *= to);
            }
            return;
        }
        let step = (to - from) / block.len() as f32;
        for (n, sample) in block.iter_mut().enumerate() {
            *sample *= from + step * (n + 1) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::BLOCK_SAMPLES;

    #[test]
    fn a_volume_is_kept_within_its_bounds() {
        for (asked, gain) in [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.25), (1.0, 1.0), (2.0, 4.0), (9.0, 4.0)] {
            assert_eq!(Volume::from(asked).gain(), gain, "{asked}");
        }
        assert_eq!(Volume::from(f32::NAN), Volume::UNCHANGED);
    }

    #[test]
    fn a_fader_goes_over_evenly_and_stays() {
        let mut fader = Fader::new(Volume::UNCHANGED);
        fader.set(Volume::SILENT);
        let mut sound = Vec::new();
        for _ in 0..3 {
            let mut block = [1.0; BLOCK_SAMPLES];
            fader.apply(&mut block);
            sound.extend(block);
        }
        let largest = sound.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        assert!(largest < 0.003, "a step of {largest}");
        assert!(sound[BLOCK_SAMPLES - 1..].iter().all(|sample| *sample == 0.0));
        assert!(sound[0] > 0.99);
    }
}
