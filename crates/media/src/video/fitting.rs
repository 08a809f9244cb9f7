use tracing::error;

use super::vp8::{Encoder, EncoderError, EncoderSettings};
use super::{EncodedFrame, Frame, Scaler, VideoTarget};

/// An encoder of pictures of any size, which makes them fit the target. It is there only while something is encoded; one
/// that fails is replaced with the next picture.
pub(super) struct FittingEncoder {
    settings: EncoderSettings,
    target: VideoTarget,
    encoder: Option<Encoder>,
    scaler: Scaler,
}

impl FittingEncoder {
    pub(super) fn new(settings: EncoderSettings, target: VideoTarget) -> Self {
        Self { settings, target, encoder: None, scaler: Scaler::default() }
    }

    pub(super) fn target(&self) -> VideoTarget {
        self.target
    }

    pub(super) fn set_target(&mut self, target: VideoTarget) {
        self.target = target;
        if let Some(Err(error)) = self.encoder.as_mut().map(|encoder| encoder.set_target(target)) {
            self.on_error(&error);
        }
    }

    /// Lets the encoder go; the next picture is a key frame.
    pub(super) fn stop(&mut self) {
        self.encoder = None;
    }

    /// The next picture that is not dropped is a key frame.
    pub(super) fn request_key_frame(&mut self) {
        if let Some(encoder) = &mut self.encoder {
            encoder.request_key_frame();
        }
    }

    /// `None` when the rate control dropped the picture, or the encoder failed.
    pub(super) fn encode(&mut self, frame: &Frame) -> Option<EncodedFrame> {
        match self.try_encode(frame) {
            Ok(encoded) => encoded,
            Err(error) => {
                self.on_error(&error);
                None
            }
        }
    }

    fn try_encode(&mut self, frame: &Frame) -> Result<Option<EncodedFrame>, EncoderError> {
        let size = frame.size().fit_within(self.target.size()?);
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(self.settings, self.target));
        if size == frame.size() {
            encoder.encode(frame)
        } else {
            encoder.encode(&self.scaler.scale(frame, size))
        }
    }

    fn on_error(&mut self, error: &EncoderError) {
        error!(%error, "a picture cannot be encoded");
        self.encoder = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::video::Size;

    fn target(width: u32, height: u32) -> VideoTarget {
        VideoTarget { width, height, ..VideoTarget::default() }
    }

    #[test]
    fn pictures_fit_the_target_and_a_stop_begins_anew() {
        let frame = Frame::black(Size::new(640, 360).expect("size"), Instant::now());
        let mut encoder = FittingEncoder::new(EncoderSettings::default(), target(1280, 720));
        let encode = |encoder: &mut FittingEncoder| {
            encoder.encode(&frame).map(|encoded| (encoded.key, encoded.width, encoded.height))
        };
        assert_eq!(encode(&mut encoder), Some((true, 640, 360)));
        assert_eq!(encode(&mut encoder), Some((false, 640, 360)));
        encoder.set_target(target(320, 320));
        assert_eq!(encode(&mut encoder), Some((true, 320, 180)));
        encoder.stop();
        assert_eq!(encode(&mut encoder), Some((true, 320, 180)));
    }

    #[test]
    fn a_target_that_cannot_be_is_no_end() {
        let frame = Frame::black(Size::new(64, 36).expect("size"), Instant::now());
        let mut encoder = FittingEncoder::new(EncoderSettings::default(), target(0, 0));
        assert_eq!(encoder.encode(&frame), None);
        encoder.set_target(target(64, 36));
        assert!(encoder.encode(&frame).is_some_and(|encoded| encoded.key));
    }
}
