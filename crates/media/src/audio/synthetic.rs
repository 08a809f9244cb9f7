use std::f64::consts::TAU;

use super::wav::WavLoop;
use super::{BLOCK_SAMPLES, Block, SAMPLE_RATE};
use crate::DeviceError;

const TONE_HZ: f64 = 440.0;

/// -12 dB of full scale.
const TONE_AMPLITUDE: f64 = 0.251_188_643;

/// What can stand for a microphone.
pub(crate) enum Synthetic {
    Tone(Tone),
    File(Box<WavLoop>),
}

impl Synthetic {
    pub(crate) fn next_block(&mut self) -> Result<Block, DeviceError> {
        match self {
            Self::Tone(tone) => Ok(tone.next_block()),
            Self::File(wav) => wav.next_block(),
        }
    }
}

/// A steady 440 Hz sine, 12 dB below full scale, without seams between blocks.
#[derive(Debug, Default)]
pub(crate) struct Tone {
    /// Samples so far, modulo one second, in which the tone makes whole turns.
    position: u32,
}

impl Tone {
    pub(crate) fn next_block(&mut self) -> Block {
        let mut block = [0.0; BLOCK_SAMPLES];
        for sample in &mut block {
            let turns = TONE_HZ * f64::from(self.position) / f64::from(SAMPLE_RATE);
            *sample = (TONE_AMPLITUDE * (TAU * turns).sin()) as f32;
            self.position = (self.position + 1) % SAMPLE_RATE;
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_has_its_level_and_no_seams() {
        let mut tone = Tone::default();
        let samples: Vec<f32> = (0..150).flat_map(|_| tone.next_block()).collect();
        let rms = (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt();
        assert!((20.0 * (rms * 2_f32.sqrt()).log10() + 12.0).abs() < 0.05, "{rms}");
        let steepest = TONE_AMPLITUDE * TAU * TONE_HZ / f64::from(SAMPLE_RATE);
        assert!(samples.windows(2).all(|pair| f64::from((pair[1] - pair[0]).abs()) < steepest * 1.001));
    }
}
