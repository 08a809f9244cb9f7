use x11rb::protocol::xfixes::{ConnectionExt as _, GetCursorImageReply};

use super::display::Display;
use super::image::PIXEL;
use super::list::Area;
use crate::video::screen::ScreenError;

/// What the pointer looks like, where it is on the root window, and what was told of it last.
#[derive(Default)]
pub(super) struct Pointer {
    image: Option<GetCursorImageReply>,
}

impl Pointer {
    /// Looks again. Tells whether it has moved or changed.
    pub(super) fn look(&mut self, display: &Display) -> Result<bool, ScreenError> {
        if !display.has_pointer {
            return Ok(false);
        }
        let image = display.connection.xfixes_get_cursor_image()?.reply()?;
        let key = |image: &GetCursorImageReply| (image.x, image.y, image.cursor_serial);
        let changed = self.image.as_ref().map(key) != Some(key(&image));
        self.image = Some(image);
        Ok(changed)
    }

    /// Draws it into the pixels of an area of the root window.
    pub(super) fn draw(&self, pixels: &mut [u8], area: Area) {
        let Some(image) = &self.image else { return };
        blend(pixels, area, image);
    }
}

fn blend(pixels: &mut [u8], area: Area, image: &GetCursorImageReply) {
    let width = usize::from(image.width).max(1);
    let left = i32::from(image.x) - i32::from(image.xhot) - i32::from(area.x);
    let top = i32::from(image.y) - i32::from(image.yhot) - i32::from(area.y);
    for (row, line) in (top..).zip(image.cursor_image.chunks_exact(width)) {
        for (column, &argb) in (left..).zip(line) {
            let is_inside =
                (0..i32::from(area.width)).contains(&column) && (0..i32::from(area.height)).contains(&row);
            if is_inside {
                let position = (row as usize * usize::from(area.width) + column as usize) * PIXEL;
                blend_pixel(&mut pixels[position..][..PIXEL], argb);
            }
        }
    }
}

/// The pointer's colours are multiplied with its opacity already.
fn blend_pixel(pixel: &mut [u8], argb: u32) {
    let [blue, green, red, alpha] = argb.to_le_bytes();
    for (under, over) in pixel.iter_mut().zip([blue, green, red]) {
        let through = u16::from(*under) * u16::from(255 - alpha) / 255;
        *under = over.saturating_add(through as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_is_cut_off_at_the_edges_and_shines_through() {
        let image = GetCursorImageReply {
            x: 11,
            y: 21,
            width: 2,
            height: 2,
            xhot: 1,
            yhot: 1,
            cursor_image: vec![0xFF10_2030, 0x0000_0000, 0x8040_0000, 0xFFFF_FFFF],
            ..Default::default()
        };
        let area = Area { x: 10, y: 20, width: 1, height: 2 };
        let mut pixels = [100; 8];
        blend(&mut pixels, area, &image);
        assert_eq!(pixels, [0x30, 0x20, 0x10, 100, 49, 49, 49 + 0x40, 100]);
        let far = Area { x: 500, y: 500, ..area };
        let mut pixels = [100; 8];
        blend(&mut pixels, far, &image);
        assert_eq!(pixels, [100; 8]);
    }
}
