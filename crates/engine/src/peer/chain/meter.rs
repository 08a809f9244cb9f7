//! Counts what crosses the wire, and hears key frame requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::shared::marshal::MarshalSize;

use super::ScreenSsrcs;
use super::stage::Stage;
use crate::peer::VideoKind;

/// Counters of one track in one direction, since the connection began.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) packets: AtomicU64,
    /// RTP headers included.
    pub(crate) bytes: AtomicU64,
    pub(crate) retransmitted: AtomicU64,
    /// Packets asked for again.
    pub(crate) nacks: AtomicU64,
    /// Picture loss indications, RFC 4585 section 6.3.1.
    pub(crate) plis: AtomicU64,
    /// Full intra requests, RFC 5104 section 4.3.1.
    pub(crate) firs: AtomicU64,
    /// Fraction lost of the last receiver report, of 256 (RFC 3550 section 6.4.1).
    pub(crate) fraction_lost: AtomicU32,
}

/// Everything that is counted on one peer connection; written by its chain, read by whoever reports.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) sent_audio: Traffic,
    pub(crate) sent_video: Traffic,
    pub(crate) sent_screen: Traffic,
    pub(crate) sent_screen_sound: Traffic,
    pub(crate) received_audio: Traffic,
    pub(crate) received_video: Traffic,
    pub(crate) received_screen: Traffic,
    pub(crate) received_screen_sound: Traffic,
    /// What tells the far side's screen from its camera; 0 before it is known.
    pub(crate) remote_screen_ssrc: AtomicU32,
    /// And its sound from the microphone.
    pub(crate) remote_screen_sound_ssrc: AtomicU32,
}

impl Meter {
    /// Whether a stream of the far side is of its screen.
    pub(crate) fn is_remote_screen(&self, ssrc: u32) -> bool {
        let known = [&self.remote_screen_ssrc, &self.remote_screen_sound_ssrc];
        known.into_iter().any(|known| known.load(Ordering::Relaxed) == ssrc)
    }
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    is_video: bool,
    is_retransmission: bool,
    /// The SSRC of the stream that this one is or repairs.
    primary: u32,
}

pub(super) struct MeterStage<F> {
    meter: Arc<Meter>,
    screen: ScreenSsrcs,
    on_key_frame_wish: F,
    local: HashMap<u32, Stream>,
    remote: HashMap<u32, Stream>,
}

impl<F> MeterStage<F> {
    pub(super) fn new(meter: Arc<Meter>, screen: ScreenSsrcs, on_key_frame_wish: F) -> Self {
        Self { meter, screen, on_key_frame_wish, local: HashMap::new(), remote: HashMap::new() }
    }

    fn sent(&self, ssrc: u32) -> Option<(&Traffic, Stream)> {
        let stream = *self.local.get(&ssrc)?;
        let is_screen = [self.screen.picture, self.screen.sound].contains(&stream.primary);
        let traffic = match (stream.is_video, is_screen) {
            (false, false) => &self.meter.sent_audio,
            (false, true) => &self.meter.sent_screen_sound,
            (true, false) => &self.meter.sent_video,
            (true, true) => &self.meter.sent_screen,
        };
        Some((traffic, stream))
    }

    fn received(&self, ssrc: u32) -> Option<(&Traffic, Stream)> {
        let stream = *self.remote.get(&ssrc)?;
        let traffic = match (stream.is_video, self.meter.is_remote_screen(stream.primary)) {
            (false, false) => &self.meter.received_audio,
            (false, true) => &self.meter.received_screen_sound,
            (true, false) => &self.meter.received_video,
            (true, true) => &self.meter.received_screen,
        };
        Some((traffic, stream))
    }
}

impl<F: Fn(VideoKind)> MeterStage<F> {
    fn wish_for_key_frame(&self, Stream { primary, .. }: Stream) {
        let is_screen = primary == self.screen.picture;
        (self.on_key_frame_wish)(if is_screen { VideoKind::Screen } else { VideoKind::Camera });
    }

    /// Feedback of the far side about what is sent.
    fn on_feedback(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            if let Some((traffic, _)) = self.sent(nack.media_ssrc) {
                add(&traffic.nacks, missing(nack));
            }
        } else if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            if let Some((traffic, stream)) = self.sent(pli.media_ssrc) {
                add(&traffic.plis, 1);
                self.wish_for_key_frame(stream);
            }
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            for (traffic, stream) in fir.fir.iter().filter_map(|entry| self.sent(entry.ssrc)) {
                add(&traffic.firs, 1);
                self.wish_for_key_frame(stream);
            }
        } else {
            let reports = match (any.downcast_ref::<ReceiverReport>(), any.downcast_ref::<SenderReport>()) {
                (Some(report), _) => &report.reports,
                (None, Some(report)) => &report.reports,
                (None, None) => return,
            };
            for report in reports {
                if let Some((traffic, Stream { is_retransmission: false, .. })) = self.sent(report.ssrc) {
                    traffic.fraction_lost.store(u32::from(report.fraction_lost), Ordering::Relaxed);
                }
            }
        }
    }

    /// Our own feedback about what is received.
    fn on_own_feedback(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            if let Some((traffic, _)) = self.received(nack.media_ssrc) {
                add(&traffic.nacks, missing(nack));
            }
        } else if let Some(pli) = any.downcast_ref::<PictureLossIndication>()
            && let Some((traffic, _)) = self.received(pli.media_ssrc)
        {
            add(&traffic.plis, 1);
        }
    }
}

impl<F: Fn(VideoKind) + Send + Sync> Stage for MeterStage<F> {
    fn on_read(&mut self, tagged: &mut TaggedPacket) {
        match &tagged.message.packet {
            Packet::Rtp(packet) => count(self.received(packet.header.ssrc), packet),
            Packet::Rtcp(packets) => packets.iter().for_each(|packet| self.on_feedback(packet.as_ref())),
            _ => {}
        }
    }

    fn on_write(&mut self, tagged: &mut TaggedPacket) {
        match &tagged.message.packet {
            Packet::Rtp(packet) => count(self.sent(packet.header.ssrc), packet),
            Packet::Rtcp(packets) => packets.iter().for_each(|packet| self.on_own_feedback(packet.as_ref())),
            _ => {}
        }
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        bind(&mut self.local, info);
    }

    fn unbind_local(&mut self, info: &StreamInfo) {
        unbind(&mut self.local, info);
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        bind(&mut self.remote, info);
    }

    fn unbind_remote(&mut self, info: &StreamInfo) {
        unbind(&mut self.remote, info);
    }
}

/// A retransmission stream is bound in its own right too, perhaps later: what is known of it first holds.
fn bind(streams: &mut HashMap<u32, Stream>, info: &StreamInfo) {
    let is_video = info.mime_type.to_ascii_lowercase().starts_with("video/");
    if let Some(rtx) = info.ssrc_rtx {
        streams.insert(rtx, Stream { is_video, is_retransmission: true, primary: info.ssrc });
    }
    let stream = Stream { is_video, is_retransmission: false, primary: info.ssrc };
    streams.entry(info.ssrc).or_insert(stream);
}

fn unbind(streams: &mut HashMap<u32, Stream>, info: &StreamInfo) {
    streams.remove(&info.ssrc);
    if let Some(rtx) = info.ssrc_rtx {
        streams.remove(&rtx);
    }
}

fn count(stream: Option<(&Traffic, Stream)>, packet: &rtp::Packet) {
    if let Some((traffic, stream)) = stream {
        add(&traffic.bytes, packet.marshal_size() as u64);
        add(if stream.is_retransmission { &traffic.retransmitted } else { &traffic.packets }, 1);
    }
}

/// How many packets a NACK asks for (RFC 4585 section 6.2.1).
fn missing(nack: &TransportLayerNack) -> u64 {
    nack.nacks.iter().map(|pair| 1 + u64::from(pair.lost_packets.count_ones())).sum()
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
