//! What the own encoders make, for the statistics.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use visavis_media::video::EncodedFrame;

use crate::api::{PeerStats, SentStats};

/// What the encoder made, written on its thread and read by the statistics.
#[derive(Debug, Default)]
pub(crate) struct EncoderCounters {
    pub(super) frames: AtomicU64,
    pub(super) key_frames: AtomicU64,
    /// Of the last key frame.
    key_frame_bytes: AtomicU64,
    pub(super) width: AtomicU32,
    pub(super) height: AtomicU32,
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

    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub(crate) fn key_frame_bytes(&self) -> u64 {
        self.key_frame_bytes.load(Ordering::Relaxed)
    }

    /// What is counted, without rates.
    pub(crate) fn stats(&self) -> SentStats {
        SentStats {
            width: self.width.load(Ordering::Relaxed),
            height: self.height.load(Ordering::Relaxed),
            key_frames: self.key_frames.load(Ordering::Relaxed),
            ..Default::default()
        }
    }
}

/// What the own encoders know of the statistics; the same for every connection.
#[derive(Debug, Clone)]
pub(crate) struct OwnStats {
    pub(super) video_target_bps: u64,
    pub(super) audio_target_bps: u64,
    pub(super) frames_per_second: f64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) key_frames: u64,
    pub(crate) screen: SentStats,
    pub(crate) screen_sound_target_bps: u64,
}

impl OwnStats {
    /// A connection's sample with this in it.
    pub(crate) fn added_to(&self, mut stats: PeerStats) -> PeerStats {
        stats.sent_audio.target_bps = self.audio_target_bps;
        stats.sent_video = SentStats {
            target_bps: self.video_target_bps,
            frames_per_second: self.frames_per_second,
            width: self.width,
            height: self.height,
            key_frames: self.key_frames,
            ..stats.sent_video
        };
        stats.sent_screen = SentStats {
            target_bps: self.screen.target_bps,
            frames_per_second: self.screen.frames_per_second,
            width: self.screen.width,
            height: self.screen.height,
            key_frames: self.screen.key_frames,
            ..stats.sent_screen
        };
        stats.sent_screen_sound.target_bps = self.screen_sound_target_bps;
        stats
    }
}
