use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::opus::{AudioTarget, MAX_PACKET_SAMPLES, OpusEncoder, OpusError, PacketInfo};
use super::{Block, PACKET_SAMPLES, SAMPLE_RATE};

/// One Opus packet, encoded once for all receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedAudio {
    /// The RTP payload (RFC 7587).
    pub data: Bytes,
    /// In ticks of 48 kHz from when the source began, running on through mutes and gaps by the wall clock. Whoever packetizes
    /// adds the stream's random offset (RFC 3550 section 5.1).
    pub timestamp: u32,
    /// When its first sample was heard.
    pub captured: Instant,
    /// It is the first after silence (RFC 3551 section 4.1): the RTP marker.
    pub starts_talk: bool,
    /// How many of the packets before it it shall carry once more.
    pub copies: u8,
}

/// Turns 10 ms blocks into packets with timestamps, and leaves out those that say nothing. Pure: the time comes with the
/// blocks.
pub struct VoicePacketizer {
    encoder: OpusEncoder,
    packet_samples: usize,
    copies: u8,
    /// Less than a packet.
    samples: Vec<f32>,
    clock: RtpClock,
    speech: Speech,
}

impl VoicePacketizer {
    pub fn new(target: AudioTarget) -> Result<Self, OpusError> {
        Ok(Self {
            encoder: OpusEncoder::new(target)?,
            packet_samples: target.packet_time.samples(),
            copies: target.copies,
            samples: Vec::with_capacity(MAX_PACKET_SAMPLES),
            clock: RtpClock::default(),
            speech: Speech::Silent,
        })
    }

    /// Applies from the next block on; a packet that was to be longer ends with it.
    pub fn set_target(&mut self, target: AudioTarget) -> Result<(), OpusError> {
        self.packet_samples = target.packet_time.samples();
        self.copies = target.copies;
        self.encoder.set_target(target)
    }

    /// Takes the 10 ms that began at `captured`; gives a packet when one is full and worth sending.
    pub fn handle_block(
        &mut self,
        captured: Instant,
        block: &Block,
    ) -> Result<Option<Arc<EncodedAudio>>, OpusError> {
        if self.samples.is_empty() {
            self.clock.on_packet(captured);
        }
        self.samples.extend_from_slice(block);
        if self.samples.len() < self.packet_samples || !self.samples.len().is_multiple_of(PACKET_SAMPLES) {
            return Ok(None);
        }
        let data = self.encoder.encode(&self.samples)?;
        let current = self.clock.on_packet_end(self.samples.len());
        self.samples.clear();
        let is_dtx = PacketInfo::parse(&data).is_some_and(|info| info.is_dtx);
        let before = std::mem::replace(&mut self.speech, if is_dtx { Speech::Silent } else { Speech::Goes });
        // The first packet that says nothing is how the receiver knows that the next ones are not lost.
        if is_dtx && before != Speech::Goes {
            return Ok(None);
        }
        let starts_talk = !is_dtx && before != Speech::Goes;
        let copies = self.copies;
        Ok(current.map(|(timestamp, captured)| {
            Arc::new(EncodedAudio { data, timestamp, captured, starts_talk, copies })
        }))
    }

    /// The sound is interrupted: half a packet and the encoder's memory are dropped, and the timestamp of the next
    /// packet follows the wall clock.
    pub fn interrupt(&mut self) -> Result<(), OpusError> {
        self.samples.clear();
        self.speech = Speech::Silent;
        self.clock.interrupt();
        self.encoder.reset()
    }
}

/// What was encoded last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    Silent,
    Goes,
}

/// A packet that begins so much later than the one before it ended follows a gap in the sound.
const GAP: Duration = Duration::from_millis(100);

/// Counts samples while sound flows, and follows the wall clock over gaps.
#[derive(Debug, Default)]
struct RtpClock {
    last: Option<LastPacket>,
    interrupted: bool,
}

#[derive(Debug, Clone, Copy)]
struct LastPacket {
    /// Wrapping, as RTP timestamps do.
    timestamp: u32,
    captured: Instant,
    /// As far as they are known.
    samples: usize,
}

impl RtpClock {
    fn on_packet(&mut self, captured: Instant) {
        let timestamp = match self.last {
            None => 0,
            Some(last) => {
                let elapsed = captured.saturating_duration_since(last.captured);
                let gap = self.interrupted || elapsed > duration(last.samples) + GAP;
                let counted = last.samples as u64;
                let passed = if gap { ticks(elapsed).max(counted) } else { counted };
                last.timestamp.wrapping_add(passed as u32)
            }
        };
        self.interrupted = false;
        self.last = Some(LastPacket { timestamp, captured, samples: 0 });
    }

    /// The packet that began last has so many samples. Gives its timestamp, and when it began.
    fn on_packet_end(&mut self, samples: usize) -> Option<(u32, Instant)> {
        let last = self.last.as_mut()?;
        last.samples = samples;
        Some((last.timestamp, last.captured))
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
    }
}

fn duration(samples: usize) -> Duration {
    Duration::from_secs(1) * samples as u32 / SAMPLE_RATE
}

fn ticks(duration: Duration) -> u64 {
    (duration.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{BLOCK_SAMPLES, PacketTime};

    const TEN_MS: Duration = Duration::from_millis(10);
    /// 400 Hz: four periods.
    fn voice() -> Block {
        std::array::from_fn(|n| 0.2 * (std::f32::consts::TAU * n as f32 / 120.0).sin())
    }

    fn packets(packetizer: &mut VoicePacketizer, from: Instant, blocks: u32) -> Vec<u32> {
        encoded(packetizer, from, blocks, &voice()).iter().map(|packet| packet.timestamp).collect()
    }

    fn encoded(
        packetizer: &mut VoicePacketizer,
        from: Instant,
        blocks: u32,
        block: &Block,
    ) -> Vec<Arc<EncodedAudio>> {
        (0..blocks)
            .filter_map(|n| packetizer.handle_block(from + TEN_MS * n, block).expect("encode"))
            .collect()
    }

    fn samples(packets: &[Arc<EncodedAudio>]) -> Vec<usize> {
        packets.iter().filter_map(|packet| PacketInfo::parse(&packet.data)).map(|info| info.samples).collect()
    }

    #[test]
    fn two_blocks_make_a_packet_and_timestamps_count_samples() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        assert_eq!(packets(&mut packetizer, Instant::now(), 7), [0, 960, 1920]);
    }

    #[test]
    fn jitter_of_the_capture_clock_does_not_reach_timestamps() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        let start = Instant::now();
        assert_eq!(packets(&mut packetizer, start, 2), [0]);
        assert_eq!(packets(&mut packetizer, start + Duration::from_millis(33), 2), [960]);
    }

    #[test]
    fn a_mute_moves_the_timestamp_by_its_length_and_drops_half_a_packet() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        let start = Instant::now();
        assert_eq!(packets(&mut packetizer, start, 3), [0]);
        packetizer.interrupt().expect("reset");
        assert_eq!(packets(&mut packetizer, start + Duration::from_secs(5), 4), [240_000, 240_960]);
    }

    #[test]
    fn a_gap_of_the_device_moves_the_timestamp() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        let start = Instant::now();
        assert_eq!(packets(&mut packetizer, start, 2), [0]);
        assert_eq!(packets(&mut packetizer, start + Duration::from_millis(500), 4), [24_000, 24_960]);
    }

    #[test]
    fn a_timestamp_never_goes_back() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        let start = Instant::now();
        assert_eq!(packets(&mut packetizer, start, 20).last(), Some(&(9 * 960)));
        packetizer.interrupt().expect("reset");
        assert_eq!(packets(&mut packetizer, start + Duration::from_millis(50), 2), [10 * 960]);
    }
    #[test]
    fn longer_packets_begin_and_end_without_a_gap() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        let start = Instant::now();
        let mut all = encoded(&mut packetizer, start, 2, &voice());
        for (packet_time, from, blocks) in
            [(PacketTime::Ms60, 2, 15), (PacketTime::Ms20, 17, 4), (PacketTime::Ms40, 21, 8)]
        {
            packetizer.set_target(AudioTarget { packet_time, ..AudioTarget::default() }).expect("target");
            all.extend(encoded(&mut packetizer, start + TEN_MS * from, blocks, &voice()));
        }
        // When the target went back to 20 ms, 30 of 60 were there already.
        assert_eq!(samples(&all), [960, 2880, 2880, 1920, 960, 1920, 1920]);
        for pair in all.windows(2) {
            let length = samples(&pair[..1])[0] as u32;
            assert_eq!(pair[1].timestamp - pair[0].timestamp, length);
            assert_eq!(pair[1].captured - pair[0].captured, duration(length as usize));
        }
    }

    #[test]
    fn silence_is_told_once_and_refreshed_now_and_then() {
        let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
        let start = Instant::now();
        let spoken = encoded(&mut packetizer, start, 100, &voice());
        assert_eq!(spoken.len(), 50, "a steady tone is no silence");
        assert!(spoken.iter().enumerate().all(|(n, packet)| packet.starts_talk == (n == 0)));
        let silent = encoded(&mut packetizer, start + TEN_MS * 100, 400, &[0.0; BLOCK_SAMPLES]);
        assert!((5..40).contains(&silent.len()), "{} packets in 4 s of silence", silent.len());
        let told = silent.iter().filter(|packet| packet.data.len() <= 2).count();
        assert!(told > 0 && told <= silent.len() / 2 + 1, "{told} of {} say that it is silent", silent.len());
        let after = encoded(&mut packetizer, start + TEN_MS * 500, 4, &voice());
        assert!(after[0].starts_talk && !after[1].starts_talk);
        assert_eq!(after[0].timestamp, 500 * 480);
    }
}
