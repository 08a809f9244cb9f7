//! The sound of a call: microphone to Opus packets, and Opus packets to speaker.
//!
//! ```text
//! capture callback ─► ring ─► [worker: resample, 10 ms blocks, voice, level, Opus] ─► AudioSourceEvent::Encoded
//! AudioStream::push ─► [worker: jitter buffer per stream, mix, limit, resample] ─► ring ─► playout callback
//! ```
//!
//! Threads: [`AudioSource`] and [`AudioSink`] are handles of one worker thread each, which owns everything between the
//! ring and the packets. Every opened device has a thread of its own that owns the `!Send` stream, because opening and
//! closing may block for seconds, or for ever: workers wait for none of it, and a thread that hangs is abandoned. The
//! real-time callback touches its end of one ring and a few counters, and never locks, allocates or logs. Workers look
//! at their ring every 5 ms, since a callback must not wake them.
//!
//! Everything that decides lives in parts without thread or clock, which take the time as an argument:
//! [`voice::VoiceProcessor`], [`VoicePacketizer`], [`JitterBuffer`], [`Mixer`]. This module never touches the network.

mod handle;
mod hardware;
mod jitter;
mod level;
mod microphone;
mod mixer;
mod opus;
mod pace;
mod packetizer;
mod red;
mod resample;
mod sink;
mod source;
mod speaker;
mod synthetic;
pub mod system;
pub mod voice;
mod volume;
mod wav;

pub use hardware::{list_microphones, list_speakers, lists_quietly};
pub use jitter::{JitterBuffer, JitterStats, RtpAudioPacket};
pub use mixer::Mixer;
pub use opus::{AudioTarget, OpusDecoder, OpusEncoder, OpusError, PacketInfo, PacketTime};
pub use packetizer::{EncodedAudio, VoicePacketizer};
pub use red::{AudioCopy, MAX_COPIES, RedundantAudio, SentAudio};
pub use resample::{ResampleError, Resampler};
pub use sink::{AudioSink, AudioSinkEvent, AudioStream, AudioStreamId, AudioStreamStats};
pub use source::{AudioSource, AudioSourceEvent};
pub use volume::Volume;

/// Samples a second inside Visavis, and ticks a second of Opus' RTP clock (RFC 7587 section 4.1).
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in 10 ms: the unit of capture and playout.
pub const BLOCK_SAMPLES: usize = 480;

/// Samples in 20 ms: the shortest Opus packet that is sent.
pub const PACKET_SAMPLES: usize = 960;

/// 10 ms of mono sound at 48 kHz; full scale is -1 to 1.
pub type Block = [f32; BLOCK_SAMPLES];

/// 10 ms of silence.
pub(crate) const SILENCE: Block = [0.0; BLOCK_SAMPLES];
