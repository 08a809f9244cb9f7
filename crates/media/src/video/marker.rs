//! The readable marker of the test picture: a frame number and a send time in the pixels, so that a test can tell which
//! picture it sees, and when it was taken, at the far end of codecs, networks and scalers.
//!
//! The picture is divided into 32 columns and 18 rows of cells. Row 0 holds the 32-bit frame number, row 1 the 32-bit
//! send time, row 2 the CRC-16/CCITT-FALSE of those 8 bytes (big endian) and its bitwise inverse, each most
//! significant bit first. A white cell (Y = 235) is 1, a black one (Y = 16) is 0; chroma is neutral (128).

use std::time::{Duration, SystemTime};

use super::{Frame, Size};

const COLUMNS: usize = 32;
const GRID_ROWS: usize = 18;
const MARKED_ROWS: usize = 3;

const WHITE: u8 = 235;
const BLACK: u8 = 16;
const NEUTRAL: u8 = 128;

/// What the marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    pub frame_number: u32,
    /// Unix time in units of 100 µs, modulo 2^32 (it wraps every five days).
    pub sent_at: u32,
}

impl Marker {
    pub fn new(frame_number: u32, sent_at: SystemTime) -> Self {
        Self { frame_number, sent_at: ticks(sent_at) }
    }

    /// How long ago the marker was written, as seen at `now`; correct as long as that was less than five days ago.
    /// Reads as almost five days when the sender's clock is ahead.
    pub fn age(self, now: SystemTime) -> Duration {
        Duration::from_micros(u64::from(ticks(now).wrapping_sub(self.sent_at)) * 100)
    }

    /// Draws the marker over the top of the picture. A picture narrower than 32 pixels or lower than 3 is left alone.
    pub fn write(self, frame: &mut Frame) {
        let size = frame.size();
        let Some((cell_width, cell_height)) = cell_size(size) else { return };
        let bits = self.rows();
        let width = size.width() as usize;
        let chroma_width = size.chroma_width() as usize;
        let [luma, u, v] = frame.planes_mut();

        let marked_width = COLUMNS * cell_width;
        for (row, word) in bits.into_iter().enumerate() {
            let top = row * cell_height;
            for (column, cell) in luma[top * width..][..marked_width].chunks_exact_mut(cell_width).enumerate()
            {
                cell.fill(if word >> (31 - column) & 1 == 1 { WHITE } else { BLACK });
            }
            for y in top + 1..top + cell_height {
                luma.copy_within(top * width..top * width + marked_width, y * width);
            }
        }

        let marked_height = MARKED_ROWS * cell_height;
        for plane in [u, v] {
            for line in plane.chunks_exact_mut(chroma_width).take(marked_height.div_ceil(2)) {
                line[..marked_width.div_ceil(2)].fill(NEUTRAL);
            }
        }
    }

    /// Reads the marker of a picture of any size; `None` when there is none, or it is damaged.
    ///
    /// Scaling to a width that 32 does not divide moves the cells off the grid of whole pixels; such a picture is read
    /// by proportion.
    pub fn read(frame: &Frame) -> Option<Self> {
        let (cell_width, cell_height) = cell_size(frame.size())?;
        let whole = Grid { column: cell_width as f64, row: cell_height as f64 };
        let proportional = Grid {
            column: f64::from(frame.width()) / COLUMNS as f64,
            row: f64::from(frame.height()) / GRID_ROWS as f64,
        };
        Self::read_grid(frame, whole).or_else(|| Self::read_grid(frame, proportional))
    }

    fn read_grid(frame: &Frame, grid: Grid) -> Option<Self> {
        let [frame_number, sent_at, check] = [0, 1, 2].map(|row| grid.read_row(frame, row));
        let marker = Self { frame_number, sent_at };
        (marker.rows()[2] == check).then_some(marker)
    }

    fn rows(self) -> [u32; MARKED_ROWS] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.frame_number.to_be_bytes());
        bytes[4..].copy_from_slice(&self.sent_at.to_be_bytes());
        let crc = crc16(&bytes);
        [self.frame_number, self.sent_at, u32::from(crc) << 16 | u32::from(!crc)]
    }
}

/// Width and height of a cell in pixels.
#[derive(Clone, Copy)]
struct Grid {
    column: f64,
    row: f64,
}

impl Grid {
    fn read_row(self, frame: &Frame, row: usize) -> u32 {
        let width = frame.width() as usize;
        let [luma, ..] = frame.planes();
        let (top, bottom) = central_half(row as f64 * self.row, self.row);
        (0..COLUMNS).fold(0, |word, column| {
            let (left, right) = central_half(column as f64 * self.column, self.column);
            let sum: usize = (top..bottom)
                .map(|y| {
                    luma[y * width + left..y * width + right]
                        .iter()
                        .map(|&luma| usize::from(luma))
                        .sum::<usize>()
                })
                .sum();
            let samples = (bottom - top) * (right - left);
            word << 1 | u32::from(sum > usize::from(NEUTRAL) * samples)
        })
    }
}

/// The pixels in the middle half of a cell; at least one, and none outside the cell.
fn central_half(start: f64, length: f64) -> (usize, usize) {
    let from = (start + length / 4.0).floor();
    let to = (start + length * 3.0 / 4.0).ceil().max(from + 1.0);
    (from as usize, to as usize)
}

fn cell_size(size: Size) -> Option<(usize, usize)> {
    let (width, height) = (size.width() as usize, size.height() as usize);
    (width >= COLUMNS && height >= MARKED_ROWS).then(|| (width / COLUMNS, (height / GRID_ROWS).max(1)))
}

fn ticks(time: SystemTime) -> u32 {
    let micros = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    (micros / 100) as u32
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, start value 0xFFFF, not reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::Scaler;
    use super::*;

    const MARKER: Marker = Marker { frame_number: 0x8000_4321, sent_at: 0xCAFE_0001 };

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("valid size")
    }

    #[test]
    fn the_checksum_is_crc_16_ccitt_false() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }

    #[test]
    fn a_marker_reads_back_at_every_size() {
        for (width, height) in [(32, 3), (33, 17), (160, 90), (176, 144), (320, 180), (427, 241), (1280, 720)]
        {
            let mut frame = Frame::black(size(width, height), Instant::now());
            MARKER.write(&mut frame);
            assert_eq!(Marker::read(&frame), Some(MARKER), "{width}x{height}");
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let mut frame = Frame::black(size(64, 36), Instant::now());
        Marker { frame_number: 0x8000_0001, sent_at: 0x4000_0000 }.write(&mut frame);
        let [luma, ..] = frame.planes();
        let lit = |column: usize, row: usize| luma[(2 * row) * 64 + 2 * column] == WHITE;
        let row = |row| (0..32).filter(|&column| lit(column, row)).collect::<Vec<_>>();
        assert_eq!(row(0), [0, 31]);
        assert_eq!(row(1), [1]);
        assert_eq!(row(2).len(), 16, "a checksum and its inverse have 16 ones together");
    }

    #[test]
    fn a_picture_without_an_intact_marker_reads_as_none() {
        let mut frame = Frame::black(size(640, 360), Instant::now());
        assert_eq!(Marker::read(&frame), None);
        MARKER.write(&mut frame);
        let [luma, ..] = frame.planes_mut();
        for line in luma.chunks_exact_mut(640).take(20) {
            line[100..120].iter_mut().for_each(|sample| *sample = 251 - *sample);
        }
        assert_eq!(Marker::read(&frame), None);
        assert_eq!(Marker::read(&Frame::black(size(31, 360), Instant::now())), None);
    }

    #[test]
    fn scaling_keeps_it_readable() {
        let mut scaler = Scaler::default();
        let mut frame = Frame::black(size(640, 360), Instant::now());
        MARKER.write(&mut frame);
        for (width, height) in [(320, 180), (426, 240), (202, 114), (160, 90), (854, 480), (1280, 720)] {
            let scaled = scaler.scale(&frame, size(width, height));
            assert_eq!(Marker::read(&scaled), Some(MARKER), "{width}x{height}");
        }
    }

    #[test]
    fn the_age_survives_the_wrap_of_the_clock() {
        let sent = SystemTime::UNIX_EPOCH + Duration::from_micros((u64::from(u32::MAX)) * 100);
        let marker = Marker::new(1, sent);
        assert_eq!(marker.age(sent + Duration::from_millis(250)), Duration::from_millis(250));
    }
}
