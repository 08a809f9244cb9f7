//! Noise like the one behind a voice, for where nothing else can be played (as NetEq's background noise and RFC 3389 have
//! it: the level and the spectral envelope of the stream's own pauses).

use crate::audio::BLOCK_SAMPLES;

/// Of the all-pole filter that shapes the noise.
const ORDER: usize = 16;

/// Learned blocks before which what is known is no more than what the voice began with: half a second.
const TRUSTED_BLOCKS: u32 = 50;

/// How fast the floor may rise, for each block: 4 dB a second, so that a voice without pauses hardly moves it.
const RISE: f64 = 1.01;

/// A block up to so much louder than the floor, as power, is background.
const BACKGROUND: f64 = 2.0;

/// Less is digital silence.
const SILENT: f64 = 1e-12;

/// What one more block of background weighs.
const WEIGHT: f64 = 0.1;

/// What is louder than this, as mean power, is no background: a voice without pauses, or a tone. -40 dB below full scale.
const LOUDEST: f64 = 1e-4;

/// What white noise the filter is learned with, so that it stays stable.
const WHITENING: f64 = 1.0001;

/// Without word of silence from the sender, the noise goes on for two seconds and is gone a second later.
const HOLD_SAMPLES: u32 = 96_000;
const FADE_SAMPLES: u32 = 48_000;

/// Learns the background of a voice and plays noise like it.
#[derive(Debug, Clone)]
pub(super) struct ComfortNoise {
    /// The least power of late, which is that of pauses.
    floor: f64,
    blocks: u32,
    /// Of the background, smoothed, per sample.
    correlation: [f64; ORDER + 1],
    shape: Option<Shape>,
    past: [f32; ORDER],
    random: u32,
    /// Samples since sound was received, unless silence was announced.
    unannounced: u32,
}

/// An all-pole filter, and the amplitude of what goes in.
#[derive(Debug, Clone, Copy)]
struct Shape {
    taps: [f32; ORDER],
    amplitude: f32,
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self {
            floor: f64::INFINITY,
            blocks: 0,
            correlation: [0.0; ORDER + 1],
            shape: None,
            past: [0.0; ORDER],
            random: 0x2545_f491,
            unannounced: 0,
        }
    }
}

impl ComfortNoise {
    /// Takes sound that was received.
    pub(super) fn learn(&mut self, sound: &[f32]) {
        self.unannounced = 0;
        for block in sound.chunks_exact(BLOCK_SAMPLES) {
            let power =
                block.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / BLOCK_SAMPLES as f64;
            self.blocks = self.blocks.saturating_add(1);
            self.floor = power.min(self.floor * RISE).max(SILENT);
            if power <= (self.floor * BACKGROUND).min(LOUDEST) {
                self.learn_background(block, power);
            }
        }
    }

    /// Gives the next sample, while silence was announced by the sender or not.
    pub(super) fn next(&mut self, announced: bool) -> f32 {
        if !announced {
            self.unannounced = self.unannounced.saturating_add(1);
        }
        let Some(shape) = self.shape.filter(|_| self.blocks >= TRUSTED_BLOCKS) else { return 0.0 };
        let fade = 1.0 - self.unannounced.saturating_sub(HOLD_SAMPLES) as f32 / FADE_SAMPLES as f32;
        // Xorshift; evenly distributed from -1 to 1.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let white = self.random as f32 / (u32::MAX / 2) as f32 - 1.0;
        let predicted: f32 = self.past.iter().zip(&shape.taps).map(|(past, tap)| past * tap).sum();
        let sample = predicted + shape.amplitude * white;
        self.past.copy_within(..ORDER - 1, 1);
        self.past[0] = sample;
        sample * fade.max(0.0)
    }

    fn learn_background(&mut self, block: &[f32], power: f64) {
        // What was taken for background before was none.
        let is_other = self.shape.is_none() || power * BACKGROUND * BACKGROUND < self.correlation[0];
        let weight = if is_other { 1.0 } else { WEIGHT };
        for (lag, known) in self.correlation.iter_mut().enumerate() {
            let products = block[lag..].iter().zip(block).map(|(a, b)| f64::from(*a) * f64::from(*b));
            *known += weight * (products.sum::<f64>() / BLOCK_SAMPLES as f64 - *known);
        }
        self.shape = Shape::of(&self.correlation);
    }
}

impl Shape {
    /// By Levinson and Durbin's recursion; `None` of digital silence.
    fn of(correlation: &[f64; ORDER + 1]) -> Option<Self> {
        let power = correlation[0];
        if power <= SILENT {
            return None;
        }
        let mut taps = [0.0; ORDER];
        let mut error = power * WHITENING;
        for order in 0..ORDER {
            let predicted: f64 = (0..order).map(|n| taps[n] * correlation[order - n]).sum();
            let reflection = (correlation[order + 1] - predicted) / error;
            if reflection.abs() >= 1.0 {
                break;
            }
            let last = taps;
            taps[order] = reflection;
            for n in 0..order {
                taps[n] = last[n] - reflection * last[order - 1 - n];
            }
            error *= 1.0 - reflection * reflection;
        }
        // Even distribution has a third of its square as its power.
        Some(Self { taps: taps.map(|tap| tap as f32), amplitude: (3.0 * error).sqrt() as f32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POWER: f64 = 1e-5;

    /// A second of noise that falls by 6 dB an octave, at this mean power.
    fn background(power: f64) -> Vec<f32> {
        let mut random = 7_u32;
        let mut past = 0.0_f64;
        let sound: Vec<f64> = (0..48_000)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                past = 0.95 * past + f64::from(random) / f64::from(u32::MAX) - 0.5;
                past
            })
            .collect();
        let mean = sound.iter().map(|sample| sample * sample).sum::<f64>() / sound.len() as f64;
        sound.iter().map(|sample| (sample * (power / mean).sqrt()) as f32).collect()
    }

    fn power(sound: &[f32]) -> f64 {
        sound.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / sound.len() as f64
    }

    /// Of the differences between neighbours, which is what high frequencies there are.
    fn sharpness(sound: &[f32]) -> f64 {
        let steps: Vec<f32> = sound.windows(2).map(|pair| pair[1] - pair[0]).collect();
        power(&steps) / power(sound)
    }

    fn play(noise: &mut ComfortNoise, samples: usize, announced: bool) -> Vec<f32> {
        (0..samples).map(|_| noise.next(announced)).collect()
    }

    #[test]
    fn it_is_as_loud_and_as_bright_as_the_background_between_words() {
        let background = background(POWER);
        let word = |n: usize| if (n / 9600).is_multiple_of(2) { 0.2 * (n as f32 / 30.0).sin() } else { 0.0 };
        let voice: Vec<f32> = background.iter().enumerate().map(|(n, noise)| noise + word(n)).collect();
        let mut noise = ComfortNoise::default();
        noise.learn(&voice);
        let played = play(&mut noise, 48_000, false);
        let louder = 10.0 * (power(&played) / POWER).log10();
        let brighter = 10.0 * (sharpness(&played) / sharpness(&background)).log10();
        assert!(louder.abs() < 1.5 && brighter.abs() < 1.5, "{louder} dB louder, {brighter} dB brighter");
    }

    #[test]
    fn nothing_is_made_up_before_pauses_are_known_and_of_a_voice_without() {
        let mut noise = ComfortNoise::default();
        noise.learn(&background(1e-2)[..9600]);
        assert!(play(&mut noise, 480, false).iter().all(|sample| *sample == 0.0));
        noise.learn(&background(1e-2));
        assert!(play(&mut noise, 48_000, false).iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn it_goes_on_in_an_announced_silence_and_fades_in_an_outage() {
        let mut noise = ComfortNoise::default();
        noise.learn(&background(POWER));
        let announced = play(&mut noise, 480_000, true);
        assert!(power(&announced[432_000..]) > 0.5 * POWER);
        let outage = play(&mut noise, 480_000, false);
        assert!(power(&outage[..96_000]) > 0.5 * POWER);
        assert!(outage[144_000..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn digital_silence_stays_silent() {
        let mut noise = ComfortNoise::default();
        noise.learn(&[0.0; 48_000]);
        assert!(play(&mut noise, 4800, true).iter().all(|sample| *sample == 0.0));
    }
}
