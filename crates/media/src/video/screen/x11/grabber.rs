use std::time::Instant;

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::damage::{ConnectionExt as _, Damage, ReportLevel};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, Drawable, EventMask, Pixmap, Window,
};
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420,
};

use super::display::{Display, failed};
use super::image::{Fetcher, PIXEL};
use super::list::{Area, Target, find};
use super::pointer::Pointer;
use crate::ScreenChoice;
use crate::video::screen::{Grabber, ScreenError, ScreenErrorCode};
use crate::video::{Frame, Size};

/// Films a monitor or a window of an X display.
pub(in crate::video::screen) struct X11Grabber {
    display: Display,
    choice: ScreenChoice,
    target: Target,
    /// Of a window, what it draws, also where others lie over it; none while it is not shown.
    content: Option<Pixmap>,
    /// `None` where the server cannot tell of changes: then everything counts as one.
    damage: Option<Damage>,
    fetcher: Fetcher,
    pointer: Pointer,
    /// Something was drawn that was not filmed yet.
    is_stale: bool,
}

impl X11Grabber {
    pub(in crate::video::screen) fn open(choice: &ScreenChoice) -> Result<Self, ScreenError> {
        let display = Display::open()?;
        let target = find(&display, choice)?;
        let filmed = match target {
            Target::Monitor(_) => display.root,
            Target::Window(window) => window,
        };
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        display.connection.change_window_attributes(filmed, &events)?.check()?;
        let damage = if display.has_damage {
            let damage = display.connection.generate_id()?;
            display.connection.damage_create(damage, filmed, ReportLevel::NON_EMPTY)?.check()?;
            Some(damage)
        } else {
            None
        };
        let mut grabber = Self {
            display,
            choice: choice.clone(),
            target,
            content: None,
            damage,
            fetcher: Fetcher::default(),
            pointer: Pointer::default(),
            is_stale: true,
        };
        if let Target::Window(window) = target
            && grabber.display.has_composite
        {
            grabber.display.connection.composite_redirect_window(window, Redirect::AUTOMATIC)?.check()?;
            grabber.name_content(window)?;
        }
        Ok(grabber)
    }

    fn handle_events(&mut self) -> Result<(), ScreenError> {
        while let Some(event) = self.display.connection.poll_for_event()? {
            self.on_event(&event)?;
        }
        Ok(())
    }

    fn on_event(&mut self, event: &Event) -> Result<(), ScreenError> {
        match (event, self.target) {
            (Event::DamageNotify(_), _) => {
                if let Some(damage) = self.damage {
                    self.display.connection.damage_subtract(damage, x11rb::NONE, x11rb::NONE)?;
                }
                self.is_stale = true;
            }
            (Event::DestroyNotify(event), Target::Window(window)) if event.window == window => {
                return Err(ScreenError::new(ScreenErrorCode::Closed, "the window was closed"));
            }
            (Event::ConfigureNotify(event), Target::Window(window)) if event.window == window => {
                self.name_content(window)?;
            }
            (Event::MapNotify(event), Target::Window(window)) if event.window == window => {
                self.name_content(window)?;
            }
            (Event::ConfigureNotify(event), Target::Monitor(_)) if event.window == self.display.root => {
                self.target = find(&self.display, &self.choice)
                    .map_err(|error| ScreenError { code: ScreenErrorCode::Closed, ..error })?;
                self.is_stale = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// A window that changes its size or is shown again draws to another pixmap.
    fn name_content(&mut self, window: Window) -> Result<(), ScreenError> {
        if let Some(before) = self.content.take() {
            self.display.connection.free_pixmap(before)?;
        }
        if self.display.has_composite {
            let pixmap = self.display.connection.generate_id()?;
            let named = self.display.connection.composite_name_window_pixmap(window, pixmap)?.check();
            // It may be hidden again by now; it tells when it is shown.
            self.content = named.is_ok().then_some(pixmap);
        }
        self.is_stale = true;
        Ok(())
    }

    /// What to film now and where it lies on the root window; `None` while a window is not shown.
    fn place(&self) -> Result<Option<(Drawable, Area, Area)>, ScreenError> {
        let connection = &self.display.connection;
        match self.target {
            Target::Monitor(area) => Ok(Some((self.display.root, area, area))),
            Target::Window(window) => {
                let drawable = self.content.unwrap_or(window);
                let (Ok(size), Ok(at)) = (
                    connection.get_geometry(drawable)?.reply(),
                    connection.translate_coordinates(window, self.display.root, 0, 0)?.reply(),
                ) else {
                    return Ok(None);
                };
                let part = Area { x: 0, y: 0, width: size.width, height: size.height };
                Ok(Some((drawable, part, Area { x: at.dst_x, y: at.dst_y, ..part })))
            }
        }
    }
}

impl Grabber for X11Grabber {
    fn grab(&mut self, now: Instant) -> Result<Option<Frame>, ScreenError> {
        self.handle_events()?;
        let pointer_changed = self.pointer.look(&self.display)?;
        if !self.is_stale && self.damage.is_some() && !pointer_changed {
            return Ok(None);
        }
        let Some((drawable, part, on_root)) = self.place()? else { return Ok(None) };
        let pixels = match self.fetcher.fetch(&self.display, drawable, part) {
            Ok(pixels) => pixels,
            // A window that was hidden or resized just now says so by an event, or says that it is gone.
            Err(error) if matches!(self.target, Target::Window(_)) => {
                tracing::debug!(%error, "the window could not be filmed");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.pointer.draw(pixels, on_root);
        let frame = to_i420(pixels, part, now)?;
        self.is_stale = false;
        Ok(Some(frame))
    }
}

fn to_i420(pixels: &[u8], area: Area, now: Instant) -> Result<Frame, ScreenError> {
    let size = Size::new(area.width.into(), area.height.into()).map_err(failed)?;
    let mut frame = Frame::black(size, now);
    let [y, u, v] = frame.planes_mut();
    let mut image = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: size.width(),
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: size.chroma_width(),
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: size.chroma_width(),
        width: size.width(),
        height: size.height(),
    };
    let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
    let stride = size.width() * PIXEL as u32;
    bgra_to_yuv420(&mut image, pixels, stride, range, matrix, YuvConversionMode::Balanced).map_err(failed)?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixels_of_a_screen_become_limited_range_i420() {
        // BT.601: white, black, red and blue.
        let colours = [[255, 255, 255, 0], [0, 0, 0, 9], [0, 0, 255, 0], [255, 0, 0, 0]];
        let expected = [[235, 128, 128], [16, 128, 128], [81, 90, 240], [41, 240, 110]];
        for (colour, expected) in colours.into_iter().zip(expected) {
            let area = Area { x: 0, y: 0, width: 3, height: 2 };
            let frame = to_i420(&colour.repeat(6), area, Instant::now()).expect("converts");
            for (plane, expected) in frame.planes().into_iter().zip(expected) {
                assert!(
                    plane.iter().all(|sample: &u8| sample.abs_diff(expected) <= 1),
                    "{plane:?} {expected}"
                );
            }
        }
    }
}
