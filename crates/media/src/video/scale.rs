use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::{Frame, Size};

/// Scales pictures; keeps its tables and buffers from one picture to the next.
#[derive(Default)]
pub struct Scaler {
    resizer: Resizer,
}

impl Scaler {
    /// The picture at another size, stretched if the shape differs.
    pub fn scale(&mut self, frame: &Frame, size: Size) -> Frame {
        if frame.size() == size {
            return frame.clone();
        }
        let mut scaled = Frame::black(size, frame.captured());
        let from = plane_sizes(frame.size());
        let to = plane_sizes(size);
        for (((source, target), from), to) in
            frame.planes().into_iter().zip(scaled.planes_mut()).zip(from).zip(to)
        {
            self.scale_plane(source, from, target, to);
        }
        scaled
    }

    fn scale_plane(&mut self, source: &[u8], from: (u32, u32), target: &mut [u8], to: (u32, u32)) {
        // Bilinear taps are widened when shrinking, so this averages and does not alias.
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let scaled = TypedImageRef::<U8>::from_buffer(from.0, from.1, source)
            .ok()
            .zip(TypedImage::<U8>::from_buffer(to.0, to.1, target).ok())
            .and_then(|(source, mut target)| self.resizer.resize_typed(&source, &mut target, &options).ok());
        debug_assert!(scaled.is_some(), "the planes of a frame have the frame's size");
    }
}

fn plane_sizes(size: Size) -> [(u32, u32); 3] {
    let chroma = (size.chroma_width(), size.chroma_height());
    [(size.width(), size.height()), chroma, chroma]
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_flat_picture_stays_flat_at_every_size() {
        let now = Instant::now();
        let mut frame = Frame::black(Size::new(64, 48).expect("size"), now);
        let [y, u, v] = frame.planes_mut();
        y.fill(81);
        u.fill(90);
        v.fill(240);
        let mut scaler = Scaler::default();
        for (width, height) in [(64, 48), (32, 24), (63, 47), (7, 5), (128, 96)] {
            let scaled = scaler.scale(&frame, Size::new(width, height).expect("size"));
            assert_eq!((scaled.width(), scaled.height(), scaled.captured()), (width, height, now));
            for (plane, value) in scaled.planes().into_iter().zip([81, 90, 240]) {
                assert!(plane.iter().all(|&sample| sample == value), "{width}x{height}");
            }
        }
    }

    #[test]
    fn edges_stay_where_they_are() {
        let mut frame = Frame::black(Size::new(64, 64).expect("size"), Instant::now());
        let [y, ..] = frame.planes_mut();
        for line in y.chunks_exact_mut(64) {
            line[32..].fill(235);
        }
        let scaled = Scaler::default().scale(&frame, Size::new(32, 32).expect("size"));
        let [y, ..] = scaled.planes();
        for line in y.chunks_exact(32) {
            assert!(line[..15].iter().all(|&sample| sample == 16));
            assert!(line[17..].iter().all(|&sample| sample == 235));
        }
    }
}
