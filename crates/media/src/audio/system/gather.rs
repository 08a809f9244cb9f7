use std::collections::{BTreeMap, VecDeque};

use crate::audio::mixer::limit;
use crate::audio::{BLOCK_SAMPLES, Block, SILENCE};

/// A stream begins to sound when this much of it is there, in samples: 30 ms.
const START: usize = 1_440;
/// The least that is there over a second is kept between these, in samples: 6 and 25 ms.
const LITTLE: usize = 288;
const MUCH: usize = 1_200;
/// What is there beyond half a second is dropped, down to [`START`].
const MOST: usize = 24_000;
/// Blocks over which that is judged: a second.
const JUDGED_BLOCKS: u32 = 100;

/// Adds up streams, each of which comes in pieces and by a clock of its own, to blocks of 10 ms. Pure.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    streams: BTreeMap<u32, Stream>,
}

/// One stream on its way.
#[derive(Debug)]
struct Stream {
    samples: VecDeque<f32>,
    sounds: bool,
    /// Samples that a block is made of: one more or less than it has, to follow the stream's clock.
    pace: usize,
    /// The least that was there in the blocks judged so far.
    least: usize,
    judged: u32,
}

impl Gatherer {
    /// How much older than its arrival sound is when it is pulled, in samples, as far as it can be told beforehand.
    pub(super) const DELAY: usize = START;

    pub(super) fn add(&mut self, stream: u32) {
        self.streams.insert(stream, Stream::default());
    }

    pub(super) fn remove(&mut self, stream: u32) {
        self.streams.remove(&stream);
    }

    /// Takes sound of a stream at 48 kHz; that of an unknown one is dropped.
    pub(super) fn push(&mut self, stream: u32, samples: impl Iterator<Item = f32>) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.push(samples);
        }
    }

    /// Gives the next 10 ms of all streams together, within full scale.
    pub(super) fn pull(&mut self) -> Block {
        let mut sum = SILENCE;
        self.streams.values_mut().for_each(|stream| stream.add_to(&mut sum));
        sum.map(limit)
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { samples: VecDeque::new(), sounds: false, pace: BLOCK_SAMPLES, least: usize::MAX, judged: 0 }
    }
}

impl Stream {
    fn push(&mut self, samples: impl Iterator<Item = f32>) {
        self.samples.extend(samples.map(|sample| if sample.is_finite() { sample } else { 0.0 }));
        if self.samples.len() > MOST {
            self.samples.drain(..self.samples.len() - START);
        }
    }

    fn add_to(&mut self, sum: &mut Block) {
        let sounded = self.sounds;
        self.sounds = self.samples.len() >= START || sounded && self.samples.len() > self.pace;
        if !self.sounds {
            // What is left of a stream that paused is its end.
            let left = if sounded { self.samples.len() } else { 0 };
            for (sample, total) in self.samples.drain(..left).zip(sum) {
                *total += sample;
            }
            return;
        }
        self.judge();
        let step = self.pace as f32 / BLOCK_SAMPLES as f32;
        for (n, total) in sum.iter_mut().enumerate() {
            let place = n as f32 * step;
            let (whole, part) = (place as usize, place.fract());
            // Without a change of pace every sample is taken as it came.
            *total += if part == 0.0 {
                self.samples[whole]
            } else {
                self.samples[whole] * (1.0 - part) + self.samples[whole + 1] * part
            };
        }
        self.samples.drain(..self.pace);
    }

    /// Follows the stream's clock.
    fn judge(&mut self) {
        self.least = self.least.min(self.samples.len() - self.pace);
        self.judged += 1;
        if self.judged < JUDGED_BLOCKS {
            return;
        }
        self.pace = match self.least {
            ..LITTLE => BLOCK_SAMPLES - 1,
            MUCH.. => BLOCK_SAMPLES + 1,
            _ => BLOCK_SAMPLES,
        };
        (self.least, self.judged) = (usize::MAX, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A tone, from one sample on.
    fn tone(hz: f64, from: usize, samples: usize) -> Vec<f32> {
        let sample = |n: usize| 0.25 * (TAU * hz * n as f64 / 48_000.0).sin() as f32;
        (from..from + samples).map(sample).collect()
    }

    /// The root mean square of a block.
    fn level(block: &Block) -> f32 {
        (block.iter().map(|sample| sample * sample).sum::<f32>() / block.len() as f32).sqrt()
    }

    #[test]
    fn streams_are_added_side_by_side_as_they_came() {
        let mut gatherer = Gatherer::default();
        gatherer.add(1);
        gatherer.add(2);
        for (stream, sample) in [(1, 0.25), (2, -0.5), (3, 0.125)] {
            gatherer.push(stream, std::iter::repeat_n(sample, START));
        }
        assert_eq!(gatherer.pull(), [-0.25; BLOCK_SAMPLES], "the third is unknown");
        gatherer.remove(2);
        assert_eq!(gatherer.pull(), [0.25; BLOCK_SAMPLES]);
    }

    #[test]
    fn the_sum_stays_within_full_scale_and_nonsense_is_silence() {
        let mut gatherer = Gatherer::default();
        for stream in 0..4 {
            gatherer.add(stream);
            gatherer.push(stream, std::iter::repeat_n(if stream == 3 { f32::NAN } else { 0.9 }, START));
        }
        assert!(gatherer.pull().iter().all(|sample| (0.9..=1.0).contains(sample)));
    }

    #[test]
    fn a_stream_begins_when_enough_is_there_and_ends_with_its_last_sample() {
        let mut gatherer = Gatherer::default();
        gatherer.add(7);
        let mut heard = 0;
        gatherer.push(7, std::iter::repeat_n(0.5, START));
        for _ in 0..6 {
            heard += gatherer.pull().iter().filter(|sample| **sample != 0.0).count();
        }
        assert_eq!(heard, START);
    }

    #[test]
    fn bursts_are_evened_out() {
        let mut gatherer = Gatherer::default();
        gatherer.add(1);
        let mut silent = 0;
        let mut from = 0;
        for n in 0..1_000 {
            // 50 ms at once.
            if n % 5 == 0 {
                gatherer.push(1, tone(440.0, from, 2_400).into_iter());
                from += 2_400;
            }
            silent += usize::from(level(&gatherer.pull()) < 0.1);
        }
        assert!(silent <= 5, "{silent} silent blocks of 1000");
    }

    #[test]
    fn a_clock_that_goes_wrong_is_followed_without_a_gap_or_a_delay() {
        for ppm in [-300_i64, 300] {
            let mut gatherer = Gatherer::default();
            gatherer.add(1);
            let (mut from, mut silent, mut most) = (0, 0, 0);
            for n in 0..60_000_i64 {
                let due = (480 * (n + 1) * (1_000_000 + ppm) / 1_000_000) as usize + START;
                gatherer.push(1, tone(440.0, from, due - from).into_iter());
                from = due;
                silent += usize::from(level(&gatherer.pull()) < 0.1);
                most = most.max(gatherer.streams[&1].samples.len());
            }
            assert_eq!(silent, 0, "{ppm} ppm");
            assert!(most < 2 * START, "{ppm} ppm: {most} samples wait");
        }
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let mut gatherer = Gatherer::default();
        gatherer.add(1);
        for n in 0..1_000 {
            gatherer.push(1, tone(440.0, n * 480, 480).into_iter());
            assert!(gatherer.streams[&1].samples.len() <= MOST);
        }
    }
}
