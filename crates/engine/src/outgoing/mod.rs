//! The own media on its way to everybody: encoded once, counted, and shaped to what the narrowest path takes.

mod counters;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis_congestion::{
    AudioLadder, Estimate, KeyFrameRequests, ScreenSoundLadder, ScreenSoundTarget, ScreenSplit, SourceLimits,
    VideoLadder,
};
use visavis_media::audio::{AudioTarget, PacketTime};
use visavis_media::video::VideoTarget;
use visavis_protocol::ParticipantId;

use crate::api::SentStats;
pub(crate) use counters::{EncoderCounters, EncoderMeter, OwnStats};

/// Share of the estimate that pictures may fill, besides sound; the rest is for headers, repair and key frames.
const VIDEO_SHARE: f64 = 0.92;
/// Smaller changes of the bitrate are not worth telling the encoder.
const NOTABLE: f64 = 0.03;

/// What there is of the own screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    Nothing,
    Picture,
    PictureAndSound,
}

/// Decides what the encoders are asked for.
#[derive(Debug)]
pub(crate) struct Outgoing {
    encoder: EncoderMeter,
    video_ladder: VideoLadder,
    audio_ladder: AudioLadder,
    screen_sound: ScreenSoundLadder,
    estimates: HashMap<ParticipantId, Estimate>,
    /// Who can read sound that carries older packets again.
    reads_copies: HashSet<ParticipantId>,
    key_frames: KeyFrameRequests,
    video: VideoTarget,
    audio: AudioTarget,
    screen_bps: u64,
}

impl Outgoing {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            encoder: EncoderMeter::new(now),
            video_ladder: VideoLadder::default(),
            audio_ladder: AudioLadder::default(),
            screen_sound: ScreenSoundLadder::default(),
            estimates: HashMap::new(),
            reads_copies: HashSet::new(),
            key_frames: KeyFrameRequests::default(),
            video: VideoTarget::default(),
            audio: AudioTarget::default(),
            screen_bps: 0,
        }
    }

    pub(crate) fn counters(&self) -> Arc<EncoderCounters> {
        self.encoder.counters()
    }

    /// What is there for the screen, in bit/s.
    pub(crate) fn screen_bps(&self) -> u64 {
        self.screen_bps
    }

    /// What there is for the screen's sound.
    pub(crate) fn screen_sound(&self) -> ScreenSoundTarget {
        self.screen_sound.target()
    }

    /// Of the slowest path.
    pub(crate) fn rtt(&self) -> Duration {
        self.estimates.values().filter_map(|estimate| estimate.rtt).max().unwrap_or_default()
    }

    pub(crate) fn forget(&mut self, peer: &ParticipantId) {
        self.estimates.remove(peer);
    }

    /// Somebody is gone for good.
    pub(crate) fn end(&mut self, peer: &ParticipantId) {
        self.forget(peer);
        self.reads_copies.remove(peer);
    }

    /// Somebody's description tells whether sound with copies can be read there; the next target follows.
    pub(crate) fn handle_reads_copies(&mut self, peer: &ParticipantId, reads: bool) {
        if reads {
            self.reads_copies.insert(peer.clone());
        } else {
            self.reads_copies.remove(peer);
        }
    }

    /// The own pictures come from a source that gives no more than this.
    pub(crate) fn handle_source(&mut self, limits: SourceLimits) {
        self.video_ladder.handle_source(limits);
    }

    /// The picture encoder worked this share of the last second.
    pub(crate) fn handle_busy(&mut self, now: Instant, busy: f64) {
        self.video_ladder.handle_busy(now, busy);
    }

    /// A path's estimate moved. A screen takes its part while it is shared. Gives the targets that changed.
    pub(crate) fn handle_estimate(
        &mut self,
        now: Instant,
        peer: &ParticipantId,
        estimate: Estimate,
        shared: Shared,
    ) -> (Option<VideoTarget>, Option<AudioTarget>) {
        self.estimates.insert(peer.clone(), estimate);
        self.key_frames.set_rtt(self.rtt());
        // One encoder serves all paths: the narrowest decides.
        let available = self.estimates.values().map(|estimate| estimate.target_bps).min().unwrap_or_default();
        let loss = self.estimates.values().map(|estimate| estimate.loss).fold(0.0, f64::max);
        let sound = self.audio_ladder.handle_available(available, loss, self.all_read_copies());
        let screen_sound = self.screen_sound.handle_available(available).wire_bps();
        let all_sound = match shared {
            Shared::Nothing | Shared::Picture => sound.wire_bps(),
            Shared::PictureAndSound => sound.wire_bps() + screen_sound,
        };
        let once =
            self.estimates.values().map(|it| it.protection.share_of_media(it.loss)).fold(1.0, f64::min);
        let video_bps = (available.saturating_sub(all_sound) as f64 * VIDEO_SHARE * once) as u64;
        let split = match shared {
            Shared::Nothing => ScreenSplit { camera_bps: video_bps, screen_bps: 0 },
            Shared::Picture | Shared::PictureAndSound => ScreenSplit::of(video_bps),
        };
        self.screen_bps = split.screen_bps;
        let video = as_target(self.video_ladder.handle_available(now, split.camera_bps));
        let audio = AudioTarget {
            bitrate_bps: sound.bitrate_bps,
            packet_time: PacketTime::of(sound.packet_time),
            expected_loss_percent: sound.expected_loss_percent,
            copies: sound.copies,
        };
        let video_changed = is_notable(self.video, video).then_some(video);
        let audio_changed = (audio != self.audio).then_some(audio);
        self.video = video_changed.unwrap_or(self.video);
        self.audio = audio;
        (video_changed, audio_changed)
    }

    /// One encoder serves all: without copies it spends on FEC, which everybody can read.
    fn all_read_copies(&self) -> bool {
        self.estimates.keys().all(|peer| self.reads_copies.contains(peer))
    }

    /// Somebody cannot go on without a key frame.
    pub(crate) fn handle_key_frame_wish(&mut self) {
        self.key_frames.handle_request();
    }

    /// Whether to make a key frame now: one for all who ask at a time.
    pub(crate) fn poll_key_frame(&mut self, now: Instant) -> bool {
        self.key_frames.poll_key_frame(now)
    }

    /// When to ask for that again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.key_frames.poll_timeout()
    }

    /// What the picture encoder did since this was last asked, and what sound is encoded with, in bit/s.
    pub(crate) fn describe(&mut self, now: Instant) -> (SentStats, u64) {
        (self.encoder.describe(now, self.video.bitrate_bps), self.audio.bitrate_bps.into())
    }
}

/// What a ladder chose, as the encoders are told.
pub(crate) fn as_target(target: visavis_congestion::VideoTarget) -> VideoTarget {
    let visavis_congestion::VideoTarget { bitrate_bps, frames_per_second, width, height } = target;
    VideoTarget { bitrate_bps, frames_per_second, width, height }
}

/// Whether an encoder is to be told.
pub(crate) fn is_notable(before: VideoTarget, after: VideoTarget) -> bool {
    let change = after.bitrate_bps.abs_diff(before.bitrate_bps) as f64;
    VideoTarget { bitrate_bps: before.bitrate_bps, ..after } != before
        || change > before.bitrate_bps as f64 * NOTABLE
}

#[cfg(test)]
mod tests {
    use visavis_congestion::Protection;

    use super::*;

    fn peer(name: &str) -> ParticipantId {
        ParticipantId::new(name).expect("an id")
    }

    fn estimate(target_bps: u64, loss: f64) -> Estimate {
        Estimate { target_bps, loss, rtt: None, protection: Protection::Single }
    }

    #[test]
    fn the_narrowest_path_decides_until_it_is_gone() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(now);
        outgoing.handle_estimate(now, &peer("wide"), estimate(2_000_000, 0.0), Shared::Nothing);
        let (video, _) =
            outgoing.handle_estimate(now, &peer("narrow"), estimate(300_000, 0.0), Shared::Nothing);
        assert!(video.expect("a lower target").bitrate_bps < 252_000);
        outgoing.forget(&peer("narrow"));
        let (video, _) =
            outgoing.handle_estimate(now, &peer("wide"), estimate(2_000_000, 0.0), Shared::Nothing);
        assert_eq!(video.expect("a higher target").bitrate_bps, 800_000, "the most for 640x360 at 15");
    }

    #[test]
    fn a_screen_takes_its_part_from_the_camera() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(now);
        outgoing.handle_estimate(now, &peer("a"), estimate(2_000_000, 0.0), Shared::Nothing);
        assert_eq!(outgoing.screen_bps(), 0);
        let (video, _) = outgoing.handle_estimate(now, &peer("a"), estimate(2_000_000, 0.0), Shared::Picture);
        let camera_bps = video.expect("a lower target").bitrate_bps;
        assert!((150_000..=250_000).contains(&camera_bps), "{camera_bps}");
        let alone_bps = outgoing.screen_bps();
        assert!(alone_bps > 1_500_000, "{alone_bps}");
        outgoing.handle_estimate(now, &peer("a"), estimate(2_000_000, 0.0), Shared::PictureAndSound);
        let given_bps = alone_bps - outgoing.screen_bps();
        assert!(given_bps > u64::from(outgoing.screen_sound().bitrate_bps), "{given_bps} to the sound");
        let (video, _) = outgoing.handle_estimate(now, &peer("a"), estimate(2_000_000, 0.0), Shared::Nothing);
        assert_eq!(video.expect("a higher target").bitrate_bps, 800_000, "the most for 640x360 at 15");
    }

    #[test]
    fn small_changes_are_not_told() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(now);
        assert!(
            outgoing.handle_estimate(now, &peer("a"), estimate(500_000, 0.0), Shared::Nothing).0.is_some()
        );
        assert!(
            outgoing.handle_estimate(now, &peer("a"), estimate(505_000, 0.0), Shared::Nothing).0.is_none()
        );
        assert!(
            outgoing.handle_estimate(now, &peer("a"), estimate(530_000, 0.0), Shared::Nothing).0.is_some()
        );
    }

    #[test]
    fn sound_is_repaired_according_to_the_worst_path() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(now);
        assert_eq!(
            outgoing.handle_estimate(now, &peer("a"), estimate(500_000, 0.01), Shared::Nothing).1,
            None,
            "10 % is the default"
        );
        let (_, audio) = outgoing.handle_estimate(now, &peer("b"), estimate(500_000, 0.18), Shared::Nothing);
        assert_eq!(audio.map(|target| target.expected_loss_percent), Some(18));
        let (_, audio) = outgoing.handle_estimate(now, &peer("b"), estimate(500_000, 0.9), Shared::Nothing);
        assert_eq!(audio.map(|target| target.expected_loss_percent), Some(30));
    }

    #[test]
    fn copies_are_sent_if_everybody_can_read_them() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(now);
        let [a, b] = ["a", "b"].map(peer);
        let copies = |outgoing: &mut Outgoing, peer: &ParticipantId| {
            outgoing.handle_estimate(now, peer, estimate(1_000_000, 0.0), Shared::Nothing);
            (outgoing.audio.copies, outgoing.audio.expected_loss_percent)
        };
        outgoing.handle_reads_copies(&a, true);
        assert_eq!(copies(&mut outgoing, &a), (1, 0));
        assert_eq!(copies(&mut outgoing, &b), (0, 10));
        outgoing.handle_reads_copies(&b, true);
        assert_eq!(copies(&mut outgoing, &b), (1, 0));
        outgoing.handle_reads_copies(&b, false);
        assert_eq!(copies(&mut outgoing, &a), (0, 10));
        outgoing.forget(&b);
        assert_eq!(copies(&mut outgoing, &a), (1, 0));
    }

    #[test]
    fn wishes_at_a_time_are_one_key_frame_and_none_is_lost() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(now);
        (0..3).for_each(|_| outgoing.handle_key_frame_wish());
        assert!(outgoing.poll_key_frame(now));
        outgoing.handle_key_frame_wish();
        assert!(!outgoing.poll_key_frame(now));
        let due = outgoing.poll_timeout().expect("the wish waits");
        assert!(outgoing.poll_key_frame(due));
        assert_eq!(outgoing.poll_timeout(), None);
    }
}
