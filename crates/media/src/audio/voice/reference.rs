use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::feed::RenderedBlock;
use crate::audio::{BLOCK_SAMPLES, Block, SAMPLE_RATE, SILENCE};

/// What waits when reading begins: a block to read, another since both sides move whole ones, and as much as the two
/// workers are apart, which is found out by running dry. The less it is, the longer before its echo the reference comes.
const FIRST_RESERVE: usize = 3 * BLOCK_SAMPLES;
const LAST_RESERVE: usize = 5 * BLOCK_SAMPLES;

/// More than this waits only when the microphone stood still.
const LIMIT: usize = SAMPLE_RATE as usize / 2;

/// Samples that interpolation looks at before and after the place it reads.
const BEFORE: usize = 1;
const AFTER: usize = 2;

/// Blocks behind one look at how the clocks go: a second.
const WINDOW: u32 = 100;

/// How fast the clocks are brought together, at first and in the long run, in seconds. The times of single blocks are as
/// wrong as a device's buffer is long; a mean of a second by half a millisecond.
const FIRST_TIME_CONSTANT_S: f64 = 15.0;
const LAST_TIME_CONSTANT_S: f64 = 30.0;

/// Clocks of sound devices are at most so far apart; 100 ppm are rare.
const MAX_DRIFT: f64 = 300e-6;

/// What is more than this, in seconds, is no drift: a device has changed its buffer, and the echo has to be found anew
/// anyway.
const JUMP_S: f64 = 0.015;

/// What was played, cut into one block for each captured block. It is read at the pace of the microphone's clock, which
/// is not that of the speaker's: 50 ppm are a block every 200 s, and an echo that moves by two samples a second.
#[derive(Debug, Default)]
pub(super) struct EchoReference {
    samples: VecDeque<f32>,
    /// When the sample after the last one will be heard.
    end_heard: Option<Instant>,
    next_sequence: Option<u64>,
    lost: u64,
    /// How often reading ran dry.
    dry: usize,
    reading: Reading,
}

#[derive(Debug, Default)]
enum Reading {
    /// Nothing is played, or has been for a moment only.
    #[default]
    Idle,
    Running(Follower),
}

impl EchoReference {
    pub(super) fn push(&mut self, rendered: &RenderedBlock) {
        let missing = self.next_sequence.map_or(0, |next| rendered.sequence.saturating_sub(next));
        self.next_sequence = Some(rendered.sequence + 1);
        if missing > 0 {
            self.lost += missing;
            self.interrupt();
        }
        self.samples.extend(rendered.block);
        self.end_heard = Some(rendered.heard + seconds(BLOCK_SAMPLES as f64));
        if self.samples.len() > LIMIT {
            self.reading = Reading::Idle;
            self.samples.drain(..self.samples.len() - self.reserve());
        }
    }

    /// Gives the block that belongs to what was captured at `captured`, and how long after that its first sample is
    /// heard, if it is: silence where nothing was played.
    pub(super) fn pull(&mut self, captured: Instant) -> (Block, Option<Duration>) {
        if matches!(self.reading, Reading::Idle) {
            let reserve = self.reserve();
            if self.samples.len() < reserve {
                return (SILENCE, None);
            }
            self.samples.drain(..self.samples.len() - reserve);
            self.reading = Reading::Running(Follower::default());
        }
        let ahead_s = self.ahead_s(captured);
        let Reading::Running(follower) = &mut self.reading else { return (SILENCE, None) };
        let Some(block) = follower.read(&mut self.samples) else {
            self.dry += 1;
            self.interrupt();
            return (SILENCE, None);
        };
        if let Some(ahead_s) = ahead_s {
            follower.observe(ahead_s);
        }
        (block, ahead_s.and_then(|ahead| Duration::try_from_secs_f64(ahead).ok()))
    }

    pub(super) fn interrupt(&mut self) {
        self.samples.clear();
        self.reading = Reading::Idle;
    }

    fn reserve(&self) -> usize {
        (FIRST_RESERVE + self.dry * BLOCK_SAMPLES).min(LAST_RESERVE)
    }

    pub(super) fn lost_blocks(&self) -> u64 {
        self.lost
    }

    /// How long after `captured` the sample is heard that is read next, in seconds.
    fn ahead_s(&self, captured: Instant) -> Option<f64> {
        let Reading::Running(follower) = &self.reading else { return None };
        let waiting = (self.samples.len() - BEFORE) as f64 - follower.fraction;
        let end = self.end_heard?;
        let end_s = match end.checked_duration_since(captured) {
            Some(after) => after.as_secs_f64(),
            None => -captured.duration_since(end).as_secs_f64(),
        };
        Some(end_s - waiting / f64::from(SAMPLE_RATE))
    }
}

/// Reads at the pace that keeps what it reads as far ahead of the captured sound as it was when it began.
#[derive(Debug, Default)]
struct Follower {
    /// Where between two samples it reads, 0 to 1.
    fraction: f64,
    /// How much faster than the speaker's clock it reads.
    correction: f64,
    drift: f64,
    /// Since when, and of how many blocks, `sum_s` is the sum.
    blocks: u32,
    sum_s: f64,
    windows: u32,
    wanted_s: Option<f64>,
}

impl Follower {
    /// `None` if not enough is there.
    fn read(&mut self, samples: &mut VecDeque<f32>) -> Option<Block> {
        let step = 1.0 + self.correction;
        let end = self.fraction + step * BLOCK_SAMPLES as f64;
        if samples.len() < BEFORE + end as usize + 1 + AFTER {
            return None;
        }
        let source = samples.make_contiguous();
        let mut block = SILENCE;
        for (n, sample) in block.iter_mut().enumerate() {
            let place = self.fraction + step * n as f64;
            let first = place as usize;
            *sample = interpolate(&source[first..], (place - first as f64) as f32);
        }
        samples.drain(..end as usize);
        self.fraction = end.fract();
        Some(block)
    }

    /// A loop of the second order, critically damped, on means of a second.
    fn observe(&mut self, ahead_s: f64) {
        self.sum_s += ahead_s;
        self.blocks += 1;
        if self.blocks < WINDOW {
            return;
        }
        let mean = self.sum_s / f64::from(WINDOW);
        (self.sum_s, self.blocks) = (0.0, 0);
        self.windows += 1;
        let wanted = *self.wanted_s.get_or_insert(mean);
        let error = wanted - mean;
        if error.abs() > JUMP_S {
            self.wanted_s = Some(mean);
            return;
        }
        let time_constant = f64::from(self.windows).clamp(FIRST_TIME_CONSTANT_S, LAST_TIME_CONSTANT_S);
        self.drift += error / (4.0 * time_constant * time_constant);
        self.drift = self.drift.clamp(-MAX_DRIFT, MAX_DRIFT);
        self.correction = (self.drift + error / time_constant).clamp(-MAX_DRIFT, MAX_DRIFT);
    }
}

/// The cubic through the four samples (Catmull and Rom), at `x` between the second and the third.
fn interpolate(samples: &[f32], x: f32) -> f32 {
    let [a, b, c, d] = [samples[0], samples[1], samples[2], samples[3]];
    let slope = 0.5 * (c - a);
    let bend = a - 2.5 * b + 2.0 * c - 0.5 * d;
    let twist = 0.5 * (d - a) + 1.5 * (b - c);
    ((twist * x + bend) * x + slope) * x + b
}

fn seconds(samples: f64) -> Duration {
    Duration::from_secs_f64(samples / f64::from(SAMPLE_RATE))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const TEN_MS: Duration = Duration::from_millis(10);

    fn sine(place: f64) -> f32 {
        (TAU * 1000.0 * place / f64::from(SAMPLE_RATE)).sin() as f32
    }

    fn rendered(sequence: u64, heard: Instant) -> RenderedBlock {
        let first = sequence as usize * BLOCK_SAMPLES;
        RenderedBlock { sequence, heard, block: std::array::from_fn(|n| sine((first + n) as f64)) }
    }

    /// Plays and captures for so long, and gives how much each block is ahead of the one that was captured with it.
    fn run(reference: &mut EchoReference, seconds: u32, drift_ppm: f64) -> Vec<f64> {
        let start = Instant::now();
        let time =
            |sequence: u64| Duration::from_secs_f64(sequence as f64 / 100.0 / (1.0 + drift_ppm * 1e-6));
        let mut sequence = 0;
        let mut ahead = Vec::new();
        for n in 0..seconds * 100 {
            let captured = start + TEN_MS * n;
            while start + time(sequence) <= captured + TEN_MS * 6 {
                reference.push(&rendered(sequence, start + time(sequence)));
                sequence += 1;
            }
            ahead.extend(reference.pull(captured).1.map(|ahead| ahead.as_secs_f64()));
        }
        ahead
    }

    #[test]
    fn without_drift_what_was_played_is_passed_on() {
        let mut reference = EchoReference::default();
        let now = Instant::now();
        let mut sequence = 0;
        let mut read = Vec::new();
        for n in 0..500 {
            while sequence < n + 3 {
                reference.push(&rendered(sequence, now + TEN_MS * sequence as u32));
                sequence += 1;
            }
            read.extend(reference.pull(now + TEN_MS * n as u32).0);
        }
        let first = BLOCK_SAMPLES + BEFORE;
        assert!(read.iter().enumerate().all(|(n, sample)| (sample - sine((first + n) as f64)).abs() < 1e-4));
    }

    #[test]
    fn a_faster_speaker_is_followed_to_a_tenth_of_a_millisecond() {
        for drift_ppm in [-50.0, 50.0, 100.0] {
            let ahead = run(&mut EchoReference::default(), 600, drift_ppm);
            let (wanted, late) = (ahead[0], &ahead[50_000..]);
            let furthest = late.iter().map(|ahead| (ahead - wanted).abs()).fold(0.0, f64::max);
            assert!(furthest < 1e-4, "{drift_ppm} ppm: {furthest} s");
            assert_eq!(ahead.len(), 60_000, "never dry");
        }
    }

    #[test]
    fn a_gap_in_the_numbers_and_a_dry_spell_begin_anew_with_silence() {
        let mut reference = EchoReference::default();
        let now = Instant::now();
        let rendered = |sequence: u64| rendered(sequence, now + TEN_MS * sequence as u32);
        (0..4).for_each(|sequence| reference.push(&rendered(sequence)));
        assert!(reference.pull(now).1.is_some());
        reference.push(&rendered(9));
        assert_eq!(reference.lost_blocks(), 5);
        assert_eq!(reference.pull(now), (SILENCE, None));
        (10..12).for_each(|sequence| reference.push(&rendered(sequence)));
        assert!(reference.pull(now).1.is_some());
        assert!(reference.pull(now).1.is_some());
        assert_eq!(reference.pull(now), (SILENCE, None), "dry");
        (12..15).for_each(|sequence| reference.push(&rendered(sequence)));
        assert_eq!(reference.pull(now), (SILENCE, None), "more has to wait than before");
        reference.push(&rendered(15));
        assert!(reference.pull(now).1.is_some());
    }

    #[test]
    fn a_microphone_that_stood_still_finds_the_newest() {
        let mut reference = EchoReference::default();
        let now = Instant::now();
        (0..200).for_each(|sequence| reference.push(&rendered(sequence, now + TEN_MS * sequence as u32)));
        let (block, ahead) = reference.pull(now);
        assert!(ahead.is_some());
        assert_eq!(block[0], sine((197 * BLOCK_SAMPLES + BEFORE) as f64));
        assert!(reference.samples.len() <= LIMIT);
    }
}
