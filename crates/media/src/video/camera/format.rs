use std::cmp::Reverse;

use crate::video::SourceFormat;

/// How a camera packs its pixels, as far as Visavis reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PixelLayout {
    Yuyv,
    Nv12,
    Mjpeg,
}

/// A format that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CameraFormat {
    pub width: u32,
    pub height: u32,
    pub frames_per_second: u32,
    pub layout: PixelLayout,
}

impl From<CameraFormat> for SourceFormat {
    fn from(format: CameraFormat) -> Self {
        Self { width: format.width, height: format.height, frames_per_second: format.frames_per_second }
    }
}

/// What a camera offers, best for the wanted size and rate first: formats that are fast enough, of the wanted size,
/// else the smallest that is not smaller, else the largest; then the nearest rate; then without compression.
///
/// What is too slow comes last, the fastest of it first.
pub fn rank_formats(offered: &[CameraFormat], wanted: SourceFormat) -> Vec<CameraFormat> {
    let mut ranked = offered.to_vec();
    ranked.sort_by_cached_key(|format| rank(*format, wanted));
    ranked.dedup();
    ranked
}

/// Smaller is better.
fn rank(format: CameraFormat, wanted: SourceFormat) -> (u8, Reverse<u32>, u8, u64, u32, PixelLayout) {
    let pixels = u64::from(format.width) * u64::from(format.height);
    let (fit, size) = if (format.width, format.height) == (wanted.width, wanted.height) {
        (0, 0)
    } else if format.width >= wanted.width && format.height >= wanted.height {
        (1, pixels)
    } else {
        (2, u64::MAX - pixels)
    };
    let (speed, slowness) = if format.frames_per_second >= wanted.frames_per_second {
        (0, 0)
    } else {
        (1, format.frames_per_second)
    };
    let excess = format.frames_per_second.saturating_sub(wanted.frames_per_second);
    (speed, Reverse(slowness), fit, size, excess, format.layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PixelLayout::{Mjpeg, Nv12, Yuyv};

    const WANTED: SourceFormat = SourceFormat::FIRST;

    fn format(layout: PixelLayout, width: u32, height: u32, frames_per_second: u32) -> CameraFormat {
        CameraFormat { width, height, frames_per_second, layout }
    }

    fn best(offered: &[CameraFormat]) -> CameraFormat {
        rank_formats(offered, WANTED)[0]
    }

    #[test]
    fn the_exact_format_is_taken_wherever_it_is_in_the_list() {
        let exact = format(Yuyv, 640, 360, 15);
        let mut offered = vec![
            format(Mjpeg, 640, 360, 15),
            format(Yuyv, 1920, 1080, 30),
            format(Yuyv, 320, 180, 30),
            format(Yuyv, 640, 360, 30),
            exact,
        ];
        for _ in 0..offered.len() {
            offered.rotate_left(1);
            assert_eq!(best(&offered), exact);
        }
    }

    #[test]
    fn a_camera_of_4_by_3_gives_the_smallest_size_that_holds_the_wanted_one() {
        let offered = [
            format(Yuyv, 320, 240, 30),
            format(Yuyv, 800, 600, 15),
            format(Yuyv, 640, 480, 30),
            format(Mjpeg, 1280, 720, 30),
        ];
        assert_eq!(best(&offered), format(Yuyv, 640, 480, 30));
    }

    #[test]
    fn a_small_camera_gives_its_largest() {
        let offered = [format(Yuyv, 160, 120, 30), format(Yuyv, 320, 240, 30), format(Yuyv, 176, 144, 30)];
        assert_eq!(best(&offered), format(Yuyv, 320, 240, 30));
    }

    #[test]
    fn the_nearest_rate_that_is_not_too_slow_is_taken() {
        let offered = [60, 25, 30, 10].map(|rate| format(Yuyv, 640, 360, rate));
        assert_eq!(best(&offered), format(Yuyv, 640, 360, 25));
    }

    #[test]
    fn compression_is_taken_only_for_speed() {
        let slow_raw = format(Yuyv, 640, 360, 5);
        let fast_jpeg = format(Mjpeg, 640, 360, 30);
        assert_eq!(best(&[slow_raw, fast_jpeg]), fast_jpeg);
        assert_eq!(best(&[fast_jpeg, format(Nv12, 640, 360, 30)]), format(Nv12, 640, 360, 30));
        assert_eq!(
            best(&[format(Nv12, 640, 360, 30), format(Yuyv, 640, 360, 30)]),
            format(Yuyv, 640, 360, 30)
        );
    }

    #[test]
    fn a_slow_camera_gives_its_fastest() {
        let offered = [format(Yuyv, 640, 360, 5), format(Yuyv, 320, 180, 10)];
        assert_eq!(best(&offered), format(Yuyv, 320, 180, 10));
        assert!(rank_formats(&[], WANTED).is_empty());
    }
}
