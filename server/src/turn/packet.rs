use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use visavis_turn_framing::CHANNEL_HEADER_BYTES;

/// In front of the data of a Data indication, at most: its header, XOR-PEER-ADDRESS of IPv6 and the header of DATA.
const HEADROOM: usize = 20 + 24 + 4;

/// UDP carries no more.
const MOST_BYTES: usize = 65_535;

/// Padding of an indication's data.
const TAILROOM: usize = 3;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// One packet at a time, with room for what has to stand in front of it when it is passed on: so that it is never copied.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(vec![0; HEADROOM + MOST_BYTES + TAILROOM])
    }

    /// Where to read a packet to.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.0[HEADROOM..HEADROOM + MOST_BYTES]
    }

    /// The packet of so many bytes that was read.
    pub(super) fn read(&self, bytes: usize) -> Range<usize> {
        HEADROOM..HEADROOM + bytes.min(MOST_BYTES)
    }

    /// Takes a packet that was read elsewhere.
    pub(super) fn fill(&mut self, packet: &[u8]) -> Range<usize> {
        let bytes = packet.len().min(MOST_BYTES);
        self.room()[..bytes].copy_from_slice(&packet[..bytes]);
        self.read(bytes)
    }

    pub(super) fn at(&self, packet: Range<usize>) -> &[u8] {
        &self.0[packet]
    }

    /// Makes ChannelData of what a peer sent.
    pub(super) fn channel_data(&mut self, channel: u16, data: Range<usize>) -> Range<usize> {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        let start = data.start - CHANNEL_HEADER_BYTES;
        self.0[start..start + 2].copy_from_slice(&channel.to_be_bytes());
        self.0[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
        start..data.end
    }

    /// Makes a Data indication (RFC 8656 section 11.4) of what `peer` sent.
    pub(super) fn data_indication(
        &mut self,
        transaction: [u8; 12],
        peer: SocketAddr,
        data: Range<usize>,
    ) -> Range<usize> {
        let address = xored(transaction, peer.ip());
        let padding = data.len().next_multiple_of(4) - data.len();
        let end = data.end + padding;
        let header = 20 + 8 + address.len() + 4;
        let start = data.start - header;
        let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
        let port = peer.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
        let family = if peer.is_ipv4() { 1 } else { 2 };

        let mut at = start;
        let mut put = |bytes: &[u8]| {
            self.0[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&0x0017u16.to_be_bytes());
        put(&length(end - start - 20));
        put(&MAGIC_COOKIE);
        put(&transaction);
        put(&0x0012u16.to_be_bytes());
        put(&length(4 + address.len()));
        put(&[0, family]);
        put(&port.to_be_bytes());
        put(&address);
        put(&0x0013u16.to_be_bytes());
        put(&length(data.len()));
        self.0[data.end..end].fill(0);
        start..end
    }
}

/// The channel and the data of a ChannelData message, which may be padded.
pub(super) fn parse_channel_data(packet: &[u8]) -> Option<(u16, Range<usize>)> {
    let [c0, c1, l0, l1, rest @ ..] = packet else { return None };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    (length <= rest.len())
        .then(|| (u16::from_be_bytes([*c0, *c1]), CHANNEL_HEADER_BYTES..CHANNEL_HEADER_BYTES + length))
}

/// RFC 8489 section 14.2.
fn xored(transaction: [u8; 12], address: IpAddr) -> Vec<u8> {
    let mask = MAGIC_COOKIE.into_iter().chain(transaction);
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets.into_iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use stun_types::message::{Message, MessageClass};
    use turn_types::attribute::{Data, XorPeerAddress};
    use turn_types::message::DATA;

    use super::*;

    #[test]
    fn an_indication_is_what_others_read() {
        for peer in ["192.0.2.7:4711", "[2001:db8::7]:4711"] {
            for length in 0..9 {
                let peer: SocketAddr = peer.parse().expect("an address");
                let mut buffer = Buffer::new();
                let data = buffer.fill(&[7; 9][..length]);
                let packet = buffer.data_indication([3; 12], peer, data);
                let message = Message::from_bytes(buffer.at(packet)).expect("a message");
                assert_eq!((message.class(), message.method()), (MessageClass::Indication, DATA));
                let from = message.attribute::<XorPeerAddress>().expect("a peer");
                assert_eq!(from.addr(message.transaction_id()), peer);
                assert_eq!(message.attribute::<Data<'_>>().expect("data").data(), &[7; 9][..length]);
            }
        }
    }

    #[test]
    fn channel_data_is_what_it_was() {
        let mut buffer = Buffer::new();
        let data = buffer.fill(b"owl");
        let packet = buffer.channel_data(0x4001, data);
        assert_eq!(buffer.at(packet.clone()), b"\x40\x01\x00\x03owl");
        assert_eq!(parse_channel_data(buffer.at(packet)), Some((0x4001, 4..7)));
        assert_eq!(parse_channel_data(b"\x40\x01\x00\x03owl\0"), Some((0x4001, 4..7)), "padding");
        for short in [&b""[..], b"\x40\x01\x00", b"\x40\x01\x00\x03ow"] {
            assert_eq!(parse_channel_data(short), None);
        }
    }

    #[test]
    fn the_largest_datagram_has_room() {
        let mut buffer = Buffer::new();
        let data = buffer.fill(&vec![1; 65_535]);
        let peer = "[2001:db8::7]:4711".parse().expect("an address");
        assert_eq!(buffer.data_indication([0; 12], peer, data.clone()).len(), 48 + 65_536);
        assert_eq!(buffer.channel_data(0x4000, data).len(), 4 + 65_535);
    }
}
