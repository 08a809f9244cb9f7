use std::time::{Instant, SystemTime};

use super::{Grabber, ScreenError, ScreenErrorCode};
use crate::video::pattern::Pattern;
use crate::video::{Frame, Size};

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

/// The moving test picture at the size of a screen.
pub(super) struct PatternGrabber {
    pattern: Pattern,
    frame_number: u32,
}

impl PatternGrabber {
    pub(super) fn new() -> Result<Self, ScreenError> {
        let size = Size::new(WIDTH, HEIGHT)
            .map_err(|error| ScreenError::new(ScreenErrorCode::Failed, error.to_string()))?;
        Ok(Self { pattern: Pattern::new(size), frame_number: 0 })
    }
}

impl Grabber for PatternGrabber {
    fn grab(&mut self, now: Instant) -> Result<Option<Frame>, ScreenError> {
        let frame = self.pattern.render(self.frame_number, now, SystemTime::now());
        self.frame_number = self.frame_number.wrapping_add(1);
        Ok(Some(frame))
    }
}
