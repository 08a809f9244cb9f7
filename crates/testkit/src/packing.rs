use std::str::FromStr;

use anyhow::{Context, bail};
use turbojpeg::{Compressor, Subsamp, YuvImage};
use visavis_media::video::Frame;

const JPEG_QUALITY: i32 = 90;

/// How a camera packs its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Yuyv,
    Nv12,
    Mjpeg,
}

/// Packs pictures of an even size.
pub struct Packer {
    packing: Packing,
    compressor: Compressor,
}

impl Packing {
    /// The code that V4L2 has for it.
    pub fn fourcc(self) -> [u8; 4] {
        match self {
            Self::Yuyv => *b"YUYV",
            Self::Nv12 => *b"NV12",
            Self::Mjpeg => *b"MJPG",
        }
    }
}

impl FromStr for Packing {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "yuyv" => Ok(Self::Yuyv),
            "nv12" => Ok(Self::Nv12),
            "mjpeg" => Ok(Self::Mjpeg),
            _ => bail!("{text} is not yuyv, nv12 or mjpeg"),
        }
    }
}

impl Packer {
    pub fn new(packing: Packing) -> anyhow::Result<Self> {
        let mut compressor = Compressor::new().context("no JPEG compressor")?;
        compressor.set_quality(JPEG_QUALITY)?;
        Ok(Self { packing, compressor })
    }

    pub fn pack(&mut self, frame: &Frame) -> anyhow::Result<Vec<u8>> {
        match self.packing {
            Packing::Yuyv => Ok(yuyv(frame)),
            Packing::Nv12 => Ok(nv12(frame)),
            Packing::Mjpeg => {
                let image = YuvImage {
                    pixels: frame.data(),
                    width: frame.width() as usize,
                    align: 1,
                    height: frame.height() as usize,
                    subsamp: Subsamp::Sub2x2,
                };
                self.compressor.compress_yuv_to_vec(image).context("cannot compress a picture")
            }
        }
    }
}

fn yuyv(frame: &Frame) -> Vec<u8> {
    let width = frame.width() as usize;
    let [y, u, v] = frame.planes();
    let mut packed = Vec::with_capacity(2 * y.len());
    for (row, line) in y.chunks_exact(width).enumerate() {
        let chroma = row / 2 * (width / 2);
        for (column, pair) in line.chunks_exact(2).enumerate() {
            packed.extend_from_slice(&[pair[0], u[chroma + column], pair[1], v[chroma + column]]);
        }
    }
    packed
}

fn nv12(frame: &Frame) -> Vec<u8> {
    let [y, u, v] = frame.planes();
    y.iter().copied().chain(u.iter().zip(v).flat_map(|(&u, &v)| [u, v])).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use visavis_media::video::convert::{MjpegDecoder, nv12_to_i420, yuyv_to_i420};
    use visavis_media::video::marker::Marker;
    use visavis_media::video::pattern::Pattern;
    use visavis_media::video::{Frame, Size};

    use super::*;

    fn picture() -> (Size, Frame) {
        let size = Size::new(640, 360).expect("a size");
        (size, Pattern::new(size).render(7, Instant::now(), SystemTime::UNIX_EPOCH))
    }

    fn packed(packing: Packing, frame: &Frame) -> Vec<u8> {
        Packer::new(packing).and_then(|mut packer| packer.pack(frame)).expect("it packs")
    }

    #[test]
    fn raw_pictures_are_read_back_as_they_were() {
        let (size, frame) = picture();
        let captured = frame.captured();
        let yuyv = yuyv_to_i420(size, &packed(Packing::Yuyv, &frame), captured);
        assert_eq!(yuyv.expect("a picture"), frame);
        let nv12 = nv12_to_i420(size, &packed(Packing::Nv12, &frame), captured);
        assert_eq!(nv12.expect("a picture"), frame);
    }

    #[test]
    fn a_compressed_picture_keeps_its_marker() {
        let (_, frame) = picture();
        let mut decoder = MjpegDecoder::new().expect("a decoder");
        let decoded = decoder.decode(&packed(Packing::Mjpeg, &frame), frame.captured()).expect("a picture");
        assert_eq!(Marker::read(&decoded), Marker::read(&frame));
        assert!(Marker::read(&decoded).is_some());
    }
}
