use std::f64::consts::{PI, TAU};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::wav::WavLoop;
use super::{BLOCK_SAMPLES, Block, SAMPLE_RATE};
use crate::DeviceError;

const TONE_HZ: f64 = 440.0;

/// -12 dB of full scale.
const TONE_AMPLITUDE: f64 = 0.251_188_643;

const PIP_HZ: f64 = 1_000.0;
const PIP_SECONDS: f64 = 0.02;
const PIP_INTERVAL_NANOS: u128 = 500_000_000;
const PIP_AMPLITUDE: f64 = 0.5;

/// What can stand for a microphone.
pub(crate) enum Synthetic {
    Tone(Tone),
    Pips(Pips),
    File(Box<WavLoop>),
}

impl Synthetic {
    /// The 10 ms that begin at `captured`.
    pub(crate) fn next_block(&mut self, captured: Instant) -> Result<Block, DeviceError> {
        match self {
            Self::Tone(tone) => Ok(tone.next_block()),
            Self::Pips(pips) => Ok(pips.block_at(captured)),
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

/// A pip at each half second of Unix time: 20 ms of 1 kHz that swell and fade, loudest in the middle, 6 dB below full
/// scale. Between them is silence.
#[derive(Debug)]
pub(crate) struct Pips {
    /// One moment by both clocks, in nanoseconds since 1970.
    epoch: (Instant, u128),
}

impl Pips {
    pub(crate) fn new(now: Instant, unix_now: SystemTime) -> Self {
        Self { epoch: (now, unix_now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()) }
    }

    fn block_at(&self, captured: Instant) -> Block {
        let (epoch, unix_nanos) = self.epoch;
        let begin = unix_nanos + captured.saturating_duration_since(epoch).as_nanos();
        std::array::from_fn(|index| {
            let nanos = begin + index as u128 * 1_000_000_000 / u128::from(SAMPLE_RATE);
            pip((nanos % PIP_INTERVAL_NANOS) as f64 / 1e9)
        })
    }
}

/// The sound so many seconds after a half second began.
fn pip(seconds: f64) -> f32 {
    if seconds >= PIP_SECONDS {
        return 0.0;
    }
    let swell = (PI * seconds / PIP_SECONDS).sin().powi(2);
    (PIP_AMPLITUDE * swell * (TAU * PIP_HZ * seconds).sin()) as f32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
    #[test]
    fn a_pip_is_loudest_ten_milliseconds_after_each_half_second() {
        let start = Instant::now();
        let pips = Pips::new(start, UNIX_EPOCH + Duration::from_millis(1_234_567_890_123));
        let samples: Vec<f32> =
            (0..150).flat_map(|block| pips.block_at(start + Duration::from_millis(10) * block)).collect();
        let per_ms = SAMPLE_RATE as usize / 1000;
        let loud: Vec<usize> = samples
            .chunks_exact(per_ms)
            .enumerate()
            .filter(|(_, chunk)| chunk.iter().any(|sample| sample.abs() > 0.45))
            .map(|(ms, _)| ms)
            .collect();
        // The first half second begins after 377 ms.
        for half_second in [377, 877, 1377] {
            let centre = half_second + 10;
            assert!(loud.contains(&centre), "{loud:?}");
        }
        assert!(loud.iter().all(|ms| (ms + 123) % 500 < 20), "{loud:?}");
    }
}
