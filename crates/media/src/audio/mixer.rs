use std::time::{Duration, Instant};

use super::jitter::{JitterBuffer, JitterStats, RtpAudioPacket};
use super::level::LevelMeter;
use super::opus::OpusError;
use super::volume::{Fader, Volume};
use super::{Block, SILENCE};

/// Where the limiter begins to bend; quieter sound passes untouched.
const KNEE: f32 = 0.8;

/// Adds up streams, each with a jitter buffer and a volume of its own. `K` names a stream. Pure.
pub struct Mixer<K> {
    streams: Vec<Stream<K>>,
    output: Fader,
}

struct Stream<K> {
    key: K,
    buffer: JitterBuffer,
    fader: Fader,
    /// Of what comes out of the jitter buffer, whatever the volume.
    level: LevelMeter,
}

impl<K> Default for Mixer<K> {
    fn default() -> Self {
        Self { streams: Vec::new(), output: Fader::new(Volume::UNCHANGED) }
    }
}

impl<K: PartialEq + Copy> Mixer<K> {
    /// Adds a silent stream; fails if there is no memory for its decoder.
    pub fn add(&mut self, key: K) -> Result<(), OpusError> {
        let fader = Fader::new(Volume::UNCHANGED);
        self.streams.push(Stream { key, buffer: JitterBuffer::new()?, fader, level: LevelMeter::default() });
        Ok(())
    }

    pub fn remove(&mut self, key: K) {
        self.streams.retain(|stream| stream.key != key);
    }

    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Hands a packet that arrived at `now` to its stream; one of an unknown stream is dropped.
    pub fn handle_packet(&mut self, now: Instant, key: K, packet: RtpAudioPacket) {
        if let Some(stream) = self.stream(key) {
            stream.buffer.handle_packet(now, packet);
        }
    }

    /// How loud a stream is among the others, from its next block on; an unknown stream has none.
    pub fn set_volume(&mut self, key: K, volume: Volume) {
        if let Some(stream) = self.stream(key) {
            stream.fader.set(volume);
        }
    }

    /// How loud all of it is, from the next block on.
    pub fn set_output_volume(&mut self, volume: Volume) {
        self.output.set(volume);
    }

    /// See [`JitterBuffer::set_minimum_delay`].
    pub fn set_minimum_delay(&mut self, key: K, minimum: Duration) {
        if let Some(stream) = self.stream(key) {
            stream.buffer.set_minimum_delay(minimum);
        }
    }

    /// Takes 10 ms of every stream and gives their sum, within full scale.
    pub fn pull(&mut self, now: Instant) -> Block {
        let mut sum = SILENCE;
        let mut block = SILENCE;
        for Stream { buffer, fader, level, .. } in &mut self.streams {
            buffer.pull(now, &mut block);
            level.add(&block);
            fader.apply(&mut block);
            sum.iter_mut().zip(&block).for_each(|(total, sample)| *total += sample);
        }
        self.output.apply(&mut sum);
        sum.iter_mut().for_each(|sample| *sample = limit(*sample));
        sum
    }

    /// How loud each stream was since this was asked last, 0 to 1, whatever its volume.
    pub fn take_levels(&mut self) -> impl Iterator<Item = (K, f32)> {
        self.streams.iter_mut().map(|stream| (stream.key, stream.level.take()))
    }

    pub fn stats(&self, key: K) -> Option<JitterStats> {
        self.streams.iter().find(|stream| stream.key == key).map(|stream| stream.buffer.stats())
    }

    fn stream(&mut self, key: K) -> Option<&mut Stream<K>> {
        self.streams.iter_mut().find(|stream| stream.key == key)
    }
}

/// Bends what is above the knee smoothly towards full scale.
pub(super) fn limit(sample: f32) -> f32 {
    let magnitude = sample.abs();
    if magnitude <= KNEE {
        return sample;
    }
    let room = 1.0 - KNEE;
    (KNEE + room * ((magnitude - KNEE) / room).tanh()).copysign(sample)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::synthetic::Tone;
    use crate::audio::{AudioTarget, PACKET_SAMPLES, VoicePacketizer};

    const TEN_MS: Duration = Duration::from_millis(10);

    /// What a mixer plays of two voices with the tone, at these volumes, and their levels; the loudness is the root mean
    /// square of the last half of two seconds.
    fn mix(volumes: [f32; 2], output: f32) -> (f32, [f32; 2]) {
        let mut mixer = Mixer::default();
        let now = Instant::now();
        for (key, volume) in volumes.into_iter().enumerate() {
            mixer.add(key).expect("a decoder");
            mixer.set_volume(key, volume.into());
        }
        mixer.set_output_volume(output.into());
        let mut voice = VoicePacketizer::new(AudioTarget::default()).expect("an encoder");
        let mut tone = Tone::default();
        let (mut energy, mut levels) = (0.0, [0.0; 2]);
        for n in 0..200_u32 {
            let time = now + TEN_MS * n;
            let packet = voice.handle_block(time, &tone.next_block()).expect("encodes");
            for key in packet.is_some().then_some([0, 1]).into_iter().flatten() {
                let Some(packet) = &packet else { continue };
                let sequence = (packet.timestamp / PACKET_SAMPLES as u32) as u16;
                let (timestamp, payload) = (packet.timestamp, packet.data.clone());
                mixer.handle_packet(
                    time,
                    key,
                    RtpAudioPacket { sequence, timestamp, payload, copies: Vec::new() },
                );
            }
            let block = mixer.pull(time);
            if n >= 100 {
                energy += block.iter().map(|sample| sample * sample).sum::<f32>() / block.len() as f32;
            }
            if n == 100 || n == 199 {
                mixer.take_levels().for_each(|(key, level)| levels[key] = level);
            }
        }
        ((energy / 100.0).sqrt(), levels)
    }

    #[test]
    fn volumes_change_what_is_heard_and_not_what_is_measured() {
        let (alone, levels) = mix([1.0, 0.0], 1.0);
        assert!((0.1..0.3).contains(&alone), "{alone}");
        for ([volumes, output], expected) in [
            ([[0.5, 0.0], [1.0, 0.0]], 0.25),
            ([[0.5, 0.5], [1.0, 0.0]], 0.5),
            ([[1.0, 0.0], [0.5, 0.0]], 0.25),
            ([[1.4, 0.0], [1.0, 0.0]], 1.96),
            ([[1.0, 1.0], [0.0, 0.0]], 0.0),
        ] {
            let (heard, same_levels) = mix(volumes, output[0]);
            assert!((heard / alone - expected).abs() < 0.02, "{volumes:?}, {output:?}: {}", heard / alone);
            assert_eq!(same_levels, levels);
        }
        assert!(levels[0] > 0.1 && levels[0] == levels[1], "{levels:?}");
    }

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
