//! Asks for packets that are missing (RFC 4585 section 6.2.1), of streams that the far side can repair.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;
use tokio::sync::watch;
use tracing::debug;
use visavis_congestion::{Estimate, NackConfig, NackGenerator, NackOutput};

pub(super) struct NackInterceptor {
    /// By SSRC; retransmissions come already unwrapped.
    streams: HashMap<u32, NackGenerator>,
    estimate: watch::Receiver<Estimate>,
    read_queue: VecDeque<TaggedPacket>,
    write_queue: VecDeque<TaggedPacket>,
}

impl NackInterceptor {
    /// Paces its requests by the round trip of `estimate`.
    pub(super) fn new(estimate: watch::Receiver<Estimate>) -> Self {
        Self { streams: HashMap::new(), estimate, read_queue: VecDeque::new(), write_queue: VecDeque::new() }
    }

    fn request(&mut self, now: Instant) {
        for (ssrc, generator) in &mut self.streams {
            while let Some(output) = generator.poll_output(now) {
                match output {
                    NackOutput::Request(missing) => self.write_queue.push_back(request(now, *ssrc, &missing)),
                    // The jitter buffer asks for a key frame itself, when it cannot go on.
                    NackOutput::KeyFrame => debug!(ssrc, "losses will not be repaired"),
                }
            }
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for NackInterceptor {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &tagged.message.packet
            && let Some(generator) = self.streams.get_mut(&packet.header.ssrc)
        {
            if let Some(rtt) = self.estimate.borrow().rtt {
                generator.set_rtt(rtt);
            }
            generator.handle_packet(tagged.now, packet.header.sequence_number);
            self.request(tagged.now);
        }
        self.read_queue.push_back(tagged);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read_queue.pop_front()
    }

    fn handle_write(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        self.write_queue.push_back(tagged);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.request(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.streams.values().filter_map(NackGenerator::poll_timeout).min()
    }
}

impl Interceptor for NackInterceptor {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        let is_nack = |feedback: &rtc::interceptor::RTCPFeedback| {
            feedback.typ == "nack" && feedback.parameter.is_empty()
        };
        if info.rtcp_feedback.iter().any(is_nack) {
            self.streams.entry(info.ssrc).or_insert_with(|| NackGenerator::new(NackConfig::default()));
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.streams.remove(&info.ssrc);
    }
}

fn request(now: Instant, media_ssrc: u32, missing: &[u16]) -> TaggedPacket {
    let nack =
        TransportLayerNack { sender_ssrc: 0, media_ssrc, nacks: nack_pairs_from_sequence_numbers(missing) };
    TaggedPacket {
        now,
        transport: TransportContext::default(),
        message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(nack)])),
    }
}
