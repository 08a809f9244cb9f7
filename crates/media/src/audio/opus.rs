//! Opus (RFC 6716) as a call uses it: mono voice at 48 kHz in packets of 20 to 60 ms, with in-band FEC and with DTX: in
//! silence hardly anything is sent.
//!
//! In SDP such a stream is still `opus/48000/2` (RFC 7587 section 7); mono packets are legal in it, and the decoder turns
//! a stereo packet of another sender into mono.

use std::time::Duration;

use ::opus::{Application, Bitrate, Channels, Decoder, Encoder, packet};
use bytes::Bytes;

use super::{PACKET_SAMPLES, SAMPLE_RATE};

/// The longest packet that Opus allows: 120 ms.
pub(crate) const MAX_PACKET_SAMPLES: usize = 5760;

/// Bytes that fit any packet of up to three frames (RFC 6716 section 3.2.5).
const MAX_ENCODED_BYTES: usize = 3 * 1276;

/// A packet of no more bytes says that nothing is worth sending: the receiver fills in noise until the next one
/// (RFC 7587 section 3.1.3).
const DTX_BYTES: usize = 2;

/// A 20 ms packet of speech at 32 kbit/s costs 0.13 ms at 5, 0.18 ms at 8, 0.23 ms at 9 and 0.28 ms at 10 (one core of a
/// 2026 server): at 9 a voice takes 1.1 % of a core.
const COMPLEXITY: i32 = 9;

/// What the sender of a voice stream aims for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTarget {
    pub bitrate_bps: u32,
    pub packet_time: PacketTime,
    /// Packets of a hundred that the receiver is expected to miss: how much of the bitrate goes into FEC. Up to 5, Opus
    /// spends nothing on it unless the bitrate carries the full bandwidth besides; above, it narrows the
    /// bandwidth where that makes room for it. Zero is no FEC at all.
    pub expected_loss_percent: u8,
    /// How many of the packets before it each packet carries once more, where the far side can read that.
    pub copies: u8,
}

impl Default for AudioTarget {
    fn default() -> Self {
        Self { bitrate_bps: 32_000, packet_time: PacketTime::Ms20, expected_loss_percent: 10, copies: 0 }
    }
}

/// How much sound is in a packet. Longer ones spend less on headers, and take more with them when they are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketTime {
    Ms20,
    Ms40,
    Ms60,
}

impl PacketTime {
    /// The longest that is not longer, or 20 ms.
    pub fn of(time: Duration) -> Self {
        match time.as_millis() {
            ..40 => Self::Ms20,
            40..60 => Self::Ms40,
            60.. => Self::Ms60,
        }
    }

    pub fn samples(self) -> usize {
        match self {
            Self::Ms20 => PACKET_SAMPLES,
            Self::Ms40 => 2 * PACKET_SAMPLES,
            Self::Ms60 => 3 * PACKET_SAMPLES,
        }
    }
}

/// The codec refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("opus: {operation}: {reason}")]
pub struct OpusError {
    operation: &'static str,
    reason: &'static str,
}

impl From<::opus::Error> for OpusError {
    fn from(error: ::opus::Error) -> Self {
        Self { operation: error.function(), reason: error.description() }
    }
}

/// Encodes 20, 40 or 60 ms of voice at a time.
pub struct OpusEncoder {
    encoder: Encoder,
    output: Vec<u8>,
}

impl OpusEncoder {
    pub fn new(target: AudioTarget) -> Result<Self, OpusError> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_complexity(COMPLEXITY)?;
        encoder.set_inband_fec(true)?;
        encoder.set_dtx(true)?;
        let mut encoder = Self { encoder, output: vec![0; MAX_ENCODED_BYTES] };
        encoder.set_target(target)?;
        Ok(encoder)
    }

    /// Applies from the next packet on. Bitrates outside 6 to 510 kbit/s are clamped.
    pub fn set_target(&mut self, target: AudioTarget) -> Result<(), OpusError> {
        let bitrate = target.bitrate_bps.clamp(6_000, 510_000) as i32;
        self.encoder.set_bitrate(Bitrate::Bits(bitrate))?;
        self.encoder.set_packet_loss_perc(i32::from(target.expected_loss_percent.min(100)))?;
        Ok(())
    }

    /// Encodes as many samples as a [`PacketTime`] has into one packet.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Bytes, OpusError> {
        let length = self.encoder.encode_float(samples, &mut self.output)?;
        Ok(Bytes::copy_from_slice(&self.output[..length]))
    }

    /// Forgets the sound so far, so that nothing from before a pause is heard after it.
    pub fn reset(&mut self) -> Result<(), OpusError> {
        Ok(self.encoder.reset_state()?)
    }
}

/// What a packet's header says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketInfo {
    /// Length in samples at 48 kHz, 120 to 5760.
    pub samples: usize,
    /// It says that nothing follows until the next packet that says more.
    pub is_dtx: bool,
    /// It carries a coarse copy of the frame before it.
    pub has_fec: bool,
}

impl PacketInfo {
    /// Reads the header (RFC 6716 sections 3 and 4.2.4); `None` if this is no Opus packet.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        if payload.is_empty() {
            return None;
        }
        let parsed = packet::parse(payload).ok()?;
        let samples = packet::get_nb_samples(payload, SAMPLE_RATE).ok()?;
        if !(1..=MAX_PACKET_SAMPLES).contains(&samples) {
            return None;
        }
        Some(Self { samples, is_dtx: payload.len() <= DTX_BYTES, has_fec: has_fec(&parsed) })
    }
}

/// The low-bitrate redundancy flag of the first frame: one bit for each channel after that channel's voice activity
/// bits, of which there is one for each 20 ms (RFC 6716 section 4.2.4). CELT frames have none.
fn has_fec(packet: &packet::Packet<'_>) -> bool {
    let config = packet.toc >> 3;
    let stereo = packet.toc & 0x04 != 0;
    let silk_frames = match config {
        0..12 => match config % 4 {
            0 | 1 => 1,
            2 => 2,
            _ => 3,
        },
        12..16 => 1,
        _ => return false,
    };
    let Some(&first) = packet.frames.first().and_then(|frame| frame.first()) else { return false };
    let flag = |bits_before: u32| first >> (7 - bits_before) & 1 == 1;
    flag(silk_frames) || stereo && flag(2 * silk_frames + 1)
}

/// Decodes packets of any length, and makes up what is missing.
pub struct OpusDecoder {
    decoder: Decoder,
}

impl OpusDecoder {
    pub fn new() -> Result<Self, OpusError> {
        Ok(Self { decoder: Decoder::new(SAMPLE_RATE, Channels::Mono)? })
    }

    /// Decodes a packet to the front of `output`, which holds at least [`PacketInfo::samples`]; gives the number of
    /// samples.
    pub fn decode(&mut self, payload: &[u8], output: &mut [f32]) -> Result<usize, OpusError> {
        if payload.is_empty() {
            return Err(OpusError { operation: "decode", reason: "empty packet" });
        }
        Ok(self.decoder.decode_float(payload, output, false)?)
    }

    /// Decodes the copy of the frame before this packet's first. `output` has exactly that frame's length.
    pub fn decode_fec(&mut self, payload: &[u8], output: &mut [f32]) -> Result<usize, OpusError> {
        if payload.is_empty() {
            return Err(OpusError { operation: "decode FEC", reason: "empty packet" });
        }
        Ok(self.decoder.decode_float(payload, output, true)?)
    }

    /// Forgets the sound so far: what comes next does not continue it.
    pub fn reset(&mut self) -> Result<(), OpusError> {
        Ok(self.decoder.reset_state()?)
    }

    /// Continues the sound over a gap as long as `output`, a multiple of 2.5 ms.
    pub fn conceal(&mut self, output: &mut [f32]) -> Result<usize, OpusError> {
        Ok(self.decoder.decode_float(&[], output, false)?)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// A second of a voice with harmonics that swells four times: Opus spends no FEC on a steady tone.
    fn encode(target: AudioTarget) -> Vec<Bytes> {
        let mut encoder = OpusEncoder::new(target).expect("encoder");
        let sample = |n: usize| {
            let time = n as f32 / SAMPLE_RATE as f32;
            let voice: f32 = (1..6_u8).map(f32::from).map(|k| (TAU * 200.0 * k * time).sin() / k).sum();
            0.3 * (0.65 + 0.35 * (TAU * 4.0 * time).sin()) * voice
        };
        (0..50)
            .map(|packet| {
                let samples: [f32; PACKET_SAMPLES] =
                    std::array::from_fn(|n| sample(packet * PACKET_SAMPLES + n));
                encoder.encode(&samples).expect("encode")
            })
            .collect()
    }

    fn with_fec(packets: &[Bytes]) -> usize {
        packets.iter().filter(|packet| PacketInfo::parse(packet).is_some_and(|info| info.has_fec)).count()
    }

    #[test]
    fn the_default_target_carries_fec_and_a_clean_path_none() {
        let fec = with_fec(&encode(AudioTarget::default()));
        assert!(fec >= 15, "{fec} of 50 packets");
        assert_eq!(with_fec(&encode(AudioTarget { expected_loss_percent: 0, ..AudioTarget::default() })), 0);
    }

    #[test]
    fn the_bitrate_is_kept() {
        for bitrate_bps in [16_000, 32_000, 64_000] {
            let bytes: usize =
                encode(AudioTarget { bitrate_bps, ..AudioTarget::default() }).iter().map(Bytes::len).sum();
            let ratio = bytes as f64 * 8.0 / f64::from(bitrate_bps);
            assert!((0.6..1.2).contains(&ratio), "{ratio} of {bitrate_bps} bit/s");
        }
    }

    #[test]
    fn a_lost_packet_comes_back_from_the_next() {
        let packets = encode(AudioTarget::default());
        let next = (10..50)
            .find(|&n| PacketInfo::parse(&packets[n]).is_some_and(|info| info.has_fec))
            .expect("a packet with FEC");
        let mut whole = OpusDecoder::new().expect("decoder");
        let mut patched = OpusDecoder::new().expect("decoder");
        let (mut original, mut recovered) = ([0.0; PACKET_SAMPLES], [0.0; PACKET_SAMPLES]);
        for packet in &packets[..next - 1] {
            whole.decode(packet, &mut original).expect("decode");
            patched.decode(packet, &mut recovered).expect("decode");
        }
        whole.decode(&packets[next - 1], &mut original).expect("decode");
        patched.decode_fec(&packets[next], &mut recovered).expect("decode");
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let alike =
            dot(&original, &recovered) / (dot(&original, &original) * dot(&recovered, &recovered)).sqrt();
        assert!(alike > 0.9, "{alike}");
    }

    #[test]
    fn what_is_no_packet_is_told() {
        assert_eq!(PacketInfo::parse(&[]), None);
        // Three frames announced in one byte, and 48 of 60 ms.
        assert_eq!(PacketInfo::parse(&[0xff, 0xff]), None);
        assert_eq!(PacketInfo::parse(&[0x1b, 0x30]), None);
        let mut output = [0.0; PACKET_SAMPLES];
        assert!(OpusDecoder::new().expect("decoder").decode(&[], &mut output).is_err());
    }
}
