use super::room::{RATE, Take};

/// Seconds of one reading of the echo's attenuation, and between two.
pub(crate) const WINDOW_S: f64 = 1.0;
pub(crate) const STEP_S: f64 = 0.25;

/// Echo return loss enhancement in dB, with the second at which each window begins, where there is an echo.
pub(crate) fn erle(take: &Take) -> Vec<(f64, f64)> {
    let window = (WINDOW_S * RATE as f64) as usize;
    let step = (STEP_S * RATE as f64) as usize;
    let audible = 10_f64.powf(-50.0 / 10.0) * window as f64;
    (0..=take.output.len() - window)
        .step_by(step)
        .filter_map(|from| {
            let before = energy(&take.echo[from..from + window]);
            let after = energy(&take.output[from..from + window]);
            (before > audible).then(|| (from as f64 / RATE as f64, decibel(before / after)))
        })
        .collect()
}

pub(crate) fn worst(readings: &[(f64, f64)], from: f64, to: f64) -> f64 {
    let within = readings.iter().filter(|(at, _)| (from..to).contains(at));
    let worst = within.map(|(_, erle)| *erle).fold(f64::INFINITY, f64::min);
    assert!(worst.is_finite(), "nothing to read");
    worst
}

/// What is left of a voice that spoke into an echo, beside what is left of it without, after the fifth second.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) correlation: f64,
    pub(crate) level_db: f64,
    /// Mean over pieces of 20 ms in which it speaks, each within -10 and 35 dB.
    pub(crate) segmental_snr_db: f64,
}

impl Kept {
    pub(crate) fn measure(both: &[f32], alone: &[f32]) -> Self {
        let (both, alone) = (&both[5 * RATE..], &alone[5 * RATE..]);
        let segments: Vec<f64> = both
            .chunks_exact(RATE / 50)
            .zip(alone.chunks_exact(RATE / 50))
            .filter(|(_, alone)| energy(alone) > 1e-4 * alone.len() as f64)
            .map(|(both, alone)| {
                let rest: f64 = both.iter().zip(alone).map(|(a, b)| f64::from(a - b).powi(2)).sum();
                decibel(energy(alone) / rest).clamp(-10.0, 35.0)
            })
            .collect();
        Self {
            correlation: correlation(both, alone),
            level_db: decibel(energy(both) / energy(alone)),
            segmental_snr_db: segments.iter().sum::<f64>() / segments.len() as f64,
        }
    }
}

pub(crate) fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    product / (energy(a) * energy(b)).sqrt()
}

/// By how much the pieces of 20 ms in which the near voice speaks, and those in which it does not, were changed in dB.
pub(crate) fn levels(near: &[f32], take: &Take) -> (f64, f64) {
    let [mut voice, mut pauses] = [[0.0; 2]; 2];
    let pieces = near.chunks_exact(RATE / 50).zip(take.microphone.chunks_exact(RATE / 50));
    for ((near, before), after) in pieces.zip(take.output.chunks_exact(RATE / 50)).skip(100) {
        let sum = if energy(near) > 0.0 { &mut voice } else { &mut pauses };
        sum[0] += energy(before);
        sum[1] += energy(after);
    }
    (decibel(voice[1] / voice[0]), decibel(pauses[1] / pauses[0]))
}

/// By how many milliseconds the output is best delayed to match, and how well it does. The slopes of both are compared, in
/// which the lowest tones, whose phase a high-pass turns, weigh little.
pub(crate) fn delay(input: &[f32], output: &[f32]) -> (f64, f64) {
    let slope = |sound: &[f32]| sound.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
    let (input, output) = (slope(input), slope(output));
    let piece = 3 * RATE..4 * RATE;
    (0..RATE / 40)
        .map(|lag| (lag, correlation(&input[piece.clone()], &output[piece.start + lag..piece.end + lag])))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(lag, correlation)| (lag as f64 * 1000.0 / RATE as f64, correlation))
        .expect("lags")
}

pub(crate) fn energy(sound: &[f32]) -> f64 {
    sound.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

pub(crate) fn decibel(ratio: f64) -> f64 {
    10.0 * ratio.max(1e-12).log10()
}
