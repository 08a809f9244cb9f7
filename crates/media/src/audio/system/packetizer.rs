use std::sync::Arc;
use std::time::Instant;

use ::opus::{Application, Bitrate, Channels, Encoder};
use bytes::Bytes;

use crate::audio::opus::OpusError;
use crate::audio::{Block, PACKET_SAMPLES, SAMPLE_RATE};

/// Bytes that fit any packet of one frame (RFC 6716 section 3.2.5), with its header.
const MAX_ENCODED_BYTES: usize = 1_276;
/// As for a voice.
const COMPLEXITY: i32 = 9;
/// Packets of silence that are sent after sound, so that its end is heard: half a second.
const SILENT_PACKETS: u32 = 25;

/// One Opus packet of the computer's sound, encoded once for all receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSound {
    /// The RTP payload (RFC 7587).
    pub data: Bytes,
    /// In ticks of 48 kHz since the epoch of the source.
    pub timestamp: u32,
    /// When its first sample was played.
    pub captured: Instant,
    /// It is the first after silence (RFC 3551 section 4.1): the RTP marker.
    pub starts: bool,
}

/// Turns 10 ms blocks into packets of 20 ms, as music: nothing is taken for noise. While nothing is played
/// at all, nothing is sent. Pure: the time comes with the blocks.
pub(super) struct SoundPacketizer {
    encoder: Encoder,
    epoch: Instant,
    /// Of the packet that is not full yet.
    captured: Option<Instant>,
    samples: Vec<f32>,
    bitrate_bps: u32,
    /// Packets of silence since the last sound; none of them was sent if there are more than are worth it.
    silent: u32,
    output: Vec<u8>,
}

impl SoundPacketizer {
    /// Timestamps count from `epoch`. Sends nothing before it has a bitrate.
    pub(super) fn new(epoch: Instant) -> Result<Self, OpusError> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Audio)?;
        encoder.set_complexity(COMPLEXITY)?;
        Ok(Self {
            encoder,
            epoch,
            captured: None,
            samples: Vec::with_capacity(PACKET_SAMPLES),
            bitrate_bps: 0,
            silent: SILENT_PACKETS,
            output: vec![0; MAX_ENCODED_BYTES],
        })
    }

    /// Applies from the next packet on; with none, nothing is sent.
    pub(super) fn set_bitrate(&mut self, bitrate_bps: u32) -> Result<(), OpusError> {
        if bitrate_bps > 0 {
            self.encoder.set_bitrate(Bitrate::Bits(bitrate_bps.clamp(6_000, 510_000) as i32))?;
        }
        if (self.bitrate_bps == 0) != (bitrate_bps == 0) {
            self.interrupt()?;
        }
        self.bitrate_bps = bitrate_bps;
        Ok(())
    }

    /// Takes the 10 ms that began at `captured`; gives a packet when one is full and worth sending.
    pub(super) fn handle_block(
        &mut self,
        captured: Instant,
        block: &Block,
    ) -> Result<Option<Arc<EncodedSound>>, OpusError> {
        if self.bitrate_bps == 0 {
            return Ok(None);
        }
        let captured = *self.captured.get_or_insert(captured);
        self.samples.extend_from_slice(block);
        if self.samples.len() < PACKET_SAMPLES {
            return Ok(None);
        }
        self.captured = None;
        let was_silent = self.silent >= SILENT_PACKETS;
        self.silent =
            if self.samples.iter().all(|sample| *sample == 0.0) { self.silent.saturating_add(1) } else { 0 };
        if self.silent >= SILENT_PACKETS {
            self.samples.clear();
            return Ok(None);
        }
        if was_silent {
            self.encoder.reset_state()?;
        }
        let length = self.encoder.encode_float(&self.samples, &mut self.output)?;
        self.samples.clear();
        Ok(Some(Arc::new(EncodedSound {
            data: Bytes::copy_from_slice(&self.output[..length]),
            timestamp: self.timestamp(captured),
            captured,
            starts: was_silent,
        })))
    }

    /// Wrapping, as RTP timestamps do. The first sound may be older than the epoch.
    fn timestamp(&self, captured: Instant) -> u32 {
        let since = captured.saturating_duration_since(self.epoch).as_nanos() as i128;
        let until = self.epoch.saturating_duration_since(captured).as_nanos() as i128;
        ((since - until) * i128::from(SAMPLE_RATE)).div_euclid(1_000_000_000) as u32
    }

    /// The sound is interrupted: half a packet and the encoder's memory are dropped.
    pub(super) fn interrupt(&mut self) -> Result<(), OpusError> {
        self.captured = None;
        self.samples.clear();
        self.silent = SILENT_PACKETS;
        Ok(self.encoder.reset_state()?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::{PacketInfo, SILENCE};

    const TEN_MS: Duration = Duration::from_millis(10);

    /// The block of this number of 1 kHz.
    fn sound(n: u32) -> Block {
        std::array::from_fn(|sample| {
            let time = n as f32 * 0.01 + sample as f32 / 48_000.0;
            0.3 * (std::f32::consts::TAU * 1_000.0 * time).sin()
        })
    }

    fn packetizer(epoch: Instant, bitrate_bps: u32) -> SoundPacketizer {
        let mut packetizer = SoundPacketizer::new(epoch).expect("an encoder");
        packetizer.set_bitrate(bitrate_bps).expect("a bitrate");
        packetizer
    }

    #[test]
    fn packets_follow_each_other_by_the_clock_of_the_blocks() {
        let epoch = Instant::now();
        let mut packetizer = packetizer(epoch, 64_000);
        let begin = epoch + Duration::from_secs(3);
        let packets: Vec<_> = (0..100)
            .filter_map(|n| packetizer.handle_block(begin + TEN_MS * n, &sound(n)).expect("encodes"))
            .collect();
        assert_eq!(packets.len(), 50);
        for (packet, n) in packets.iter().zip(0..) {
            assert_eq!(packet.timestamp, 3 * 48_000 + n * 960);
            assert_eq!(packet.captured, begin + TEN_MS * 2 * n);
            assert_eq!(packet.starts, n == 0);
            assert_eq!(PacketInfo::parse(&packet.data).map(|info| info.samples), Some(960));
        }
        let bytes: usize = packets.iter().map(|packet| packet.data.len()).sum();
        assert!((4_000..9_000).contains(&bytes), "{bytes} bytes in a second");
    }

    #[test]
    fn what_is_older_than_the_epoch_comes_before_it() {
        let epoch = Instant::now();
        let mut packetizer = packetizer(epoch, 64_000);
        // Not at a whole tick.
        let begin = epoch - Duration::from_micros(25_003);
        let mut timestamps = (0..8).filter_map(|n| {
            packetizer.handle_block(begin + TEN_MS * n, &sound(n)).expect("encodes").map(|it| it.timestamp)
        });
        let first = timestamps.next().expect("a packet");
        assert_eq!(first, 0_u32.wrapping_sub(1_201));
        assert!(timestamps.zip(1..).all(|(timestamp, n)| timestamp == first.wrapping_add(n * 960)));
    }

    #[test]
    fn nothing_is_sent_of_silence_but_the_end_of_sound() {
        let epoch = Instant::now();
        let mut packetizer = packetizer(epoch, 64_000);
        let mut sent = |blocks: std::ops::Range<u32>, silent: bool| {
            let packets = blocks.filter_map(|n| {
                let block = if silent { SILENCE } else { sound(n) };
                packetizer.handle_block(epoch + TEN_MS * n, &block).expect("encodes")
            });
            packets.map(|packet| (packet.timestamp, packet.starts)).collect::<Vec<_>>()
        };
        assert_eq!(sent(0..100, true), []);
        assert_eq!(sent(100..104, false), [(48_000, true), (48_960, false)]);
        assert_eq!(sent(104..400, true).len(), SILENT_PACKETS as usize - 1);
        assert_eq!(sent(400..402, false), [(4 * 48_000, true)]);
    }

    #[test]
    fn nothing_is_sent_without_a_bitrate() {
        let epoch = Instant::now();
        let mut packetizer = packetizer(epoch, 0);
        assert!((0..10).all(|n| packetizer.handle_block(epoch, &sound(n)).expect("none").is_none()));
        packetizer.set_bitrate(48_000).expect("a bitrate");
        let first = (10..12).find_map(|n| packetizer.handle_block(epoch, &sound(n)).expect("encodes"));
        assert!(first.expect("a packet").starts);
    }
}
