//! The video jitter buffer: RTP packets of one stream in, decodable frames at the right time out.
//!
//! Pure: the time is an argument, and nothing is asked of the network but what
//! [`poll_key_frame_request`](FrameBuffer::poll_key_frame_request) says. Retransmissions are requested elsewhere, this
//! only waits for them. The decoder is never given a frame whose references are missing: after a loss that is not
//! repaired the picture stands still until a key frame comes.

mod buffer;
mod freeze;
mod key_request;
mod packets;
mod playout;
mod sequence;
#[cfg(test)]
mod tests;

pub use buffer::{BufferCounters, FrameBuffer};
pub(super) use freeze::FreezeDetector;

use std::time::{Duration, Instant};

use bytes::Bytes;

/// An RTP packet of a VP8 stream; a retransmission already has its original sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpVideoPacket {
    pub sequence: u16,
    /// In ticks of 1/90000 s.
    pub timestamp: u32,
    /// The last packet of a frame.
    pub marker: bool,
    /// Payload descriptor and data (RFC 7741). An empty payload is padding.
    pub payload: Bytes,
}

/// A whole frame whose references have all been handed out before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    pub data: Vec<u8>,
    /// RTP timestamp, in ticks of 1/90000 s.
    pub timestamp: u32,
    pub key: bool,
    /// When its first packet came.
    pub first_arrival: Instant,
    /// When it was to be handed out to even out the jitter; never later than the time it was.
    pub render_at: Instant,
    /// How much longer after its media time `render_at` is than for the fastest recent frame.
    pub delay: Duration,
}
