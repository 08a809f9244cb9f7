use std::collections::HashMap;
use std::time::Instant;

use bytes::{BufMut as _, BytesMut};
use rtc::interceptor::{Attribute, AttributedPacket, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::shared::TransportContext;
use visavis_congestion::{Estimate, NackResponder, ResponderConfig};

/// Sends again what the far side asks for (RFC 4585 section 6.2.1), as a stream of its own (RFC 4588).
pub(super) struct Retransmission {
    target_bps: u64,
    /// By the SSRC of the stream that is repaired.
    streams: HashMap<u32, Repaired>,
}

struct Repaired {
    responder: NackResponder<rtp::Packet>,
    ssrc: u32,
    payload_type: u8,
    next: u16,
}

impl Retransmission {
    pub(super) fn new(target_bps: u64) -> Self {
        Self { target_bps, streams: HashMap::new() }
    }

    /// A stream without a retransmission stream cannot be repaired.
    pub(super) fn bind(&mut self, info: &StreamInfo) {
        if let (Some(ssrc), Some(payload_type)) = (info.ssrc_rtx, info.payload_type_rtx) {
            let target_bps = self.target_bps;
            self.streams.entry(info.ssrc).or_insert_with(|| Repaired {
                responder: NackResponder::new(ResponderConfig::default(), target_bps),
                ssrc,
                payload_type,
                next: rand::random(),
            });
        }
    }

    pub(super) fn unbind(&mut self, info: &StreamInfo) {
        self.streams.remove(&info.ssrc);
    }

    pub(super) fn set_estimate(&mut self, now: Instant, estimate: Estimate) {
        self.target_bps = estimate.target_bps;
        for stream in self.streams.values_mut() {
            stream.responder.set_target(now, estimate.target_bps);
            stream.responder.set_protection(estimate.protection);
            if let Some(rtt) = estimate.rtt {
                stream.responder.set_rtt(rtt);
            }
        }
    }

    /// A packet left for the first time.
    pub(super) fn handle_sent(&mut self, now: Instant, size: usize, packet: &rtp::Packet) {
        if let Some(stream) = self.streams.get_mut(&packet.header.ssrc) {
            stream.responder.handle_sent(now, packet.header.sequence_number, size, packet.clone());
        }
    }

    /// What to send for a request.
    pub(super) fn handle_nack(&mut self, now: Instant, nack: &TransportLayerNack) -> Vec<TaggedPacket> {
        let Some(stream) = self.streams.get_mut(&nack.media_ssrc) else { return Vec::new() };
        let wanted: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        let packets = stream.responder.handle_nack(now, &wanted);
        packets.into_iter().map(|packet| stream.wrap(now, &packet)).collect()
    }

    /// Something to send once more, because much is lost.
    pub(super) fn poll_copy(&mut self, now: Instant) -> Option<TaggedPacket> {
        self.streams.values_mut().find_map(|stream| {
            let packet = stream.responder.poll_copy(now)?;
            Some(stream.wrap(now, &packet))
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.streams.values().filter_map(|stream| stream.responder.poll_timeout()).min()
    }

    /// Something to fill up a probe with: what was sent last, once more.
    pub(super) fn padding(&mut self, now: Instant) -> Option<TaggedPacket> {
        self.streams.values_mut().find_map(|stream| {
            let (_, packet) = stream.responder.padding()?;
            Some(stream.wrap(now, &packet))
        })
    }
}

impl Repaired {
    /// RFC 4588 section 4: the original number, then the original payload.
    fn wrap(&mut self, now: Instant, original: &rtp::Packet) -> TaggedPacket {
        let mut payload = BytesMut::with_capacity(2 + original.payload.len());
        payload.put_u16(original.header.sequence_number);
        payload.put_slice(&original.payload);
        let header = rtp::Header {
            version: 2,
            marker: original.header.marker,
            payload_type: self.payload_type,
            sequence_number: self.next,
            timestamp: original.header.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.next = self.next.wrapping_add(1);
        let packet = Packet::Rtp(rtp::Packet { header, payload: payload.freeze() });
        TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(packet).with(Attribute::Retransmission),
        }
    }
}
