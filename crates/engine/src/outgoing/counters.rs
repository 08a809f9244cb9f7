//! What the own encoders make, for the statistics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use visavis_media::video::EncodedFrame;

use crate::api::{PeerStats, SentStats};

/// What a picture encoder made, written on its thread and read by the statistics.
#[derive(Debug, Default)]
pub(crate) struct EncoderCounters {
    frames: AtomicU64,
    key_frames: AtomicU64,
    /// Of the last key frame.
    key_frame_bytes: AtomicU64,
    width: AtomicU32,
    height: AtomicU32,
}

impl EncoderCounters {
    pub(crate) fn on_frame(&self, frame: &EncodedFrame) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        if frame.key {
            self.key_frames.fetch_add(1, Ordering::Relaxed);
            self.key_frame_bytes.store(frame.data.len() as u64, Ordering::Relaxed);
        }
        self.width.store(frame.width, Ordering::Relaxed);
        self.height.store(frame.height, Ordering::Relaxed);
    }
}

/// Reads an encoder's counters, and remembers what rates are differences of.
#[derive(Debug)]
pub(crate) struct EncoderMeter {
    counters: Arc<EncoderCounters>,
    /// The last look, and the frames that there were.
    last: (Instant, u64),
}

impl EncoderMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { counters: Arc::default(), last: (now, 0) }
    }

    pub(crate) fn counters(&self) -> Arc<EncoderCounters> {
        Arc::clone(&self.counters)
    }

    /// Of the last key frame.
    pub(crate) fn key_frame_bytes(&self) -> u64 {
        self.counters.key_frame_bytes.load(Ordering::Relaxed)
    }

    /// What the encoder made of a target in bit/s since this was last asked.
    pub(crate) fn describe(&mut self, now: Instant, target_bps: u64) -> SentStats {
        let frames = self.counters.frames.load(Ordering::Relaxed);
        let (at, before) = std::mem::replace(&mut self.last, (now, frames));
        let seconds = now.saturating_duration_since(at).as_secs_f64();
        SentStats {
            target_bps,
            frames_per_second: if seconds > 0.0 { (frames - before) as f64 / seconds } else { 0.0 },
            width: self.counters.width.load(Ordering::Relaxed),
            height: self.counters.height.load(Ordering::Relaxed),
            key_frames: self.counters.key_frames.load(Ordering::Relaxed),
            ..Default::default()
        }
    }
}

/// What the own encoders know of the statistics; the same for every connection.
#[derive(Debug)]
pub(crate) struct OwnStats {
    pub(crate) audio_target_bps: u64,
    pub(crate) video: SentStats,
    pub(crate) screen: SentStats,
    pub(crate) screen_sound_target_bps: u64,
}

impl OwnStats {
    /// A connection's sample with this in it.
    pub(crate) fn added_to(&self, mut stats: PeerStats) -> PeerStats {
        stats.sent_audio.target_bps = self.audio_target_bps;
        stats.sent_video = encoded(&self.video, stats.sent_video);
        stats.sent_screen = encoded(&self.screen, stats.sent_screen);
        stats.sent_screen_sound.target_bps = self.screen_sound_target_bps;
        stats
    }
}

/// What is known of a track, with what its encoder knows in it.
fn encoded(encoder: &SentStats, track: SentStats) -> SentStats {
    SentStats {
        target_bps: encoder.target_bps,
        frames_per_second: encoder.frames_per_second,
        width: encoder.width,
        height: encoder.height,
        key_frames: encoder.key_frames,
        ..track
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_frame_rate_is_counted_between_two_looks() {
        let now = Instant::now();
        let mut meter = EncoderMeter::new(now);
        let counters = meter.counters();
        let frame = EncodedFrame { data: Vec::new(), key: true, captured: now, width: 640, height: 360 };
        (0..30).for_each(|_| counters.on_frame(&frame));
        let stats = meter.describe(now + Duration::from_secs(2), 800_000);
        assert_eq!((stats.frames_per_second, stats.key_frames), (15.0, 30));
        assert_eq!((stats.width, stats.height), (640, 360));
        let stats = meter.describe(now + Duration::from_secs(3), 800_000);
        assert_eq!(stats.frames_per_second, 0.0);
    }

    #[test]
    fn a_connection_knows_of_its_packets_and_the_encoder_of_its_frames() {
        let own = OwnStats {
            audio_target_bps: 32_000,
            video: SentStats { target_bps: 800_000, key_frames: 3, ..Default::default() },
            screen: SentStats { width: 1920, ..Default::default() },
            screen_sound_target_bps: 64_000,
        };
        let sent = SentStats { packets: 7, ..Default::default() };
        let stats =
            own.added_to(PeerStats { sent_video: sent.clone(), sent_screen: sent, ..Default::default() });
        assert_eq!((stats.sent_video.packets, stats.sent_video.target_bps), (7, 800_000));
        assert_eq!((stats.sent_video.key_frames, stats.sent_audio.target_bps), (3, 32_000));
        assert_eq!((stats.sent_screen.packets, stats.sent_screen.width), (7, 1920));
        assert_eq!(stats.sent_screen_sound.target_bps, 64_000);
    }
}
