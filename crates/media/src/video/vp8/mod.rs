//! VP8 (RFC 6386) by libvpx, set up for calls: no lookahead, constant bitrate, key frames only when asked for.

mod decoder;
mod encoder;
mod libvpx;

pub use decoder::{DecodeError, Decoder};
pub use encoder::{Content, Encoder, EncoderError, EncoderSettings};
pub use libvpx::CodecError;

use super::{FrameError, Size};

/// The start code of a key frame (RFC 6386, section 9.1).
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// Whether the frame says that it is a key frame: the lowest bit of its first byte is clear (RFC 6386, section 9.1).
pub fn is_key_frame(data: &[u8]) -> bool {
    data.first().is_some_and(|tag| tag & 1 == 0)
}

/// The size that a key frame announces; `None` when this is no well-formed start of one.
pub fn key_frame_size(data: &[u8]) -> Option<Result<Size, FrameError>> {
    let header = data.get(..10)?;
    if !is_key_frame(header) || header[3..6] != START_CODE {
        return None;
    }
    let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some(Size::new(side(header[6], header[7]), side(header[8], header[9])))
}
