use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

/// Input frames converted at a time: under 3 ms at any rate devices run at.
const CHUNKS_PER_SECOND: u32 = 400;

/// Half of it, about 0.7 ms at 48 kHz, is the filter's delay.
const SINC_LENGTH: usize = 64;

/// The device runs at a rate that cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert sound from {from_hz} Hz to {to_hz} Hz: {reason}")]
pub struct ResampleError {
    from_hz: u32,
    to_hz: u32,
    reason: String,
}

/// Converts mono sound from one rate to another, in pieces of any length. Equal rates pass through untouched.
pub struct Resampler {
    converter: Option<Converter>,
}

struct Converter {
    resampler: Async<f32>,
    input: Vec<f32>,
    chunk: usize,
    output: Vec<f32>,
}

impl Resampler {
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        if from_hz == to_hz {
            return Ok(Self { converter: None });
        }
        let refused = |reason: String| ResampleError { from_hz, to_hz, reason };
        if !(4_000..=768_000).contains(&from_hz) || !(4_000..=768_000).contains(&to_hz) {
            return Err(refused("the rate is out of range".to_owned()));
        }
        let parameters = SincInterpolationParameters {
            sinc_len: SINC_LENGTH,
            f_cutoff: None,
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::BlackmanHarris2,
        };
        let chunk = (from_hz / CHUNKS_PER_SECOND) as usize;
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let resampler = Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input)
            .map_err(|error| refused(error.to_string()))?;
        let output = vec![0.0; resampler.output_frames_max()];
        Ok(Self {
            converter: Some(Converter { resampler, input: Vec::with_capacity(2 * chunk), chunk, output }),
        })
    }

    /// Converts what is complete of the sound so far and appends it to `output`.
    pub fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        match &mut self.converter {
            None => output.extend_from_slice(input),
            Some(converter) => converter.process(input, output),
        }
    }
}

impl Converter {
    fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.input.extend_from_slice(input);
        let mut used = 0;
        while self.input.len() - used >= self.chunk {
            let produced = self.convert(used);
            output.extend_from_slice(&self.output[..produced]);
            used += self.chunk;
        }
        self.input.drain(..used);
    }

    /// Converts the chunk at `from` into the front of `self.output`. The buffers fit by construction, so the resampler
    /// has nothing to refuse; were it to, that chunk would be missing.
    fn convert(&mut self, from: usize) -> usize {
        let capacity = self.output.len();
        let chunk = &self.input[from..from + self.chunk];
        let (Ok(source), Ok(mut target)) = (
            InterleavedSlice::new(chunk, 1, self.chunk),
            InterleavedSlice::new_mut(&mut self.output, 1, capacity),
        ) else {
            return 0;
        };
        self.resampler.process_into_buffer(&source, &mut target, None).map_or(0, |(_, produced)| produced)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// A second that rises from 200 Hz to 3 kHz.
    fn chirp(rate: u32) -> Vec<f32> {
        (0..rate)
            .map(|n| {
                let time = n as f32 / rate as f32;
                (TAU * (200.0 + 1400.0 * time) * time).sin()
            })
            .collect()
    }

    /// Converts in uneven pieces, and compares with the ideal result at the delay up to 5 ms where they match best: gives
    /// that delay in samples and the signal to noise ratio in dB.
    fn convert(from_hz: u32, to_hz: u32) -> (usize, f32) {
        let mut resampler = Resampler::new(from_hz, to_hz).expect("rates");
        let mut output = Vec::new();
        for piece in chirp(from_hz).chunks(137) {
            resampler.process(piece, &mut output);
        }
        let ideal = chirp(to_hz);
        let longest = to_hz as usize / 200;
        assert!(output.len() + longest > ideal.len(), "{} of {}", output.len(), ideal.len());
        let quality = |delay: usize| {
            let (mut signal, mut noise) = (0.0, 0.0);
            for n in to_hz as usize / 4..to_hz as usize / 2 {
                signal += ideal[n].powi(2);
                noise += (output[n + delay] - ideal[n]).powi(2);
            }
            10.0 * (signal / noise).log10()
        };
        (0..longest)
            .map(|delay| (delay, quality(delay)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .expect("candidates")
    }

    #[test]
    fn common_rates_convert_cleanly_with_two_milliseconds_of_delay() {
        for (from_hz, to_hz) in [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (96_000, 48_000)] {
            let (delay, snr) = convert(from_hz, to_hz);
            // The delay is no whole number of samples: half a sample off at 1.3 kHz is 21 dB.
            assert!(snr > 20.0, "{from_hz} to {to_hz}: {snr} dB");
            assert!(delay * 1000 <= 2 * to_hz as usize, "{from_hz} to {to_hz}: {delay} samples");
        }
    }

    #[test]
    fn equal_rates_pass_untouched_and_absurd_ones_are_refused() {
        let mut output = Vec::new();
        Resampler::new(48_000, 48_000).expect("rates").process(&[0.25, -0.5], &mut output);
        assert_eq!(output, [0.25, -0.5]);
        assert!(Resampler::new(1, 48_000).is_err());
    }
}
