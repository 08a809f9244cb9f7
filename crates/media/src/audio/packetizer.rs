use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::opus::{AudioTarget, OpusEncoder, OpusError};
use super::{BLOCK_SAMPLES, Block, PACKET_SAMPLES, SAMPLE_RATE};

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
}

const PACKET_TIME: Duration = Duration::from_millis(20);

/// Turns 10 ms blocks into 20 ms packets with timestamps. Pure: the time comes with the blocks.
pub struct VoicePacketizer {
    encoder: OpusEncoder,
    samples: [f32; PACKET_SAMPLES],
    filled: usize,
    clock: RtpClock,
}

impl VoicePacketizer {
    pub fn new(target: AudioTarget) -> Result<Self, OpusError> {
        let encoder = OpusEncoder::new(target)?;
        Ok(Self { encoder, samples: [0.0; PACKET_SAMPLES], filled: 0, clock: RtpClock::default() })
    }

    pub fn set_target(&mut self, target: AudioTarget) -> Result<(), OpusError> {
        self.encoder.set_target(target)
    }

    /// Takes the 10 ms that began at `captured`; gives a packet every other time.
    pub fn handle_block(
        &mut self,
        captured: Instant,
        block: &Block,
    ) -> Result<Option<Arc<EncodedAudio>>, OpusError> {
        if self.filled == 0 {
            self.clock.on_packet(captured);
        }
        self.samples[self.filled..self.filled + BLOCK_SAMPLES].copy_from_slice(block);
        self.filled += BLOCK_SAMPLES;
        if self.filled < PACKET_SAMPLES {
            return Ok(None);
        }
        self.filled = 0;
        let data = self.encoder.encode(&self.samples)?;
        let Some((timestamp, captured)) = self.clock.current() else { return Ok(None) };
        Ok(Some(Arc::new(EncodedAudio { data, timestamp, captured })))
    }

    /// The sound is interrupted: half a packet and the encoder's memory are dropped, and the timestamp of the next
    /// packet follows the wall clock.
    pub fn interrupt(&mut self) -> Result<(), OpusError> {
        self.filled = 0;
        self.samples.fill(0.0);
        self.clock.interrupt();
        self.encoder.reset()
    }
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
}

impl RtpClock {
    fn on_packet(&mut self, captured: Instant) {
        let timestamp = match self.last {
            None => 0,
            Some(last) => {
                let elapsed = captured.saturating_duration_since(last.captured);
                let gap = self.interrupted || elapsed > PACKET_TIME + GAP;
                let passed =
                    if gap { ticks(elapsed).max(PACKET_SAMPLES as u64) } else { PACKET_SAMPLES as u64 };
                last.timestamp.wrapping_add(passed as u32)
            }
        };
        self.interrupted = false;
        self.last = Some(LastPacket { timestamp, captured });
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
    }

    fn current(&self) -> Option<(u32, Instant)> {
        self.last.map(|last| (last.timestamp, last.captured))
    }
}

fn ticks(duration: Duration) -> u64 {
    (duration.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MS: Duration = Duration::from_millis(10);
    const BLOCK: Block = [0.1; BLOCK_SAMPLES];

    fn packets(packetizer: &mut VoicePacketizer, from: Instant, blocks: u32) -> Vec<u32> {
        (0..blocks)
            .filter_map(|n| packetizer.handle_block(from + TEN_MS * n, &BLOCK).expect("encode"))
            .map(|packet| packet.timestamp)
            .collect()
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
}
