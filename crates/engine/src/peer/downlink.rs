//! From the RTP packets of one remote track to its jitter buffer.

use std::sync::Arc;

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use tokio::sync::mpsc;
use tracing::debug;
use visavis_media::audio::{AudioStream, RedundantAudio, RtpAudioPacket};
use visavis_media::video::VideoReceiver;
use visavis_media::video::receive::RtpVideoPacket;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::lip_sync::Incoming;

/// Where the packets of a track go.
pub(crate) enum Destination {
    Audio {
        stream: Arc<AudioStream>,
        /// The payload type of packets that carry others again.
        redundant: Option<u8>,
    },
    Video {
        receiver: Arc<VideoReceiver>,
        /// The receiver cannot go on without a key frame.
        key_frame_needed: mpsc::Receiver<()>,
    },
}

impl Destination {
    fn incoming(&self, ssrc: u32) -> Incoming {
        match self {
            Self::Audio { stream, .. } => Incoming::Audio(ssrc, Arc::clone(stream)),
            Self::Video { receiver, .. } => Incoming::Video(ssrc, Arc::clone(receiver)),
        }
    }
}

/// Hands over packets until the track ends; `on_first` is told of the stream when its first packet comes.
pub(crate) async fn run(
    track: Arc<dyn TrackRemote>,
    mut destination: Destination,
    on_first: impl Fn(Incoming),
) {
    let mut media_ssrc = None;
    loop {
        let event = match &mut destination {
            Destination::Audio { .. } => track.poll().await,
            Destination::Video { key_frame_needed, .. } => tokio::select! {
                event = track.poll() => event,
                Some(()) = key_frame_needed.recv() => {
                    if let Some(media_ssrc) = media_ssrc {
                        request_key_frame(track.as_ref(), media_ssrc).await;
                    }
                    continue;
                }
            },
        };
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                if media_ssrc.is_none() {
                    on_first(destination.incoming(packet.header.ssrc));
                }
                // What is left of a retransmission stream after unwrapping is padding.
                if *media_ssrc.get_or_insert(packet.header.ssrc) == packet.header.ssrc {
                    hand_over(&destination, packet);
                }
            }
            Some(TrackRemoteEvent::OnEnded) | None => return,
            Some(_) => {}
        }
    }
}

fn hand_over(destination: &Destination, packet: rtp::Packet) {
    let rtp::Packet { header, payload } = packet;
    match destination {
        Destination::Audio { stream, redundant } => {
            let RedundantAudio { payload, copies } = if *redundant == Some(header.payload_type) {
                // The jitter buffer counts what is no packet.
                RedundantAudio::parse(payload).unwrap_or_default()
            } else {
                RedundantAudio { payload, copies: Vec::new() }
            };
            let (sequence, timestamp) = (header.sequence_number, header.timestamp);
            stream.push(RtpAudioPacket { sequence, timestamp, payload, copies });
        }
        Destination::Video { receiver, .. } => receiver.push(RtpVideoPacket {
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            payload,
        }),
    }
}

async fn request_key_frame(track: &dyn TrackRemote, media_ssrc: u32) {
    let request = PictureLossIndication { sender_ssrc: 0, media_ssrc };
    if let Err(error) = track.write_rtcp(vec![Box::new(request)]).await {
        debug!(%error, "a key frame request was not sent");
    }
}
