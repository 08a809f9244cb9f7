//! The far side's tracks: each begins a jitter buffer of its kind.

use std::sync::Arc;

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::mpsc;
use tracing::warn;
use visavis_media::audio::AudioStream;
use visavis_media::video::{VideoReceiver, VideoReceiverEvent};
use webrtc::media_stream::track_remote::TrackRemote;

use super::Actor;
use crate::peer::downlink::{self, Destination};
use crate::peer::lip_sync::Incoming;
use crate::peer::{PeerEvent, VideoKind};

impl Actor {
    pub(super) async fn on_track(&mut self, track: Arc<dyn TrackRemote>) {
        let is_screen = track.ssrcs().await.iter().any(|ssrc| self.sampler.meter.is_remote_screen(*ssrc));
        let destination = if track.kind().await == RtpCodecKind::Video {
            self.receive_video(if is_screen { VideoKind::Screen } else { VideoKind::Camera })
        } else {
            let stream = self.receive_audio(is_screen);
            Some(Destination::Audio { stream, redundant: self.redundant_audio })
        };
        if let Some(destination) = destination {
            let on_event = Arc::clone(&self.context.on_event);
            let sync = if is_screen { self.screen_sync.clone() } else { self.lip_sync.clone() };
            self.tasks.spawn(downlink::run(track, destination, move |incoming| {
                if !is_screen && matches!(incoming, Incoming::Audio(..)) {
                    on_event(PeerEvent::FirstAudio);
                }
                // The streams of a connection fit the queue.
                let _ = sync.try_send(incoming);
            }));
        }
    }

    fn receive_audio(&mut self, is_screen: bool) -> Arc<AudioStream> {
        let stream = Arc::new(self.context.speaker.add_stream());
        let (event, sampled) = if is_screen {
            (PeerEvent::ScreenSound(stream.id()), &mut self.sampler.screen_sound)
        } else {
            (PeerEvent::Voice(stream.id()), &mut self.sampler.audio)
        };
        *sampled = Some(Arc::clone(&stream));
        (self.context.on_event)(event);
        stream
    }

    fn receive_video(&mut self, kind: VideoKind) -> Option<Destination> {
        let (key_frames, key_frame_needed) = mpsc::channel(1);
        let on_event = Arc::clone(&self.context.on_event);
        let on_frame = Arc::clone(&self.context.on_frame);
        let first = std::sync::Once::new();
        let receiver = VideoReceiver::spawn(move |event| match event {
            VideoReceiverEvent::Frame { frame, .. } => {
                first.call_once(|| on_event(PeerEvent::FirstFrame(kind)));
                on_frame(kind, frame);
            }
            VideoReceiverEvent::KeyFrameNeeded => {
                // One request at a time is enough.
                let _ = key_frames.try_send(());
            }
        });
        match receiver {
            Ok(receiver) => {
                let receiver = Arc::new(receiver);
                match kind {
                    VideoKind::Camera => self.sampler.video = Some(Arc::clone(&receiver)),
                    VideoKind::Screen => self.sampler.screen = Some(Arc::clone(&receiver)),
                }
                Some(Destination::Video { receiver, key_frame_needed })
            }
            Err(error) => {
                warn!(%error, "no decoder for the far side's picture");
                None
            }
        }
    }
}
