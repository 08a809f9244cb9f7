//! Asks for packets that are missing (RFC 4585 section 6.2.1), of streams that the far side can repair.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use tokio::sync::watch;
use tracing::debug;
use visavis_congestion::{Estimate, NackConfig, NackGenerator, NackOutput};

use super::stage::{Stage, own_rtcp};

pub(super) struct NackRequests {
    /// By SSRC; retransmissions come already unwrapped.
    streams: HashMap<u32, NackGenerator>,
    estimate: watch::Receiver<Estimate>,
    requests: VecDeque<TaggedPacket>,
}

impl NackRequests {
    /// Paces its requests by the round trip of `estimate`.
    pub(super) fn new(estimate: watch::Receiver<Estimate>) -> Self {
        Self { streams: HashMap::new(), estimate, requests: VecDeque::new() }
    }

    fn request(&mut self, now: Instant) {
        for (ssrc, generator) in &mut self.streams {
            while let Some(output) = generator.poll_output(now) {
                match output {
                    NackOutput::Request(missing) => self.requests.push_back(request(now, *ssrc, &missing)),
                    // The jitter buffer asks for a key frame itself, when it cannot go on.
                    NackOutput::KeyFrame => debug!(ssrc, "losses will not be repaired"),
                }
            }
        }
    }
}

impl Stage for NackRequests {
    fn on_read(&mut self, tagged: &mut TaggedPacket) {
        if let Packet::Rtp(packet) = &tagged.message.packet
            && let Some(generator) = self.streams.get_mut(&packet.header.ssrc)
        {
            if let Some(rtt) = self.estimate.borrow().rtt {
                generator.set_rtt(rtt);
            }
            generator.handle_packet(tagged.now, packet.header.sequence_number);
            self.request(tagged.now);
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        self.request(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.streams.values().filter_map(NackGenerator::poll_timeout).min()
    }

    fn poll_own(&mut self) -> Option<TaggedPacket> {
        self.requests.pop_front()
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        let is_nack = |feedback: &rtc::interceptor::RTCPFeedback| {
            feedback.typ == "nack" && feedback.parameter.is_empty()
        };
        if info.rtcp_feedback.iter().any(is_nack) {
            self.streams.entry(info.ssrc).or_insert_with(|| NackGenerator::new(NackConfig::default()));
        }
    }

    fn unbind_remote(&mut self, info: &StreamInfo) {
        self.streams.remove(&info.ssrc);
    }
}

fn request(now: Instant, media_ssrc: u32, missing: &[u16]) -> TaggedPacket {
    let nacks = nack_pairs_from_sequence_numbers(missing);
    own_rtcp(now, vec![Box::new(TransportLayerNack { sender_ssrc: 0, media_ssrc, nacks })])
}
