use std::time::Instant;

use super::libvpx::{CodecError, RawDecoder};
use super::{is_key_frame, key_frame_size};
use crate::video::{Frame, FrameError};

/// Why a frame gave no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A frame that builds on another one came before any key frame, or after a damaged frame.
    #[error("a key frame is needed first")]
    KeyFrameNeeded,
    #[error("the frame is empty")]
    Empty,
    #[error("the frame starts like a key frame, but is none")]
    MalformedKeyFrame,
    #[error(transparent)]
    Size(#[from] FrameError),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// A VP8 decoder. After an error it wants a key frame; it never shows a picture with missing references.
pub struct Decoder {
    raw: RawDecoder,
    has_reference: bool,
}

impl Decoder {
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self { raw: RawDecoder::new(1)?, has_reference: false })
    }

    /// Decodes one frame. `Ok(None)` for a frame that is not to be shown. The size may change with any key frame.
    pub fn decode(&mut self, data: &[u8], now: Instant) -> Result<Option<Frame>, DecodeError> {
        if data.is_empty() {
            return Err(DecodeError::Empty);
        }
        if is_key_frame(data) {
            key_frame_size(data).ok_or(DecodeError::MalformedKeyFrame)??;
        } else if !self.has_reference {
            return Err(DecodeError::KeyFrameNeeded);
        }
        let decoded = self.raw.decode(data, now);
        self.has_reference = decoded.is_ok();
        Ok(decoded?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::{Encoder, EncoderSettings};
    use super::*;
    use crate::video::pattern::Pattern;
    use crate::video::{EncodedFrame, Size, VideoTarget};

    fn encoded(count: u32, width: u32, height: u32) -> Vec<EncodedFrame> {
        let pattern = Pattern::new(Size::new(width, height).expect("size"));
        let target = VideoTarget { width, height, ..VideoTarget::default() };
        let mut encoder = Encoder::new(EncoderSettings::default(), target);
        let start = Instant::now();
        (0..count)
            .filter_map(|number| {
                let captured = start + target.frame_interval() * number;
                encoder.encode(&pattern.render(number, captured, SystemTime::now())).expect("encodes")
            })
            .collect()
    }

    #[test]
    fn a_key_frame_is_needed_first() {
        let frames = encoded(2, 320, 180);
        let mut decoder = Decoder::new().expect("decoder");
        let now = Instant::now();
        assert_eq!(decoder.decode(&frames[1].data, now), Err(DecodeError::KeyFrameNeeded));
        assert!(decoder.decode(&frames[0].data, now).expect("key frame").is_some());
        assert!(decoder.decode(&frames[1].data, now).expect("next frame").is_some());
    }

    #[test]
    fn damage_is_an_error_and_the_next_key_frame_heals_it() {
        let frames = encoded(2, 320, 180);
        let mut decoder = Decoder::new().expect("decoder");
        let now = Instant::now();
        for damaged in [&[][..], &[0], &[0, 0, 0, 1, 2, 3, 4, 5, 6, 7], &frames[0].data[..12]] {
            assert!(decoder.decode(damaged, now).is_err(), "{damaged:?}");
            assert_eq!(decoder.decode(&frames[1].data, now), Err(DecodeError::KeyFrameNeeded));
        }
        assert!(decoder.decode(&frames[0].data, now).expect("key frame").is_some());
        assert!(decoder.decode(&frames[1].data, now).expect("next frame").is_some());
    }

    #[test]
    fn noise_never_panics() {
        let frames = encoded(3, 64, 48);
        let mut decoder = Decoder::new().expect("decoder");
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        for round in 0..3000 {
            let mut data = frames[round % frames.len()].data.clone();
            for _ in 0..1 + round % 5 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let position = (state >> 33) as usize % data.len();
                // The size of a key frame is left alone, so that the test allocates no 4K pictures.
                if !(6..10).contains(&position) {
                    data[position] = (state >> 20) as u8;
                }
            }
            if let Ok(Some(frame)) = decoder.decode(&data, Instant::now()) {
                assert_eq!((frame.width(), frame.height()), (64, 48));
            }
        }
    }

    #[test]
    fn a_forged_giant_is_refused_before_anything_is_allocated() {
        let mut giant = encoded(1, 64, 48).remove(0).data;
        giant[6..10].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
        let mut decoder = Decoder::new().expect("decoder");
        assert_eq!(
            decoder.decode(&giant, Instant::now()),
            Err(DecodeError::Size(FrameError::Size { width: 16_383, height: 16_383 }))
        );
    }

    #[test]
    fn the_size_may_change_at_a_key_frame() {
        let mut decoder = Decoder::new().expect("decoder");
        for (width, height) in [(320, 180), (640, 360), (161, 91), (320, 180)] {
            for frame in encoded(3, width, height) {
                let picture = decoder.decode(&frame.data, Instant::now()).expect("decodes").expect("shown");
                assert_eq!((picture.width(), picture.height()), (width, height));
            }
        }
    }
}
