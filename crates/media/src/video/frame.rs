use std::time::Instant;

/// Largest width or height that a VP8 key frame can announce (RFC 6386, section 9.1: 14 bits).
const MAX_DIMENSION: u32 = 16_383;

/// Most pixels in one picture. A forged header must not make anyone allocate gigabytes; 4K fits.
const MAX_PIXELS: u64 = 4096 * 2304;

/// A size in pixels that a picture can have: neither side is zero, and it fits in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
}

/// A decoded picture: I420 (BT.601, limited range), the Y, U and V planes one after the other without row padding.
/// The chroma planes have `(width + 1) / 2` by `(height + 1) / 2` samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    data: Vec<u8>,
    captured: Instant,
}

/// A VP8 frame as it comes out of the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    pub data: Vec<u8>,
    /// Decodable without any frame before it.
    pub key: bool,
    /// When the picture was taken.
    pub captured: Instant,
    pub width: u32,
    pub height: u32,
}

/// Why a buffer is not a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a picture of {width}x{height} pixels is empty or too large")]
    Size { width: u32, height: u32 },
    #[error("a picture of {width}x{height} pixels takes {expected} bytes, not {actual}")]
    Length { width: u32, height: u32, expected: usize, actual: usize },
}

impl Size {
    /// Fails when a side is zero or more than 16383, or the picture has more pixels than a 4K one.
    pub const fn new(width: u32, height: u32) -> Result<Self, FrameError> {
        let sides_hold = width > 0 && height > 0 && width <= MAX_DIMENSION && height <= MAX_DIMENSION;
        if sides_hold && width as u64 * height as u64 <= MAX_PIXELS {
            Ok(Self { width, height })
        } else {
            Err(FrameError::Size { width, height })
        }
    }

    pub const fn width(self) -> u32 {
        self.width
    }

    pub const fn height(self) -> u32 {
        self.height
    }

    pub const fn chroma_width(self) -> u32 {
        self.width.div_ceil(2)
    }

    pub const fn chroma_height(self) -> u32 {
        self.height.div_ceil(2)
    }

    /// Samples of the luma plane.
    pub const fn luma_len(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Samples of one chroma plane.
    pub const fn chroma_len(self) -> usize {
        self.chroma_width() as usize * self.chroma_height() as usize
    }

    /// Bytes of an I420 picture.
    pub const fn i420_len(self) -> usize {
        self.luma_len() + 2 * self.chroma_len()
    }

    /// The largest size with this shape and even sides that lies inside `bounds` and is not larger than this size.
    #[must_use]
    pub fn fit_within(self, bounds: Self) -> Self {
        if self.width <= bounds.width && self.height <= bounds.height {
            return self;
        }
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let (most_width, most_height) = (u64::from(bounds.width), u64::from(bounds.height));
        let (fitted_width, fitted_height) = if width * most_height > height * most_width {
            (most_width, (height * most_width).div_ceil(width))
        } else {
            ((width * most_height).div_ceil(height), most_height)
        };
        let even = |side: u64, most: u64| u32::try_from((side.min(most) & !1).max(2)).unwrap_or(2);
        Self { width: even(fitted_width, most_width), height: even(fitted_height, most_height) }
    }
}

impl Frame {
    /// A black picture.
    pub fn black(size: Size, captured: Instant) -> Self {
        let mut data = vec![16; size.i420_len()];
        data[size.luma_len()..].fill(128);
        Self { size, data, captured }
    }

    /// Takes over an I420 buffer of exactly the right length.
    pub fn from_i420(width: u32, height: u32, data: Vec<u8>, captured: Instant) -> Result<Self, FrameError> {
        let size = Size::new(width, height)?;
        if data.len() != size.i420_len() {
            return Err(FrameError::Length { width, height, expected: size.i420_len(), actual: data.len() });
        }
        Ok(Self { size, data, captured })
    }

    /// A copy that was taken at another time.
    #[must_use]
    pub fn at(&self, captured: Instant) -> Self {
        Self { size: self.size, data: self.data.clone(), captured }
    }

    pub fn size(&self) -> Size {
        self.size
    }

    pub fn width(&self) -> u32 {
        self.size.width
    }

    pub fn height(&self) -> u32 {
        self.size.height
    }

    /// When the picture was taken; of a received one, when it was decoded.
    pub fn captured(&self) -> Instant {
        self.captured
    }

    /// All three planes, in the order Y, U, V.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The Y, U and V planes.
    pub fn planes(&self) -> [&[u8]; 3] {
        let (y, chroma) = self.data.split_at(self.size.luma_len());
        let (u, v) = chroma.split_at(self.size.chroma_len());
        [y, u, v]
    }

    /// The Y, U and V planes, to draw on.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (y, chroma) = self.data.split_at_mut(self.size.luma_len());
        let (u, v) = chroma.split_at_mut(self.size.chroma_len());
        [y, u, v]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("valid size")
    }

    #[test]
    fn odd_sizes_have_rounded_up_chroma() {
        let frame = Frame::black(size(5, 3), Instant::now());
        let [y, u, v] = frame.planes();
        assert_eq!((y.len(), u.len(), v.len()), (15, 6, 6));
        assert!(y.iter().all(|&sample| sample == 16));
        assert!(u.iter().chain(v).all(|&sample| sample == 128));
    }

    #[test]
    fn a_buffer_of_the_wrong_length_or_size_is_refused() {
        let now = Instant::now();
        assert!(Frame::from_i420(4, 4, vec![0; 24], now).is_ok());
        assert_eq!(
            Frame::from_i420(4, 4, vec![0; 23], now),
            Err(FrameError::Length { width: 4, height: 4, expected: 24, actual: 23 })
        );
        for (width, height) in [(0, 4), (4, 0), (16_384, 2), (16_383, 16_383), (u32::MAX, u32::MAX)] {
            assert_eq!(
                Frame::from_i420(width, height, Vec::new(), now),
                Err(FrameError::Size { width, height })
            );
        }
    }

    #[test]
    fn fitting_keeps_the_shape_and_never_enlarges() {
        assert_eq!(size(640, 360).fit_within(size(640, 360)), size(640, 360));
        assert_eq!(size(320, 180).fit_within(size(640, 360)), size(320, 180));
        assert_eq!(size(1280, 720).fit_within(size(640, 360)), size(640, 360));
        assert_eq!(size(640, 480).fit_within(size(640, 360)), size(480, 360));
        assert_eq!(size(360, 640).fit_within(size(640, 360)), size(202, 360));
        assert_eq!(size(640, 360).fit_within(size(480, 270)), size(480, 270));
        assert_eq!(size(16_000, 2).fit_within(size(64, 64)), size(64, 2));
    }
}
