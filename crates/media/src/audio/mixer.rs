use std::time::Instant;

use super::jitter::{JitterBuffer, JitterStats, RtpAudioPacket};
use super::opus::OpusError;
use super::{Block, SILENCE};

/// Where the limiter begins to bend; quieter sound passes untouched.
const KNEE: f32 = 0.8;

/// Adds up streams, each with a jitter buffer of its own. `K` names a stream. Pure.
pub struct Mixer<K> {
    streams: Vec<(K, JitterBuffer)>,
}

impl<K> Default for Mixer<K> {
    fn default() -> Self {
        Self { streams: Vec::new() }
    }
}

impl<K: PartialEq + Copy> Mixer<K> {
    /// Adds a silent stream; fails if there is no memory for its decoder.
    pub fn add(&mut self, key: K) -> Result<(), OpusError> {
        self.streams.push((key, JitterBuffer::new()?));
        Ok(())
    }

    pub fn remove(&mut self, key: K) {
        self.streams.retain(|(known, _)| *known != key);
    }

    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Hands a packet that arrived at `now` to its stream; one of an unknown stream is dropped.
    pub fn handle_packet(&mut self, now: Instant, key: K, packet: RtpAudioPacket) {
        if let Some((_, buffer)) = self.streams.iter_mut().find(|(known, _)| *known == key) {
            buffer.handle_packet(now, packet);
        }
    }

    /// Takes 10 ms of every stream and gives their sum, within full scale.
    pub fn pull(&mut self, now: Instant) -> Block {
        let mut sum = SILENCE;
        let mut block = SILENCE;
        for (_, buffer) in &mut self.streams {
            buffer.pull(now, &mut block);
            sum.iter_mut().zip(&block).for_each(|(total, sample)| *total += sample);
        }
        sum.iter_mut().for_each(|sample| *sample = limit(*sample));
        sum
    }

    pub fn stats(&self, key: K) -> Option<JitterStats> {
        self.streams.iter().find(|(known, _)| *known == key).map(|(_, buffer)| buffer.stats())
    }
}

/// Bends what is above the knee smoothly towards full scale.
fn limit(sample: f32) -> f32 {
    let magnitude = sample.abs();
    if magnitude <= KNEE {
        return sample;
    }
    let room = 1.0 - KNEE;
    (KNEE + room * ((magnitude - KNEE) / room).tanh()).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limiter_is_silent_below_its_knee_smooth_at_it_and_bounded() {
        assert_eq!(limit(0.5), 0.5);
        assert_eq!(limit(-0.8), -0.8);
        assert!((limit(0.801) - 0.801).abs() < 1e-4);
        assert!(limit(5.0) <= 1.0 && limit(-5.0) >= -1.0);
        let rising: Vec<f32> = (0..300).map(|n| limit(n as f32 / 100.0)).collect();
        assert!(rising.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
