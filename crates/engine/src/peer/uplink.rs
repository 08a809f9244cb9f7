//! From encoded media to RTP packets on the outgoing tracks of one peer connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtp;
use tokio::sync::{broadcast, watch};
use tracing::debug;
use visavis_media::audio::system::EncodedSound;
use visavis_media::audio::{EncodedAudio, SentAudio};
use visavis_media::sync::CaptureClock;
use visavis_media::video::EncodedFrame;
use visavis_media::video::rtp::packetize;
use webrtc::media_stream::track_local::TrackLocal;

use super::VideoKind;
use super::chain::CaptureClocks;
use super::connection::{OutgoingTrack, OutgoingTracks};
use super::sections;

/// Largest RTP payload, so that packets with all their headers fit a path of 1280 bytes.
const MAX_PAYLOAD: usize = 1_160;
const AUDIO_CLOCK_HZ: u32 = 48_000;
const VIDEO_CLOCK_HZ: u32 = 90_000;

/// How much older what an Opus decoder gives is than what the packet's timestamp names: what the encoder looks ahead
/// (`OPUS_GET_LOOKAHEAD`), of a voice and of music.
const OPUS_LOOKAHEAD: Duration = Duration::from_micros(6_500);

/// Encoded media on its way to every peer.
#[derive(Debug, Clone)]
pub(crate) enum Media {
    Audio(Arc<EncodedAudio>),
    Video(Arc<EncodedFrame>),
    Screen(Arc<EncodedFrame>),
    ScreenSound(Arc<EncodedSound>),
}

/// Sends everything that comes while `connected`, until the source or the connection is gone.
/// `captured` is told when what is sent was captured. `on_gap` is called when pictures were missed and the far side needs a
/// key frame.
pub(crate) async fn run(
    tracks: OutgoingTracks,
    mut media: broadcast::Receiver<Media>,
    mut connected: watch::Receiver<bool>,
    captured: watch::Sender<CaptureClocks>,
    on_gap: impl Fn(VideoKind),
) {
    let epoch = Instant::now();
    let mut audio = AudioStream::new(tracks.audio);
    let mut camera = VideoStream::new(tracks.camera, epoch);
    let mut screen = VideoStream::new(tracks.screen, epoch);
    let mut screen_sound = ScreenSoundStream(Stream::new(tracks.screen_sound));
    loop {
        if !*connected.borrow_and_update() {
            (camera.needs_key_frame, screen.needs_key_frame) = (true, true);
            if connected.changed().await.is_err() {
                return;
            }
            media = media.resubscribe();
            continue;
        }
        let next = tokio::select! {
            next = media.recv() => next,
            changed = connected.changed() => if changed.is_err() { return } else { continue },
        };
        match next {
            Ok(Media::Audio(packet)) => audio.send(&packet, &captured).await,
            Ok(Media::Video(frame)) => camera.send(&frame, &captured).await,
            Ok(Media::Screen(frame)) => screen.send(&frame, &captured).await,
            Ok(Media::ScreenSound(packet)) => screen_sound.send(&packet, &captured).await,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                debug!(missed, "the way to the network is blocked");
                (camera.needs_key_frame, screen.needs_key_frame) = (true, true);
                on_gap(VideoKind::Camera);
                on_gap(VideoKind::Screen);
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// A voice.
struct AudioStream {
    stream: Stream,
    sent: SentAudio,
}

impl AudioStream {
    fn new(track: OutgoingTrack) -> Self {
        Self { stream: Stream::new(track), sent: SentAudio::default() }
    }

    async fn send(&mut self, packet: &Arc<EncodedAudio>, captured: &watch::Sender<CaptureClocks>) {
        self.stream.tell_captured(captured, AUDIO_CLOCK_HZ, packet.timestamp, as_decoded(packet.captured));
        let Some(PayloadTypes { media, redundant }) = self.stream.negotiated().await else { return };
        let with_copies = self.sent.redundant(packet);
        let (payload_type, payload) = match redundant {
            Some(redundant) if !with_copies.copies.is_empty() => (redundant, with_copies.write(media)),
            Some(_) | None => (media, with_copies.payload),
        };
        self.stream.send(payload_type, packet.timestamp, packet.starts_talk, payload).await;
    }
}

/// What a screen's computer plays.
struct ScreenSoundStream(Stream);

impl ScreenSoundStream {
    async fn send(&mut self, packet: &EncodedSound, captured: &watch::Sender<CaptureClocks>) {
        self.0.tell_captured(captured, AUDIO_CLOCK_HZ, packet.timestamp, as_decoded(packet.captured));
        if let Some(PayloadTypes { media, .. }) = self.0.negotiated().await {
            self.0.send(media, packet.timestamp, packet.starts, packet.data.clone()).await;
        }
    }
}

/// When what a decoder gives at the timestamp of a packet was captured.
fn as_decoded(captured: Instant) -> Instant {
    captured.checked_sub(OPUS_LOOKAHEAD).unwrap_or(captured)
}

/// One stream of pictures.
struct VideoStream {
    stream: Stream,
    epoch: Instant,
    picture_id: u16,
    /// A far side that has not seen a key frame can do nothing with what follows one.
    needs_key_frame: bool,
}

impl VideoStream {
    fn new(track: OutgoingTrack, epoch: Instant) -> Self {
        Self { stream: Stream::new(track), epoch, picture_id: rand::random(), needs_key_frame: true }
    }

    async fn send(&mut self, frame: &EncodedFrame, captured: &watch::Sender<CaptureClocks>) {
        self.needs_key_frame &= !frame.key;
        if self.needs_key_frame {
            return;
        }
        let since = frame.captured.saturating_duration_since(self.epoch);
        let ticks = since.as_micros() * u128::from(VIDEO_CLOCK_HZ) / 1_000_000;
        let timestamp = u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or_default();
        self.stream.tell_captured(captured, VIDEO_CLOCK_HZ, timestamp, frame.captured);
        let Some(PayloadTypes { media, .. }) = self.stream.negotiated().await else { return };
        let payloads = packetize(&frame.data, MAX_PAYLOAD, self.picture_id);
        self.picture_id = self.picture_id.wrapping_add(1);
        let last = payloads.len().saturating_sub(1);
        for (index, payload) in payloads.into_iter().enumerate() {
            self.stream.send(media, timestamp, index == last, payload).await;
        }
    }
}

/// What the far side wants a stream to be marked as.
#[derive(Debug, Clone, Copy)]
struct PayloadTypes {
    media: u8,
    /// Packets that carry others again, if it can read such.
    redundant: Option<u8>,
}

/// One RTP stream.
struct Stream {
    track: OutgoingTrack,
    payload_types: Option<PayloadTypes>,
    sequence: u16,
    timestamp_offset: u32,
}

impl Stream {
    fn new(track: OutgoingTrack) -> Self {
        Self { track, payload_types: None, sequence: rand::random(), timestamp_offset: rand::random() }
    }

    /// Of the media that is sent next.
    fn tell_captured(
        &self,
        clocks: &watch::Sender<CaptureClocks>,
        clock_hz: u32,
        timestamp: u32,
        captured: Instant,
    ) {
        let timestamp = timestamp.wrapping_add(self.timestamp_offset);
        clocks.send_modify(|clocks| {
            clocks
                .entry(self.track.ssrc)
                .or_insert_with(|| CaptureClock::new(clock_hz, timestamp, captured))
                .handle_packet(timestamp, captured);
        });
    }

    async fn send(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: Bytes) {
        let header = rtp::Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: self.sequence,
            timestamp: timestamp.wrapping_add(self.timestamp_offset),
            ssrc: self.track.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        if let Err(error) = self.track.track.write_rtp(rtp::Packet { header, payload }).await {
            debug!(%error, "a packet was not sent");
        }
    }

    /// The payload types that the far side wants, asked once.
    async fn negotiated(&mut self) -> Option<PayloadTypes> {
        if self.payload_types.is_none() {
            let codecs = self.track.sender.get_parameters().await.ok()?.rtp_parameters.codecs;
            let (redundant, media): (Vec<_>, Vec<_>) = codecs
                .iter()
                .partition(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(sections::RED_MIME_TYPE));
            self.payload_types = media.first().map(|codec| PayloadTypes {
                media: codec.payload_type,
                redundant: redundant.first().map(|codec| codec.payload_type),
            });
        }
        self.payload_types
    }
}
