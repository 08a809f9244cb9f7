use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, memfd_create};
use x11rb::connection::Connection as _;
use x11rb::protocol::shm::{ConnectionExt as _, Seg};
use x11rb::protocol::xproto::{ConnectionExt as _, Drawable, ImageFormat};

use super::display::{Display, failed};
use super::list::Area;
use crate::video::screen::ScreenError;

const ALL_PLANES: u32 = u32::MAX;
/// Bytes of a pixel: blue, green, red, and one that says nothing.
pub(super) const PIXEL: usize = 4;

/// Fetches pixels: by memory that the X server shares, or, if it does not, through the connection.
#[derive(Default)]
pub(super) struct Fetcher {
    shared: Option<Shared>,
    pixels: Vec<u8>,
}

struct Shared {
    segment: Seg,
    /// Read instead of mapped, which would take `unsafe` to save one copy.
    memory: File,
    length: usize,
}

impl Fetcher {
    /// The pixels of an area of a drawable, row by row without padding.
    pub(super) fn fetch(
        &mut self,
        display: &Display,
        drawable: Drawable,
        area: Area,
    ) -> Result<&mut [u8], ScreenError> {
        let length = usize::from(area.width) * usize::from(area.height) * PIXEL;
        let Area { x, y, width, height } = area;
        if display.has_shared_memory {
            let shared = self.shared(display, length)?;
            let format = ImageFormat::Z_PIXMAP.into();
            let segment = shared.segment;
            display
                .connection
                .shm_get_image(drawable, x, y, width, height, ALL_PLANES, format, segment, 0)?
                .reply()?;
            self.pixels.resize(length, 0);
            if let Some(shared) = &self.shared {
                shared.memory.read_exact_at(&mut self.pixels, 0).map_err(failed)?;
            }
        } else {
            let format = ImageFormat::Z_PIXMAP;
            self.pixels = display
                .connection
                .get_image(format, drawable, x, y, width, height, ALL_PLANES)?
                .reply()?
                .data;
        }
        self.pixels.get_mut(..length).ok_or_else(|| failed("the X server sent too few pixels"))
    }

    fn shared(&mut self, display: &Display, length: usize) -> Result<&Shared, ScreenError> {
        if let Some(outgrown) = self.shared.take_if(|shared| shared.length < length) {
            display.connection.shm_detach(outgrown.segment)?;
        }
        match &mut self.shared {
            Some(shared) => Ok(shared),
            none => Ok(none.insert(Shared::new(display, length)?)),
        }
    }
}

impl Shared {
    fn new(display: &Display, length: usize) -> Result<Self, ScreenError> {
        let memory: OwnedFd = memfd_create("visavis-screen", MemfdFlags::CLOEXEC).map_err(failed)?;
        let memory = File::from(memory);
        memory.set_len(length as u64).map_err(failed)?;
        let segment = display.connection.generate_id()?;
        let theirs: OwnedFd = memory.try_clone().map_err(failed)?.into();
        display.connection.shm_attach_fd(segment, theirs, false)?.check()?;
        Ok(Self { segment, memory, length })
    }
}
