//! Video: capture, conversion, VP8, the RTP payload format, the jitter buffer and the two threads that drive them.
//!
//! Pictures are I420 ([`Frame`]) from the capture to the painter. [`VideoSource`] owns the way from the camera to
//! encoded frames, [`ScreenShare`](screen::ScreenShare) that from a screen, [`VideoReceiver`] the way from RTP packets of one remote stream to pictures. Everything between is
//! pure and takes the time as an argument. Nothing here opens a socket.

mod busy;
pub mod camera;
mod capture;
pub mod convert;
mod fitting;
mod format;
mod frame;
mod latest;
pub mod marker;
mod pacing;
pub mod pattern;
pub mod receive;
mod receiver;
pub mod rtp;
mod scale;
pub mod screen;
mod source;
mod target;
pub mod vp8;
pub mod y4m;

pub use format::SourceFormat;
pub use frame::{EncodedFrame, Frame, FrameError, Size};
pub use receiver::{ReceiverStats, VideoReceiver, VideoReceiverEvent};
pub use scale::Scaler;
pub use source::{VideoSource, VideoSourceEvent};
pub use target::VideoTarget;
