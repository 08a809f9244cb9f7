//! Shortens or lengthens sound by one period of its pitch, without changing the pitch (waveform-similarity
//! overlap-add).

/// Pitch periods looked for: 400 Hz to 67 Hz, in samples.
const MIN_PERIOD: usize = 120;
pub(super) const MAX_PERIOD: usize = 720;

/// The first search runs at a sixth of the rate, 8 kHz.
const DECIMATION: usize = 6;

/// Below -54 dB nobody hears where a cut was made.
const SILENCE_ENERGY: f32 = 4e-6;

/// Removes up to `most` samples at the front of `sound`, if two periods in a row are at least so similar; gives how many.
pub(super) fn shorten(sound: &mut Vec<f32>, most: usize, similarity: f32) -> Option<usize> {
    let longest = (sound.len() / 2).min(MAX_PERIOD).min(most);
    let period = find_period(longest, similarity, |period| (&sound[..period], &sound[period..2 * period]))?;
    for n in 0..period {
        let fade = n as f32 / period as f32;
        sound[n] = sound[n] * (1.0 - fade) + sound[n + period] * fade;
    }
    sound.drain(period..2 * period);
    Some(period)
}

/// Repeats the end of what was played before the front of `sound`, if the two are at least so similar; gives how many
/// samples were added.
pub(super) fn lengthen(played: &[f32], sound: &mut Vec<f32>, similarity: f32) -> Option<usize> {
    let longest = sound.len().min(played.len()).min(MAX_PERIOD);
    let start = played.len();
    let period = find_period(longest, similarity, |period| (&played[start - period..], &sound[..period]))?;
    let repeated = (0..period).map(|n| {
        let fade = n as f32 / period as f32;
        sound[n] * (1.0 - fade) + played[start - period + n] * fade
    });
    let repeated: Vec<f32> = repeated.collect();
    sound.splice(..0, repeated);
    Some(period)
}

/// The period at which the two neighbours that `pair` gives for it are most alike, or the longest if all is silent.
fn find_period<'a>(
    longest: usize,
    similarity: f32,
    pair: impl Fn(usize) -> (&'a [f32], &'a [f32]),
) -> Option<usize> {
    if longest < MIN_PERIOD {
        return None;
    }
    let (before, after) = pair(longest);
    if energy(before) < SILENCE_ENERGY * longest as f32 && energy(after) < SILENCE_ENERGY * longest as f32 {
        return Some(longest);
    }
    let coarse = (MIN_PERIOD..=longest).step_by(DECIMATION);
    let coarse = best(coarse, |period| {
        let (before, after) = pair(period);
        alike(decimate(before), decimate(after))
    })?;
    let fine = coarse.0.saturating_sub(DECIMATION).max(MIN_PERIOD)..=(coarse.0 + DECIMATION).min(longest);
    let (period, alike) = best(fine, |period| {
        let (before, after) = pair(period);
        alike(before.iter().copied(), after.iter().copied())
    })?;
    (alike >= similarity).then_some(period)
}

fn best(periods: impl Iterator<Item = usize>, score: impl Fn(usize) -> f32) -> Option<(usize, f32)> {
    periods.map(|period| (period, score(period))).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Normalised cross-correlation, -1 to 1.
fn alike(left: impl Iterator<Item = f32>, right: impl Iterator<Item = f32>) -> f32 {
    let (mut cross, mut left_energy, mut right_energy) = (0.0, 1e-9, 1e-9);
    for (l, r) in left.zip(right) {
        cross += l * r;
        left_energy += l * l;
        right_energy += r * r;
    }
    let cross: f32 = cross;
    let energies: f32 = left_energy * right_energy;
    cross / energies.sqrt()
}

fn decimate(sound: &[f32]) -> impl Iterator<Item = f32> + '_ {
    sound.chunks_exact(DECIMATION).map(|chunk| chunk.iter().sum())
}

fn energy(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn sine(hz: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| 0.5 * (TAU * hz * n as f32 / 48_000.0).sin()).collect()
    }

    /// A sine is smooth if its second difference never exceeds that of the ideal by much.
    fn roughness(sound: &[f32], hz: f32) -> f32 {
        let ideal = 0.5 * (TAU * hz / 48_000.0).powi(2);
        sound.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).fold(0.0, f32::max) / ideal
    }

    #[test]
    fn whole_periods_are_removed_and_added_without_a_seam() {
        for hz in [80.0, 150.0, 440.0, 1000.0] {
            let mut sound = sine(hz, 2000);
            let removed = shorten(&mut sound, MAX_PERIOD, 0.9).expect("a period");
            assert_eq!(sound.len(), 2000 - removed);
            assert!(roughness(&sound, hz) < 1.3, "{hz} Hz shortened: {}", roughness(&sound, hz));

            let whole = sine(hz, 2000);
            let (played, rest) = whole.split_at(900);
            let mut rest = rest.to_vec();
            let added = lengthen(played, &mut rest, 0.9).expect("a period");
            let joined = [played, &rest].concat();
            assert_eq!(joined.len(), 2000 + added);
            assert!(roughness(&joined, hz) < 1.3, "{hz} Hz lengthened: {}", roughness(&joined, hz));
        }
    }

    #[test]
    fn noise_is_left_alone_and_silence_is_cut_at_will() {
        let mut state = 1_u32;
        let mut noise: Vec<f32> = (0..1440)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut noise, MAX_PERIOD, 0.9), None);
        let mut silence = vec![0.0; 1440];
        assert_eq!(shorten(&mut silence, 500, 0.9), Some(500));
        assert_eq!(lengthen(&[0.0; 720], &mut silence, 0.9), Some(720));
    }

    #[test]
    fn too_little_sound_is_left_alone() {
        assert_eq!(shorten(&mut sine(440.0, 200), MAX_PERIOD, 0.0), None);
        assert_eq!(lengthen(&[], &mut sine(440.0, 960), 0.0), None);
    }
}
