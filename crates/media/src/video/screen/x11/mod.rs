//! X11: monitors by RandR, windows by EWMH, pixels by MIT-SHM, changes by DAMAGE, the pointer by XFIXES, windows under
//! others by COMPOSITE.

mod display;
mod grabber;
mod image;
mod list;
mod pointer;

pub(super) use grabber::X11Grabber;
pub(super) use list::list;
