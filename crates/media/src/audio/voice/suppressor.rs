use sonora::AudioProcessing;
use sonora_fft::fft4g::Fft4g;

use crate::audio::{BLOCK_SAMPLES, Block, SILENCE};

/// How much later than its input the noise suppressor's output comes: the overlap of its windows, 6 ms, and the filter
/// bank around it. A test measures it.
const LATENCY: usize = 334;

/// Bins are 94 Hz apart: less than any noise suppressor tells apart.
const FFT: usize = 512;
const BINS: usize = FFT / 2 + 1;
const TAPS: usize = FFT / 2;
const HISTORY: usize = FFT + LATENCY;

/// Bins on either side that are measured together, so that a bin with little in it does not count for more than it is.
const SPREAD: usize = 1;

/// Nothing is made quieter than this, which is more than the suppressor ever does.
const LEAST_GAIN: f32 = 0.05;

/// Power of a bin below which nothing is heard and nothing can be measured.
const INAUDIBLE: f32 = 1e-9;

/// Suppresses noise without keeping the voice waiting.
///
/// A suppressor works on overlapping windows, and so gives what it was given 6 ms ago. What it does is a gain for every
/// frequency, though, which changes slowly. So it runs beside the voice: how its output differs from its input is measured,
/// and done to the voice as it is now by a filter with those gains and the least delay that there can be (minimum phase,
/// by the cepstrum: Oppenheim and Schafer, Discrete-Time Signal Processing, section 13.5).
pub(super) struct Suppressor {
    beside: Box<AudioProcessing>,
    fft: Fft4g,
    window: [f32; FFT],
    /// What went into it, and what came out.
    before: [f32; HISTORY],
    after: [f32; FFT],
    filter: [f32; TAPS],
    /// The voice that the filter still needs.
    past: [f32; TAPS],
}

impl Suppressor {
    pub(super) fn new(beside: Box<AudioProcessing>) -> Self {
        let mut filter = [0.0; TAPS];
        filter[0] = 1.0;
        let window = std::array::from_fn(|n| {
            let turn = std::f32::consts::TAU * (n as f32 + 0.5) / FFT as f32;
            0.5 - 0.5 * turn.cos()
        });
        Self {
            beside,
            fft: Fft4g::new(FFT),
            window,
            before: [0.0; HISTORY],
            after: [0.0; FFT],
            filter,
            past: [0.0; TAPS],
        }
    }

    pub(super) fn process(&mut self, block: &mut Block) {
        let mut suppressed = SILENCE;
        if let Err(error) = self.beside.process_capture_f32(&[&block[..]], &mut [&mut suppressed]) {
            tracing::debug!(%error, "noise was left in a voice");
            return;
        }
        shift_in(&mut self.before, block);
        shift_in(&mut self.after, &suppressed);
        let filter = self.measure();
        self.apply(&filter, block);
        self.filter = filter;
    }

    /// The filter that does what the suppressor did last.
    fn measure(&self) -> [f32; TAPS] {
        let before = self.power(&self.before[..FFT]);
        let after = self.power(&self.after);
        let mut cepstrum = [0.0; FFT];
        for bin in 0..BINS {
            let near = bin.saturating_sub(SPREAD)..(bin + SPREAD + 1).min(BINS);
            let heard: f32 = before[near.clone()].iter().sum();
            let left: f32 = after[near].iter().sum();
            let gain = if heard > INAUDIBLE { (left / heard).sqrt().clamp(LEAST_GAIN, 1.0) } else { 1.0 };
            cepstrum[if bin == BINS - 1 { 1 } else { 2 * bin }] = gain.ln();
        }
        self.fft.irdft(&mut cepstrum);
        let scale = 2.0 / FFT as f32;
        // Twice what comes after the middle, nothing of what comes before it: minimum phase.
        for (n, value) in cepstrum.iter_mut().enumerate() {
            *value *= match n {
                0 => scale,
                n if n < FFT / 2 => 2.0 * scale,
                n if n == FFT / 2 => scale,
                _ => 0.0,
            };
        }
        self.fft.rdft(&mut cepstrum);
        let mut response = cepstrum;
        response[0] = cepstrum[0].exp();
        response[1] = cepstrum[1].exp();
        for pair in response[2..].chunks_exact_mut(2) {
            let (size, angle) = (pair[0].exp(), pair[1]);
            (pair[0], pair[1]) = (size * angle.cos(), size * angle.sin());
        }
        self.fft.irdft(&mut response);
        std::array::from_fn(|n| scale * response[n] * (1.0 - (n as f32 / TAPS as f32).powi(4)))
    }

    fn power(&self, sound: &[f32]) -> [f32; BINS] {
        let mut spectrum: [f32; FFT] = std::array::from_fn(|n| self.window[n] * sound[n]);
        self.fft.rdft(&mut spectrum);
        std::array::from_fn(|bin| match bin {
            0 => spectrum[0].powi(2),
            bin if bin == BINS - 1 => spectrum[1].powi(2),
            bin => spectrum[2 * bin].powi(2) + spectrum[2 * bin + 1].powi(2),
        })
    }

    /// Goes over from the last filter to the next within the block.
    fn apply(&mut self, next: &[f32; TAPS], block: &mut Block) {
        let mut sound = [0.0; TAPS + BLOCK_SAMPLES];
        sound[..TAPS].copy_from_slice(&self.past);
        sound[TAPS..].copy_from_slice(block);
        let (mut from, mut to) = (SILENCE, SILENCE);
        for (tap, (last, next)) in self.filter.iter().zip(next).enumerate() {
            let earlier = &sound[TAPS - tap..TAPS - tap + BLOCK_SAMPLES];
            for ((from, to), sample) in from.iter_mut().zip(&mut to).zip(earlier) {
                *from += last * sample;
                *to += next * sample;
            }
        }
        for (n, sample) in block.iter_mut().enumerate() {
            let share = n as f32 / BLOCK_SAMPLES as f32;
            *sample = from[n] + share * (to[n] - from[n]);
        }
        self.past.copy_from_slice(&sound[BLOCK_SAMPLES..]);
    }
}

/// The newest sample is the last one.
fn shift_in(history: &mut [f32], block: &Block) {
    let kept = history.len() - BLOCK_SAMPLES;
    history.copy_within(BLOCK_SAMPLES.., 0);
    history[kept..].copy_from_slice(block);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::voice::NoiseSuppression;
    use crate::audio::voice::processor::suppressor;

    /// Rises from 200 Hz to 3 kHz over two seconds.
    fn chirp(n: usize) -> f32 {
        let time = n as f32 / 48_000.0;
        0.3 * (std::f32::consts::TAU * (200.0 + 700.0 * time) * time).sin()
    }

    #[test]
    fn what_runs_beside_is_as_late_as_is_said() {
        let mut suppressor = suppressor(NoiseSuppression::Standard).expect("one");
        let sound: Vec<f32> = (0..96_000).map(chirp).collect();
        let mut output = Vec::new();
        for block in sound.chunks_exact(BLOCK_SAMPLES) {
            let mut suppressed = SILENCE;
            suppressor
                .beside
                .process_capture_f32(&[block], &mut [&mut suppressed])
                .expect("a format it knows");
            output.extend(suppressed);
        }
        let likeness = |lag: usize| {
            (40_000..80_000).map(|n| f64::from(sound[n]) * f64::from(output[n + lag])).sum::<f64>()
        };
        let latency = (0..1000).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).expect("lags");
        assert!(latency.abs_diff(LATENCY) <= 2, "{latency} samples");
    }

    #[test]
    fn a_filter_of_no_change_is_no_change() {
        let mut suppressor = suppressor(NoiseSuppression::Standard).expect("one");
        suppressor.before = std::array::from_fn(chirp);
        suppressor.after.copy_from_slice(&suppressor.before[..FFT]);
        let filter = suppressor.measure();
        assert!((filter[0] - 1.0).abs() < 1e-3 && filter[1..].iter().all(|tap| tap.abs() < 1e-3));
        suppressor.filter = filter;
        let mut block: Block = std::array::from_fn(|n| chirp(10_000 + n));
        let before = block;
        suppressor.apply(&filter, &mut block);
        assert!(block.iter().zip(&before).all(|(after, before)| (after - before).abs() < 1e-2));
    }
}
