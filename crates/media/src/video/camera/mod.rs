//! Cameras: which there are, which of their formats to take, and the loop that reads one.
//!
//! The loop may block in the driver for ever, so it runs on a thread that is abandoned when it stalls (see
//! [`capture`](super::capture)); nothing that the rest of the program needs may be held by it.

mod error;
mod format;
#[cfg(target_os = "linux")]
mod linux;
mod list;
mod read;
mod staleness;

pub use format::{CameraFormat, PixelLayout, rank_formats};
pub use list::list;
pub(super) use read::run;
