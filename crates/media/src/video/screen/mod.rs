//! Screens and windows: which there are, and the thread that films one for the others.
//!
//! A system is one implementation of [`Grabber`] and of the list. X11 has one; elsewhere [`list`] and every share end with
//! [`ScreenErrorCode::Unsupported`].

mod error;
mod refresh;
mod share;
mod synthetic;
#[cfg(target_os = "linux")]
mod x11;

use std::time::Instant;

use serde::Serialize;
use ts_rs::TS;

pub use error::{ScreenError, ScreenErrorCode};
pub use share::{ScreenShare, ScreenShareEvent};

use super::Frame;
use crate::ScreenChoice;

/// Something that can be shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, TS)]
pub struct Screen {
    /// What to choose it by, as long as it is there.
    pub id: String,
    pub kind: ScreenKind,
    /// What the system calls it; may be empty.
    pub title: String,
    /// In pixels.
    pub width: u32,
    pub height: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ScreenKind {
    Monitor,
    Window,
}

/// What pictures of one screen or window are taken with.
trait Grabber {
    /// The picture as it is now; `None` if nothing has changed since the last one.
    fn grab(&mut self, now: Instant) -> Result<Option<Frame>, ScreenError>;
}

/// All monitors, then all windows that are shown.
pub fn list() -> Result<Vec<Screen>, ScreenError> {
    system::list()
}

fn open(choice: &ScreenChoice) -> Result<Box<dyn Grabber>, ScreenError> {
    match choice {
        ScreenChoice::Pattern => Ok(Box::new(synthetic::PatternGrabber::new()?)),
        ScreenChoice::Whole | ScreenChoice::Window(_) | ScreenChoice::Listed(_) => system::open(choice),
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Grabber, Screen, ScreenChoice, ScreenError, x11};

    pub(super) fn list() -> Result<Vec<Screen>, ScreenError> {
        x11::list()
    }

    pub(super) fn open(choice: &ScreenChoice) -> Result<Box<dyn Grabber>, ScreenError> {
        Ok(Box::new(x11::X11Grabber::open(choice)?))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Grabber, Screen, ScreenChoice, ScreenError, ScreenErrorCode};

    pub(super) fn list() -> Result<Vec<Screen>, ScreenError> {
        Err(unsupported())
    }

    pub(super) fn open(_choice: &ScreenChoice) -> Result<Box<dyn Grabber>, ScreenError> {
        Err(unsupported())
    }

    fn unsupported() -> ScreenError {
        ScreenError::new(ScreenErrorCode::Unsupported, "screens cannot be filmed on this system yet")
    }
}
