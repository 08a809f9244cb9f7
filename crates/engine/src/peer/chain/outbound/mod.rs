//! The way out: what leaves is paced, numbered and remembered; what the far side says of it becomes the estimate.
//!
//! ```text
//! tracks ──────────────────────┬─► pacer ─► number ─► send history ─► wire
//! NACK ─► sent packets ─► RTX ─┘     ▲                      ▲
//!                      rate, probes ─┴─ estimator ◄─────────┴─ transport-wide feedback
//! ```
//!
//! Sound is never held. Repairs and padding are numbered like everything else, so the estimator sees all that leaves.

mod feedback;
mod numbering;
mod retransmission;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::marshal::MarshalSize;
use tokio::sync::watch;
use visavis_congestion::{
    Class, Config, Estimate, Paced, Pacer, PacerConfig, Protection, ScreenLadder, ScreenSoundLadder,
    VideoLadder,
};

use feedback::Feedback;
use numbering::Numbering;
pub(super) use numbering::TRANSPORT_WIDE_URI;
use retransmission::Retransmission;

use crate::peer::VideoKind;

/// Sound beside the pictures, headers included.
const AUDIO_BPS: u64 = 60_000;
/// What the pictures' headers and repairs may take beside the pictures.
const OVERHEAD: f64 = 1.15;

const CONFIG: Config =
    Config { start_bps: 600_000, min_bps: 40_000, max_bps: most_bps(VideoLadder::MAX_BPS) };
/// While a screen is shared.
const MAX_BPS_SHARING: u64 = most_bps(ScreenLadder::MAX_BPS) + ScreenSoundLadder::MAX_BPS;

const fn most_bps(pictures_bps: u64) -> u64 {
    (pictures_bps as f64 * OVERHEAD) as u64 + AUDIO_BPS
}

/// What is believed before the first feedback.
pub(crate) const START: Estimate =
    Estimate { target_bps: CONFIG.start_bps, loss: 0.0, rtt: None, protection: Protection::Single };

/// What SRTP (RFC 3711), UDP and IPv4 add to an RTP packet, in bytes.
const WIRE_OVERHEAD: usize = 10 + 8 + 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Audio,
    Video,
    Screen,
    Retransmission,
}

pub(super) struct Outbound<F> {
    /// By SSRC.
    kinds: HashMap<u32, Kind>,
    pacer: Pacer<TaggedPacket>,
    numbering: Numbering,
    feedback: Feedback,
    retransmission: Retransmission,
    estimate: watch::Sender<Estimate>,
    sharing: watch::Receiver<bool>,
    screen_ssrc: u32,
    on_frames_dropped: F,
    read_queue: VecDeque<TaggedPacket>,
    write_queue: VecDeque<TaggedPacket>,
}

impl<F: Fn(VideoKind)> Outbound<F> {
    /// Every feedback moves `estimate`, up to what can be made use of: more while `sharing`. `on_frames_dropped` hears
    /// that pictures were dropped because the path takes far less than they were made for: the far side needs a key frame.
    pub(super) fn new(
        estimate: watch::Sender<Estimate>,
        mut sharing: watch::Receiver<bool>,
        screen_ssrc: u32,
        on_frames_dropped: F,
    ) -> Self {
        // A screen may be shared already.
        sharing.mark_changed();
        Self {
            kinds: HashMap::new(),
            pacer: Pacer::new(PacerConfig::default(), CONFIG.start_bps),
            numbering: Numbering::default(),
            feedback: Feedback::new(CONFIG),
            retransmission: Retransmission::new(CONFIG.start_bps),
            estimate,
            sharing,
            screen_ssrc,
            on_frames_dropped,
            read_queue: VecDeque::new(),
            write_queue: VecDeque::new(),
        }
    }

    fn on_feedback(&mut self, now: Instant, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
            self.feedback.handle_feedback(now, feedback);
            self.apply_estimate(now);
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            for packet in self.retransmission.handle_nack(now, nack) {
                self.enqueue(now, Class::Retransmission, packet);
            }
        }
    }

    fn follow_sharing(&mut self, now: Instant) {
        if self.sharing.has_changed().unwrap_or(false) {
            let sharing = *self.sharing.borrow_and_update();
            self.feedback.set_max_bps(now, if sharing { MAX_BPS_SHARING } else { CONFIG.max_bps });
            self.apply_estimate(now);
        }
    }

    fn apply_estimate(&mut self, now: Instant) {
        let estimate = self.feedback.estimate();
        self.pacer.set_target(now, estimate.target_bps);
        self.retransmission.set_estimate(now, estimate);
        self.estimate.send_replace(estimate);
    }

    fn enqueue(&mut self, now: Instant, class: Class, packet: TaggedPacket) {
        let size = wire_size(&packet.message.packet);
        self.pacer.enqueue(now, class, size, packet);
    }

    /// Lets go what is due.
    fn release(&mut self, now: Instant) {
        while let Some(copy) = self.retransmission.poll_copy(now) {
            self.enqueue(now, Class::Retransmission, copy);
        }
        self.drain(now);
        // What left may have been the first, which is when the path is tried.
        while let Some(cluster) = self.feedback.poll_probe() {
            self.pacer.start_probe(now, cluster);
        }
        self.drain(now);
        while self.pacer.padding_wanted(now).is_some()
            && let Some(padding) = self.retransmission.padding(now)
        {
            self.enqueue(now, Class::Padding, padding);
            self.drain(now);
        }
        if self.pacer.poll_dropped_frames().is_some() {
            (self.on_frames_dropped)(VideoKind::Camera);
        }
        if self.pacer.poll_dropped_screen_frames().is_some() {
            (self.on_frames_dropped)(VideoKind::Screen);
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(Paced { packet: mut tagged, class, size, probe_cluster }) = self.pacer.poll_packet(now)
        {
            // Departure, which is what the delay is measured from.
            tagged.now = now;
            if let Packet::Rtp(packet) = &mut tagged.message.packet {
                if matches!(class, Class::Video { .. } | Class::Screen { .. }) {
                    self.retransmission.handle_sent(now, size, packet);
                }
                if let Some(number) = self.numbering.number(packet) {
                    self.feedback.handle_sent(now, number, size, probe_cluster);
                }
            }
            self.write_queue.push_back(tagged);
        }
    }
}

impl<F: Fn(VideoKind)> Protocol<TaggedPacket, TaggedPacket, ()> for Outbound<F> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &tagged.message.packet {
            packets.iter().for_each(|packet| self.on_feedback(tagged.now, packet.as_ref()));
            self.release(tagged.now);
        }
        self.read_queue.push_back(tagged);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read_queue.pop_front()
    }

    fn handle_write(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        let now = tagged.now;
        match class_of(&self.kinds, &tagged.message.packet) {
            Some(class) => {
                self.follow_sharing(now);
                self.enqueue(now, class, tagged);
                self.release(now);
            }
            None => self.write_queue.push_back(tagged),
        }
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.feedback.handle_timeout(now) {
            self.apply_estimate(now);
        }
        self.release(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let parts =
            [self.pacer.poll_timeout(), self.feedback.poll_timeout(), self.retransmission.poll_timeout()];
        parts.into_iter().flatten().min()
    }
}

impl<F: Fn(VideoKind) + Send + Sync> Interceptor for Outbound<F> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        let is_video = info.mime_type.to_ascii_lowercase().starts_with("video/");
        self.numbering.bind(info);
        self.retransmission.bind(info);
        if let Some(rtx) = info.ssrc_rtx {
            self.kinds.insert(rtx, Kind::Retransmission);
        }
        self.kinds.entry(info.ssrc).or_insert(match (is_video, info.ssrc == self.screen_ssrc) {
            (false, _) => Kind::Audio,
            (true, false) => Kind::Video,
            (true, true) => Kind::Screen,
        });
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.numbering.unbind(info);
        self.retransmission.unbind(info);
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.kinds.remove(&ssrc);
        }
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// How a packet is paced; what is not media of ours is not.
fn class_of(kinds: &HashMap<u32, Kind>, packet: &Packet) -> Option<Class> {
    let Packet::Rtp(rtp::Packet { header, .. }) = packet else { return None };
    Some(match kinds.get(&header.ssrc)? {
        Kind::Audio => Class::Audio,
        // All packets of a frame have one timestamp, and no other frame of the stream near it has.
        Kind::Video => Class::Video { frame: u64::from(header.timestamp) },
        Kind::Screen => Class::Screen { frame: u64::from(header.timestamp) },
        Kind::Retransmission => Class::Retransmission,
    })
}

fn wire_size(packet: &Packet) -> usize {
    if let Packet::Rtp(packet) = packet { packet.marshal_size() + WIRE_OVERHEAD } else { 0 }
}
