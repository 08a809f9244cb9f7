//! Puts retransmissions (RFC 4588) back into the stream they repair, so that everything above sees one stream.

use std::collections::HashMap;

use bytes::Buf;
use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};

use super::stage::Stage;

/// The stream that a retransmission stream repairs.
#[derive(Debug, Clone, Copy)]
struct Primary {
    ssrc: u32,
    payload_type: u8,
}

#[derive(Default)]
pub(super) struct RtxUnwrapper {
    /// By the SSRC of the retransmission stream.
    primaries: HashMap<u32, Primary>,
}

impl Stage for RtxUnwrapper {
    fn on_read(&mut self, tagged: &mut TaggedPacket) {
        if let Packet::Rtp(packet) = &mut tagged.message.packet
            && let Some(primary) = self.primaries.get(&packet.header.ssrc)
            // Shorter ones are padding that probes the path; feedback must still count them.
            && packet.payload.len() > 2
        {
            packet.header.ssrc = primary.ssrc;
            packet.header.payload_type = primary.payload_type;
            packet.header.sequence_number = packet.payload.get_u16();
        }
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        if let Some(rtx) = info.ssrc_rtx {
            self.primaries.insert(rtx, Primary { ssrc: info.ssrc, payload_type: info.payload_type });
        }
    }

    fn unbind_remote(&mut self, info: &StreamInfo) {
        if let Some(rtx) = info.ssrc_rtx {
            self.primaries.remove(&rtx);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use rtc::interceptor::AttributedPacket;
    use rtc::rtp;
    use rtc::shared::{TransportContext, TransportMessage};

    use super::*;

    const RTX: u32 = 2;

    /// What comes out for a packet of this stream with this payload.
    fn unwrapped(ssrc: u32, payload: &'static [u8]) -> rtp::Packet {
        let mut unwrapper = RtxUnwrapper::default();
        unwrapper.bind_remote(&StreamInfo {
            ssrc: 1,
            payload_type: 96,
            ssrc_rtx: Some(RTX),
            payload_type_rtx: Some(97),
            ..Default::default()
        });
        let header =
            rtp::Header { version: 2, ssrc, payload_type: 97, sequence_number: 500, ..Default::default() };
        let packet = Packet::Rtp(rtp::Packet { header, payload: Bytes::from_static(payload) });
        let mut tagged = TransportMessage {
            now: Instant::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(packet),
        };
        unwrapper.on_read(&mut tagged);
        let Packet::Rtp(packet) = tagged.message.packet else {
            panic!("what goes in as RTP comes out as RTP");
        };
        packet
    }

    #[test]
    fn a_retransmission_becomes_the_packet_it_repeats() {
        let packet = unwrapped(RTX, &[0x12, 0x34, 7, 8, 9]);
        let header = &packet.header;
        assert_eq!((header.ssrc, header.payload_type, header.sequence_number), (1, 96, 0x1234));
        assert_eq!(packet.payload.as_ref(), [7, 8, 9]);
    }

    #[test]
    fn padding_that_probes_the_path_goes_on_as_it_is() {
        for payload in [&[][..], &[0x12], &[0x12, 0x34]] {
            let packet = unwrapped(RTX, payload);
            assert_eq!((packet.header.ssrc, packet.header.sequence_number), (RTX, 500), "{payload:?}");
            assert_eq!(packet.payload.as_ref(), payload);
        }
    }

    #[test]
    fn other_streams_are_left_alone() {
        let packet = unwrapped(9, &[0x12, 0x34, 7]);
        assert_eq!((packet.header.ssrc, packet.payload.len()), (9, 3));
    }
}
