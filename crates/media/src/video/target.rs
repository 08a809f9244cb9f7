use std::time::Duration;

use super::{FrameError, Size};

/// What the network wants of the own video. The picture is sent at no more than this size and rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoTarget {
    pub bitrate_bps: u64,
    pub frames_per_second: u32,
    pub width: u32,
    pub height: u32,
}

impl Default for VideoTarget {
    fn default() -> Self {
        Self { bitrate_bps: 800_000, frames_per_second: 15, width: 640, height: 360 }
    }
}

impl VideoTarget {
    pub(crate) fn size(self) -> Result<Size, FrameError> {
        Size::new(self.width, self.height)
    }

    /// Time from one picture to the next.
    pub(crate) fn frame_interval(self) -> Duration {
        Duration::from_secs(1) / self.frames_per_second.max(1)
    }
}
