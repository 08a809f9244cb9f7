//! What cameras deliver (YUYV, NV12, MJPEG) to I420.

use std::time::Instant;

use turbojpeg::{Decompressor, Subsamp, YuvImage, yuv_pixels_len};

use super::{Frame, FrameError, Size};

/// Why a buffer of a camera is not a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Size(#[from] FrameError),
    #[error("the buffer has {actual} bytes, {expected} are needed")]
    Short { expected: usize, actual: usize },
    #[error("JPEG: {0}")]
    Jpeg(String),
    #[error("JPEG with a chroma subsampling that is not supported")]
    Subsampling,
}

/// YUYV (YUY2) without row padding; bytes behind the picture are ignored. Each pair of rows is averaged for the chroma.
pub fn yuyv_to_i420(size: Size, buffer: &[u8], captured: Instant) -> Result<Frame, ConvertError> {
    // Two pixels share their chroma, so an odd width is padded by one pixel.
    let stride = size.chroma_width() as usize * 4;
    let buffer = checked(buffer, stride * size.height() as usize)?;
    let mut frame = Frame::black(size, captured);
    let (width, chroma_width) = (size.width() as usize, size.chroma_width() as usize);
    let [y, u, v] = frame.planes_mut();
    for (line, packed) in y.chunks_exact_mut(width).zip(buffer.chunks_exact(stride)) {
        for (sample, pair) in line.iter_mut().zip(packed.chunks_exact(2)) {
            *sample = pair[0];
        }
    }
    let chroma_lines = u.chunks_exact_mut(chroma_width).zip(v.chunks_exact_mut(chroma_width));
    for ((u, v), rows) in chroma_lines.zip(buffer.chunks(2 * stride)) {
        let (upper, lower) = rows.split_at(stride);
        let lower = if lower.is_empty() { upper } else { lower };
        let quads = upper.chunks_exact(4).zip(lower.chunks_exact(4));
        for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(quads) {
            *u = upper[1].midpoint(lower[1]);
            *v = upper[3].midpoint(lower[3]);
        }
    }
    Ok(frame)
}

/// NV12 without row padding; bytes behind the picture are ignored.
pub fn nv12_to_i420(size: Size, buffer: &[u8], captured: Instant) -> Result<Frame, ConvertError> {
    let buffer = checked(buffer, size.i420_len())?;
    let (luma, chroma) = buffer.split_at(size.luma_len());
    let mut frame = Frame::black(size, captured);
    let [y, u, v] = frame.planes_mut();
    y.copy_from_slice(luma);
    for ((pair, u), v) in chroma.chunks_exact(2).zip(u).zip(v) {
        *u = pair[0];
        *v = pair[1];
    }
    Ok(frame)
}

/// Decodes the JPEGs of a camera.
pub struct MjpegDecoder {
    decompressor: Decompressor,
    planes: Vec<u8>,
}

impl MjpegDecoder {
    pub fn new() -> Result<Self, ConvertError> {
        Ok(Self { decompressor: Decompressor::new().map_err(jpeg_error)?, planes: Vec::new() })
    }

    /// A picture of the JPEG's own size. Grey, 4:2:0, 4:2:2, 4:4:0 and 4:4:4 are understood; bytes behind the end of
    /// the image are ignored. JPEG's full range is brought to the limited range of I420.
    pub fn decode(&mut self, jpeg: &[u8], captured: Instant) -> Result<Frame, ConvertError> {
        let frame = self.decode_once(jpeg, captured);
        if frame.is_err() {
            // libjpeg-turbo keeps some of what a damaged header said.
            self.decompressor = Decompressor::new().map_err(jpeg_error)?;
        }
        frame
    }

    fn decode_once(&mut self, jpeg: &[u8], captured: Instant) -> Result<Frame, ConvertError> {
        let header = self.decompressor.read_header(jpeg).map_err(jpeg_error)?;
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let size = Size::new(side(header.width), side(header.height))?;
        let image = YuvImage {
            pixels: (),
            width: header.width,
            align: 1,
            height: header.height,
            subsamp: header.subsamp,
        };
        let (columns, rows) = match image.subsamp {
            Subsamp::Gray => (1, 1),
            Subsamp::None | Subsamp::Sub2x1 | Subsamp::Sub1x2 | Subsamp::Sub2x2 => image.subsamp.size(),
            Subsamp::Sub4x1 | Subsamp::Sub1x4 | Subsamp::Unknown | _ => {
                return Err(ConvertError::Subsampling);
            }
        };
        let length =
            yuv_pixels_len(image.width, image.align, image.height, image.subsamp).map_err(jpeg_error)?;
        self.planes.resize(length, 0);
        let target = YuvImage {
            pixels: self.planes.as_mut_slice(),
            width: image.width,
            align: image.align,
            height: image.height,
            subsamp: image.subsamp,
        };
        self.decompressor.decompress_to_yuv(jpeg, target).map_err(jpeg_error)?;

        let mut frame = Frame::black(size, captured);
        let [y, u, v] = frame.planes_mut();
        let (luma, chroma) = self.planes.split_at(image.y_width() * image.y_height());
        let width = size.width() as usize;
        for (line, source) in y.chunks_exact_mut(width).zip(luma.chunks_exact(image.y_width())) {
            limit(line, &source[..width], &LIMITED_LUMA);
        }
        if image.subsamp != Subsamp::Gray {
            let source = Chroma { width: image.uv_width(), height: image.uv_height(), columns, rows };
            let (source_u, source_v) = chroma.split_at(source.width * source.height);
            source.shrink(source_u, u, size);
            source.shrink(source_v, v, size);
        }
        Ok(frame)
    }
}

/// A chroma plane of a JPEG, and how many luma columns and rows each of its samples spans.
struct Chroma {
    width: usize,
    height: usize,
    columns: usize,
    rows: usize,
}

impl Chroma {
    /// Brings a plane to 4:2:0 by averaging, and to limited range.
    fn shrink(&self, source: &[u8], target: &mut [u8], size: Size) {
        let width = size.chroma_width() as usize;
        // Samples to the right of, and below, the one at the target's place that take part in the average.
        let (step_x, step_y) = (2 / self.columns, 2 / self.rows);
        for (row, line) in target.chunks_exact_mut(width).enumerate() {
            let upper = (row * step_y).min(self.height - 1);
            let lower = (upper + step_y - 1).min(self.height - 1);
            let upper = &source[upper * self.width..][..self.width];
            let lower = &source[lower * self.width..][..self.width];
            if (step_x, step_y) == (1, 1) {
                limit(line, &upper[..width], &LIMITED_CHROMA);
                continue;
            }
            for (column, sample) in line.iter_mut().enumerate() {
                let left = (column * step_x).min(self.width - 1);
                let right = (left + step_x - 1).min(self.width - 1);
                let sum = [upper[left], upper[right], lower[left], lower[right]]
                    .map(usize::from)
                    .iter()
                    .sum::<usize>();
                *sample = LIMITED_CHROMA[(sum + 2) / 4];
            }
        }
    }
}

/// Full range (0 to 255) to limited range: luma 16 to 235, chroma 16 to 240.
const LIMITED_LUMA: [u8; 256] = limited_range(219);
const LIMITED_CHROMA: [u8; 256] = limited_range(224);

const fn limited_range(span: usize) -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = (16 + (value * span + 127) / 255) as u8;
        value += 1;
    }
    table
}

fn limit(target: &mut [u8], source: &[u8], table: &[u8; 256]) {
    for (target, &source) in target.iter_mut().zip(source) {
        *target = table[usize::from(source)];
    }
}

fn checked(buffer: &[u8], expected: usize) -> Result<&[u8], ConvertError> {
    buffer.get(..expected).ok_or(ConvertError::Short { expected, actual: buffer.len() })
}

fn jpeg_error(error: turbojpeg::Error) -> ConvertError {
    ConvertError::Jpeg(error.to_string())
}

#[cfg(test)]
mod tests {
    use turbojpeg::{Compressor, Image, PixelFormat};

    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("valid size")
    }

    /// Left half (Y, U, V) = (82, 90, 240), right half (145, 54, 34), as a camera would pack it.
    const LEFT: [u8; 3] = [82, 90, 240];
    const RIGHT: [u8; 3] = [145, 54, 34];

    fn assert_halves(frame: &Frame, tolerance: u8) {
        let scales = [1, 2, 2];
        for (index, (plane, scale)) in frame.planes().into_iter().zip(scales).enumerate() {
            let width = (frame.width() as usize).div_ceil(scale);
            for line in plane.chunks_exact(width) {
                let margin = width / 8;
                for (samples, expected) in
                    [(&line[..width / 2 - margin], LEFT[index]), (&line[width / 2 + margin..], RIGHT[index])]
                {
                    for &sample in samples {
                        assert!(
                            sample.abs_diff(expected) <= tolerance,
                            "plane {index}: {sample} not {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn yuyv_becomes_i420() {
        for (width, height) in [(64, 36), (66, 35), (320, 181)] {
            let line = (0..width / 2).flat_map(|x| {
                let [y, u, v] = if x < width / 4 { LEFT } else { RIGHT };
                [y, u, y, v]
            });
            let mut buffer: Vec<u8> = (0..height).flat_map(|_| line.clone()).collect();
            buffer.extend([7; 100]);
            let frame = yuyv_to_i420(size(width, height), &buffer, Instant::now()).expect("converts");
            assert_halves(&frame, 0);
        }
    }

    #[test]
    fn nv12_becomes_i420() {
        for (width, height) in [(64, 36), (65, 35)] {
            let size = size(width, height);
            let pick = |x: u32, width: u32| if x < width / 2 { LEFT } else { RIGHT };
            let mut buffer: Vec<u8> =
                (0..height).flat_map(|_| (0..width).map(|x| pick(x, width)[0])).collect();
            let chroma = size.chroma_width();
            buffer.extend(
                (0..size.chroma_height())
                    .flat_map(|_| (0..chroma).flat_map(|x| pick(x, chroma)[1..].to_vec())),
            );
            assert_halves(&nv12_to_i420(size, &buffer, Instant::now()).expect("converts"), 0);
        }
    }

    #[test]
    fn short_buffers_are_errors() {
        let now = Instant::now();
        assert_eq!(
            yuyv_to_i420(size(4, 2), &[0; 15], now),
            Err(ConvertError::Short { expected: 16, actual: 15 })
        );
        assert_eq!(
            nv12_to_i420(size(4, 2), &[0; 11], now),
            Err(ConvertError::Short { expected: 12, actual: 11 })
        );
    }

    fn jpeg(width: usize, height: usize, subsamp: Subsamp) -> Vec<u8> {
        // The same two colours in RGB: BT.601's red and green.
        let line = (0..width).flat_map(|x| if x < width / 2 { [255, 0, 0] } else { [0, 255, 0] });
        let pixels: Vec<u8> = (0..height).flat_map(|_| line.clone()).collect();
        let mut compressor = Compressor::new().expect("compressor");
        compressor.set_quality(95).expect("quality");
        compressor.set_subsamp(subsamp).expect("subsampling");
        let image =
            Image { pixels: pixels.as_slice(), width, pitch: width * 3, height, format: PixelFormat::RGB };
        compressor.compress_to_vec(image).expect("compresses")
    }

    #[test]
    fn jpeg_of_every_subsampling_becomes_limited_range_i420() {
        let mut decoder = MjpegDecoder::new().expect("decoder");
        for subsamp in [Subsamp::Sub2x2, Subsamp::Sub2x1, Subsamp::None, Subsamp::Sub1x2] {
            for (width, height) in [(64, 36), (640, 360), (67, 35)] {
                let mut data = jpeg(width, height, subsamp);
                data.extend([0; 64]);
                let frame = decoder.decode(&data, Instant::now()).expect("decodes");
                assert_eq!((frame.width() as usize, frame.height() as usize), (width, height));
                assert_halves(&frame, 4);
            }
        }
        let grey = decoder.decode(&jpeg(64, 36, Subsamp::Gray), Instant::now()).expect("decodes");
        assert!(grey.planes()[1].iter().chain(grey.planes()[2]).all(|&chroma| chroma == 128));
    }

    #[test]
    fn damaged_jpegs_are_errors() {
        let mut decoder = MjpegDecoder::new().expect("decoder");
        let whole = jpeg(64, 36, Subsamp::Sub2x1);
        for length in [0, 1, 10, 100, whole.len() / 2] {
            assert!(decoder.decode(&whole[..length], Instant::now()).is_err(), "{length} bytes");
        }
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 0xFF;
            let _picture_or_error = decoder.decode(&damaged, Instant::now());
        }
        assert_eq!(decoder.decode(&whole, Instant::now()).err(), None);
    }
}
