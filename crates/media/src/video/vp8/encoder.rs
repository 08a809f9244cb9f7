use std::num::NonZero;
use std::time::{Duration, Instant};

use vpx_sys::{vp8e_enc_control_id, vpx_kf_mode, vpx_rational, vpx_rc_mode};

use super::libvpx::{CodecError, RawEncoder, default_config};
use crate::video::{EncodedFrame, Frame, FrameError, Size, VideoTarget};

/// Ticks a second of the encoder's clock; as RTP's for video.
const CLOCK_HZ: u32 = 90_000;

/// Below this libvpx's rate control divides by zero or gives up.
const MIN_BITRATE_BPS: u64 = 10_000;

/// Faster is nothing that a camera delivers.
const MAX_FRAMES_PER_SECOND: u32 = 240;

const MIN_QUANTIZER: u32 = 4;
const MAX_QUANTIZER: u32 = 63;

/// Rate control buffer in milliseconds at the target bitrate, as in libwebrtc.
const BUFFER_SIZE_MS: u32 = 1000;
const BUFFER_INITIAL_MS: u32 = 500;
const BUFFER_OPTIMAL_MS: u32 = 600;

/// Frames are dropped when the rate control buffer falls below this share of its optimum, in percent. Without it a low
/// target is simply overshot.
const DROP_FRAME_THRESHOLD: u32 = 25;

/// What is in the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Camera,
    /// Text and flat areas, mostly still.
    Screen,
}

/// What an encoder is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    pub content: Content,
    /// libvpx's speed, −16 to −1. Only negative values are independent of the wall clock.
    pub cpu_used: i32,
    /// Threads of one frame.
    pub threads: u32,
}

impl Default for EncoderSettings {
    /// A second thread costs more than it brings when there are no cores to spare for it.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { content: Content::Camera, cpu_used: -6, threads: if cores < 4 { 1 } else { 2 } }
    }
}

impl EncoderSettings {
    /// For pictures of a screen.
    pub fn screen() -> Self {
        Self { content: Content::Screen, ..Self::default() }
    }
}

/// Why a picture was not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncoderError {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Size(#[from] FrameError),
}

/// A VP8 encoder for live pictures. Its bitrate, frame rate and picture size can change between any two pictures.
pub struct Encoder {
    settings: EncoderSettings,
    target: VideoTarget,
    key_frame_requested: bool,
    /// Made with the first picture, and again whenever the size changes.
    stream: Option<Stream>,
}

/// A libvpx encoder of one picture size.
struct Stream {
    raw: RawEncoder,
    size: Size,
    started: Instant,
    last_time: i64,
}

impl Encoder {
    pub fn new(settings: EncoderSettings, target: VideoTarget) -> Self {
        Self { settings, target, key_frame_requested: false, stream: None }
    }

    /// Takes effect with the next picture. The size is not taken from here: it is that of the pictures.
    pub fn set_target(&mut self, target: VideoTarget) -> Result<(), EncoderError> {
        if target == self.target {
            return Ok(());
        }
        self.target = target;
        if let Some(stream) = &mut self.stream {
            stream.apply(target)?;
        }
        Ok(())
    }

    /// The next picture that is not dropped becomes a key frame.
    pub fn request_key_frame(&mut self) {
        self.key_frame_requested = true;
    }

    /// Compresses one picture. `Ok(None)` when the rate control dropped it to hold the bitrate.
    ///
    /// The first picture, and the first one of another size, becomes a key frame.
    pub fn encode(&mut self, frame: &Frame) -> Result<Option<EncodedFrame>, EncoderError> {
        if self.stream.as_ref().is_none_or(|stream| stream.size != frame.size()) {
            self.stream = Some(Stream::new(self.settings, self.target, frame)?);
        }
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let encoded = stream.encode(frame, self.target.frame_interval(), self.key_frame_requested)?;
        if encoded.as_ref().is_some_and(|encoded| encoded.key) {
            self.key_frame_requested = false;
        }
        Ok(encoded)
    }
}

impl Stream {
    fn new(settings: EncoderSettings, target: VideoTarget, frame: &Frame) -> Result<Self, EncoderError> {
        let size = frame.size();
        let mut config = default_config()?;
        config.g_w = size.width();
        config.g_h = size.height();
        config.g_threads = settings.threads;
        config.g_timebase = vpx_rational { num: 1, den: CLOCK_HZ as i32 };
        config.g_lag_in_frames = 0;
        // As libwebrtc without temporal layers: receivers freeze until the next key frame instead.
        config.g_error_resilient = 0;
        config.rc_end_usage = vpx_rc_mode::VPX_CBR;
        config.rc_dropframe_thresh = DROP_FRAME_THRESHOLD;
        config.rc_resize_allowed = 0;
        config.rc_min_quantizer = MIN_QUANTIZER;
        let screen_mode = match settings.content {
            Content::Camera => 0,
            Content::Screen => 1,
        };
        config.rc_max_quantizer = MAX_QUANTIZER;
        config.rc_undershoot_pct = 100;
        config.rc_overshoot_pct = 15;
        config.rc_buf_sz = BUFFER_SIZE_MS;
        config.rc_buf_initial_sz = BUFFER_INITIAL_MS;
        config.rc_buf_optimal_sz = BUFFER_OPTIMAL_MS;
        config.kf_mode = vpx_kf_mode::VPX_KF_DISABLED;
        config.rc_target_bitrate = kilobits(target);

        let mut raw = RawEncoder::new(config)?;
        raw.control(vp8e_enc_control_id::VP8E_SET_CPUUSED, settings.cpu_used)?;
        raw.control(vp8e_enc_control_id::VP8E_SET_NOISE_SENSITIVITY, 0)?;
        raw.control(vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD, 1)?;
        raw.control(vp8e_enc_control_id::VP8E_SET_TOKEN_PARTITIONS, 0)?;
        raw.control(vp8e_enc_control_id::VP8E_SET_SCREEN_CONTENT_MODE, screen_mode)?;
        let mut stream = Self { raw, size, started: frame.captured(), last_time: -1 };
        stream.limit_key_frames(target)?;
        Ok(stream)
    }

    fn apply(&mut self, target: VideoTarget) -> Result<(), CodecError> {
        self.raw.set_bitrate(kilobits(target))?;
        self.limit_key_frames(target)
    }

    /// Limits a key frame to half of the optimal buffer, and at least three average frames; as libwebrtc does.
    fn limit_key_frames(&mut self, target: VideoTarget) -> Result<(), CodecError> {
        let frames_per_second = target.frames_per_second.min(MAX_FRAMES_PER_SECOND);
        let percent_of_average = (BUFFER_OPTIMAL_MS / 2 * frames_per_second / 10).max(300);
        self.raw.control(vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, percent_of_average as i32)
    }

    fn encode(
        &mut self,
        frame: &Frame,
        interval: Duration,
        force_key_frame: bool,
    ) -> Result<Option<EncodedFrame>, EncoderError> {
        // libvpx wants times that grow; two pictures may carry the same one.
        let time = ticks(frame.captured().saturating_duration_since(self.started)).max(self.last_time + 1);
        self.last_time = time;
        let duration = u32::try_from(ticks(interval)).unwrap_or(CLOCK_HZ).max(1);
        let packet = self.raw.encode(frame, time, duration, force_key_frame)?;
        Ok(packet.map(|packet| EncodedFrame {
            data: packet.data.to_vec(),
            key: packet.key,
            captured: frame.captured(),
            width: frame.width(),
            height: frame.height(),
        }))
    }
}

fn kilobits(target: VideoTarget) -> u32 {
    u32::try_from(target.bitrate_bps.max(MIN_BITRATE_BPS) / 1000).unwrap_or(u32::MAX)
}

fn ticks(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros() * u128::from(CLOCK_HZ) / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::{Decoder, is_key_frame, key_frame_size};
    use super::*;
    use crate::video::Scaler;
    use crate::video::marker::Marker;
    use crate::video::pattern::Pattern;

    /// Pictures of the test pattern at the target's rate, encoded and decoded; a source as in a call.
    struct Bench {
        encoder: Encoder,
        decoder: Decoder,
        pattern: Pattern,
        target: VideoTarget,
        now: Instant,
        number: u32,
    }

    impl Bench {
        fn new(target: VideoTarget) -> Self {
            Self {
                encoder: Encoder::new(EncoderSettings::default(), target),
                decoder: Decoder::new().expect("decoder"),
                pattern: Pattern::new(target.size().expect("size")),
                target,
                now: Instant::now(),
                number: 0,
            }
        }

        fn set_target(&mut self, target: VideoTarget) {
            self.encoder.set_target(target).expect("target");
            self.target = target;
        }

        fn source(&mut self) -> Frame {
            self.number += 1;
            self.now += self.target.frame_interval();
            self.pattern.render(self.number, self.now, SystemTime::now())
        }

        fn encode(&mut self) -> Option<EncodedFrame> {
            let frame = self.source();
            self.encoder.encode(&frame).expect("encodes")
        }

        fn decode(&mut self, encoded: &EncodedFrame) -> Frame {
            self.decoder.decode(&encoded.data, self.now).expect("decodes").expect("shown")
        }

        /// Mean bitrate over so many pictures.
        fn bitrate_bps(&mut self, pictures: u32) -> u64 {
            let bytes: usize =
                (0..pictures).filter_map(|_| self.encode()).map(|frame| frame.data.len()).sum();
            bytes as u64 * 8 * u64::from(self.target.frames_per_second) / u64::from(pictures)
        }
    }

    fn target(width: u32, height: u32, bitrate_bps: u64) -> VideoTarget {
        VideoTarget { bitrate_bps, frames_per_second: 15, width, height }
    }

    #[test]
    fn key_frames_come_first_and_when_asked_for_only() {
        let mut bench = Bench::new(target(320, 180, 300_000));
        let mut keys = Vec::new();
        for number in 0..400 {
            if number == 200 {
                bench.encoder.request_key_frame();
            }
            if let Some(frame) = bench.encode() {
                assert_eq!(is_key_frame(&frame.data), frame.key);
                if frame.key {
                    assert_eq!(key_frame_size(&frame.data), Some(Size::new(320, 180)));
                    keys.push(number);
                }
            }
        }
        assert_eq!(keys, [0, 200]);
    }

    #[test]
    fn the_markers_survive_at_every_rate_and_size_of_a_call() {
        for (width, height, bitrate_bps) in [
            (640, 360, 800_000),
            (640, 360, 150_000),
            (480, 270, 150_000),
            (320, 180, 100_000),
            (160, 90, 60_000),
        ] {
            let mut bench = Bench::new(target(width, height, bitrate_bps));
            let mut shown = 0;
            for _ in 0..90 {
                let source = bench.source();
                if let Some(encoded) = bench.encoder.encode(&source).expect("encodes") {
                    shown += 1;
                    let marker = Marker::read(&bench.decode(&encoded));
                    assert_eq!(marker, Marker::read(&source), "{width}x{height} at {bitrate_bps} bit/s");
                    assert!(marker.is_some());
                }
            }
            assert!(shown >= 60, "{shown} of 90 shown at {width}x{height}, {bitrate_bps} bit/s");
        }
    }

    #[test]
    fn the_markers_survive_scaling_on_both_sides_of_the_codec() {
        let mut scaler = Scaler::default();
        let small = Size::new(320, 180).expect("size");
        let mut bench = Bench::new(target(640, 360, 200_000));
        for _ in 0..30 {
            let source = bench.source();
            let Some(encoded) = bench.encoder.encode(&scaler.scale(&source, small)).expect("encodes") else {
                continue;
            };
            let decoded = bench.decode(&encoded);
            assert!(Marker::read(&source).is_some());
            let enlarged = scaler.scale(&decoded, source.size());
            assert_eq!(Marker::read(&enlarged), Marker::read(&source));
        }
    }

    #[test]
    fn the_bitrate_follows_the_target_both_ways() {
        let mut bench = Bench::new(target(640, 360, 600_000));
        bench.bitrate_bps(45);
        for wanted in [600_000, 200_000, 500_000, 100_000] {
            bench.set_target(target(640, 360, wanted));
            bench.bitrate_bps(30);
            let measured = bench.bitrate_bps(90);
            assert!(measured <= wanted * 115 / 100, "{measured} of {wanted} bit/s");
            assert!(measured >= wanted / 4, "{measured} of {wanted} bit/s");
        }
    }

    #[test]
    fn a_target_below_what_the_picture_needs_drops_pictures_and_holds() {
        let mut bench = Bench::new(target(640, 360, 30_000));
        bench.bitrate_bps(60);
        let measured = bench.bitrate_bps(150);
        assert!(measured <= 45_000, "{measured} bit/s");
    }

    #[test]
    fn a_key_frame_is_bounded() {
        let mut bench = Bench::new(target(640, 360, 300_000));
        bench.bitrate_bps(60);
        bench.encoder.request_key_frame();
        let key = std::iter::from_fn(|| Some(bench.encode())).flatten().next().expect("a frame");
        assert!(key.key);
        // 450 % of an average frame, and what the rate control misses by.
        assert!(key.data.len() <= 300_000 / 8 / 15 * 6, "{} bytes", key.data.len());
    }

    #[test]
    fn every_change_of_size_starts_with_a_key_frame() {
        let mut bench = Bench::new(target(320, 180, 500_000));
        for (width, height) in [(320, 180), (640, 360), (161, 91), (1280, 720), (2, 2)] {
            bench.pattern = Pattern::new(Size::new(width, height).expect("size"));
            for index in 0..3 {
                let Some(encoded) = bench.encode() else { continue };
                assert_eq!(encoded.key, index == 0);
                let decoded = bench.decode(&encoded);
                assert_eq!((decoded.width(), decoded.height()), (width, height));
            }
        }
    }

    #[test]
    fn extreme_targets_are_survived() {
        let mut bench = Bench::new(target(160, 90, 0));
        for (bitrate_bps, frames_per_second) in [(0, 0), (u64::MAX, 1), (1, u32::MAX), (100_000, 15)] {
            bench.set_target(VideoTarget { bitrate_bps, frames_per_second, width: 160, height: 90 });
            for _ in 0..3 {
                bench.encode();
            }
        }
    }

    #[test]
    fn pictures_of_the_same_time_are_encoded() {
        let mut bench = Bench::new(target(160, 90, 300_000));
        let frame = bench.source();
        for _ in 0..5 {
            assert!(bench.encoder.encode(&frame).is_ok());
        }
    }
}
