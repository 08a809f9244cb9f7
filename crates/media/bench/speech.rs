use std::f64::consts::{PI, TAU};

const RATE: f64 = 48_000.0;

/// First, second and third formants of vowels, in Hz (Peterson and Barney 1952, men).
const VOWELS: [[f64; 3]; 6] = [
    [730.0, 1090.0, 2440.0],
    [270.0, 2290.0, 3010.0],
    [530.0, 1840.0, 2480.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
    [640.0, 1190.0, 2390.0],
];

/// Evenly distributed numbers from -1 to 1, always the same for a seed (xorshift).
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * 0.5 * (self.next() + 1.0)
    }
}

/// A resonance of two poles.
#[derive(Default)]
struct Resonator {
    feedback: [f64; 2],
    gain: f64,
    past: [f64; 2],
}

impl Resonator {
    fn tune(&mut self, frequency: f64, width: f64) {
        let radius = (-PI * width / RATE).exp();
        self.feedback = [2.0 * radius * (TAU * frequency / RATE).cos(), -radius * radius];
        self.gain = 1.0 - self.feedback[0] - self.feedback[1];
    }

    fn process(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.feedback[0] * self.past[0] + self.feedback[1] * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}

/// Something with the rhythm, the pitch and the spectrum of a voice: words of syllables, each a hiss or a stop before a
/// vowel of gliding pitch, and pauses between words and sentences. While it speaks it is 26 dB below full scale.
pub(crate) fn speech(seed: u64, seconds: f64, pitch_hz: f64) -> Vec<f32> {
    let mut random = Noise::new(seed);
    let mut hiss = Noise::new(seed + 1000);
    let total = (seconds * RATE) as usize;
    let mut sound = Vec::with_capacity(total);
    let mut formants: [Resonator; 3] = Default::default();
    let mut fricative = Resonator::default();
    let mut phase = 0.0;
    while sound.len() < total {
        let syllables = random.between(1.0, 4.99) as usize;
        for _ in 0..syllables {
            let vowel = VOWELS[random.between(0.0, 5.99) as usize];
            for (formant, frequency) in formants.iter_mut().zip(vowel) {
                formant.tune(frequency * pitch_hz.powf(0.1) / 115_f64.powf(0.1), 60.0 + 0.04 * frequency);
            }
            fricative.tune(random.between(2500.0, 7000.0), 1500.0);
            let consonant = random.between(0.03, 0.09) * RATE;
            let length = consonant + random.between(0.09, 0.22) * RATE;
            let (from, to) = (pitch_hz * random.between(0.9, 1.2), pitch_hz * random.between(0.8, 1.1));
            let loudness = random.between(0.6, 1.0);
            for n in 0..length as usize {
                let time = n as f64;
                let voiced = ((time - consonant) / (length - consonant)).clamp(0.0, 1.0);
                phase += (from + (to - from) * voiced) / RATE;
                let pulse = if phase >= 1.0 { 60.0 } else { 0.0 };
                phase = phase.fract();
                let opening = (PI * voiced).sin().sqrt();
                let breath = hiss.next();
                let glottis = opening * (pulse + 0.3 * breath);
                let vowel: f64 =
                    formants.iter_mut().fold(glottis, |through, formant| formant.process(through));
                let sharpness = if time < consonant { (PI * time / consonant).sin() } else { 0.0 };
                sound.push((loudness * (vowel + 4.0 * fricative.process(sharpness * breath))) as f32);
            }
        }
        let pause = if random.next() > 0.4 { random.between(0.3, 0.7) } else { random.between(0.04, 0.15) };
        sound.resize(sound.len() + (pause * RATE) as usize, 0.0);
    }
    sound.truncate(total);
    let active: Vec<f32> = sound.iter().copied().filter(|sample| sample.abs() > 1e-4).collect();
    let rms = (active.iter().map(|sample| sample * sample).sum::<f32>() / active.len() as f32).sqrt();
    let scale = 10_f32.powf(-26.0 / 20.0) / rms;
    sound.iter_mut().for_each(|sample| *sample *= scale);
    sound
}
