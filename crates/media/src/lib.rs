//! Capture, codecs, jitter buffers and playout of a call. No network: packets come and go as values.

pub mod audio;
mod choice;
mod device;
pub mod sync;
pub mod video;

pub use choice::*;
pub use device::*;
