//! The way of the pictures from the engine's threads to the page: a loopback WebSocket that carries, of each stream,
//! only the latest picture, and only as fast as the page paints.
//!
//! On the wire, little-endian. From the app a text announces a stream, `{"type":"stream","index":0,"stream":…}`, or
//! its end, `{"type":"stream_end","index":0}`; a binary message is a frame: u8 version = 1, u8 format (1 = I420;
//! 2 is reserved for VP8), u16 stream index, u32 width, u32 height, u32 sequence number, u64 capture time in µs since
//! the Unix epoch, then the Y, U and V planes without padding. From the page a binary message acknowledges a frame:
//! u16 stream index, u32 sequence number. A stream has one frame in flight until the page acknowledges it.

mod admission;
mod hub;
mod server;
mod slots;
mod wire;

pub(crate) use hub::FrameHub;
pub(crate) use server::{FrameServer, FrameSocketAddress};
