use super::VideoTarget;

/// Size and rate that a source of pictures delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFormat {
    pub width: u32,
    pub height: u32,
    pub frames_per_second: u32,
}

impl SourceFormat {
    /// What a camera is opened in: enough for the start of a call, and cheap.
    pub const FIRST: Self = Self { width: 640, height: 360, frames_per_second: 15 };
    /// What it is opened in when the network takes more than that.
    pub const BEST: Self = Self { width: 1280, height: 720, frames_per_second: 30 };

    /// Whether a source that is opened in `opened`, and could give this, has to be opened anew to fill the target.
    pub(super) fn has_more_for(self, target: VideoTarget, opened: Self) -> bool {
        let exceeds =
            |wanted: u32, possible: u32, opened: u32| wanted > opened && possible > opened && opened > 0;
        exceeds(target.height, self.height, opened.height)
            || exceeds(target.frames_per_second, self.frames_per_second, opened.frames_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(height: u32, frames_per_second: u32) -> VideoTarget {
        VideoTarget { bitrate_bps: 0, frames_per_second, width: height * 16 / 9, height }
    }

    #[test]
    fn a_camera_is_opened_anew_only_for_what_it_has() {
        let opened = SourceFormat::FIRST;
        let best = SourceFormat::BEST;
        assert!(!best.has_more_for(target(360, 15), opened));
        assert!(!best.has_more_for(target(180, 10), opened));
        assert!(best.has_more_for(target(360, 30), opened));
        assert!(best.has_more_for(target(540, 15), opened));
        assert!(!opened.has_more_for(target(720, 30), opened));
        assert!(!best.has_more_for(target(720, 30), best));
        let fast = SourceFormat { frames_per_second: 30, ..opened };
        assert!(!best.has_more_for(target(360, 30), fast));
        assert!(best.has_more_for(target(540, 30), fast));
    }
}
