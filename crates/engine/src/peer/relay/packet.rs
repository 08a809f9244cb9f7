//! What a TURN client sends and receives (RFC 8656).

use visavis_turn_framing::{CHANNEL_HEADER_BYTES, STUN_HEADER_BYTES};

const ATTRIBUTE_HEADER_BYTES: usize = 4;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

const ALLOCATE_REQUEST: u16 = 0x0003;
const REFRESH_REQUEST: u16 = 0x0004;
const CREATE_PERMISSION_REQUEST: u16 = 0x0008;
const CHANNEL_BIND_REQUEST: u16 = 0x0009;
const SEND_INDICATION: u16 = 0x0016;
const DATA: u16 = 0x0013;

pub(super) type TransactionId = [u8; 12];

/// What a packet is, as far as its way over a stream depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet {
    /// It asks for a relay, which is how everything begins.
    Allocate(TransactionId),
    /// It asks for something else.
    Request(TransactionId),
    /// A check for the far side, or what keeps its consent.
    Check,
    /// SRTP, SRTCP or DTLS for the far side (RFC 7983 section 7).
    Media,
}

impl Packet {
    /// None for what no TURN client sends to its server.
    pub(super) fn new(datagram: &[u8]) -> Option<Self> {
        let [kind, _, l0, l1, ..] = datagram else { return None };
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        match kind >> 6 {
            0 if length % 4 == 0 && datagram.len() == STUN_HEADER_BYTES + length => Self::of_stun(datagram),
            1 => Some(Self::of_data(datagram.get(CHANNEL_HEADER_BYTES..CHANNEL_HEADER_BYTES + length)?)),
            _ => None,
        }
    }

    fn of_stun(message: &[u8]) -> Option<Self> {
        let (head, mut attributes) = message.split_at_checked(STUN_HEADER_BYTES)?;
        if head.get(4..8)? != MAGIC_COOKIE {
            return None;
        }
        let id = head.get(8..)?.try_into().ok()?;
        match u16::from_be_bytes([*head.first()?, *head.get(1)?]) {
            ALLOCATE_REQUEST => Some(Self::Allocate(id)),
            REFRESH_REQUEST | CREATE_PERMISSION_REQUEST | CHANNEL_BIND_REQUEST => Some(Self::Request(id)),
            SEND_INDICATION => loop {
                let [t0, t1, l0, l1, rest @ ..] = attributes else { return None };
                let length = usize::from(u16::from_be_bytes([*l0, *l1]));
                if u16::from_be_bytes([*t0, *t1]) == DATA {
                    return Some(Self::of_data(rest.get(..length)?));
                }
                attributes = attributes.get(ATTRIBUTE_HEADER_BYTES + length.next_multiple_of(4)..)?;
            },
            _ => None,
        }
    }

    fn of_data(data: &[u8]) -> Self {
        match data.first() {
            Some(20..=63 | 128..=191) => Self::Media,
            _ => Self::Check,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const CHANNEL: &[u8] = b"\x40\x00\x00\x05hello\0\0\0";
    const ID: TransactionId = *b"............";

    pub(in super::super) fn stun(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).expect("short");
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), &MAGIC_COOKIE, &ID, attributes].concat()
    }

    pub(in super::super) fn channel_data(data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).expect("short");
        [&[0x40, 0x00][..], &length.to_be_bytes(), data].concat()
    }

    #[test]
    fn requests_are_known_by_their_transactions() {
        assert_eq!(Packet::new(&stun(ALLOCATE_REQUEST, b"")), Some(Packet::Allocate(ID)));
        for kind in [REFRESH_REQUEST, CREATE_PERMISSION_REQUEST, CHANNEL_BIND_REQUEST] {
            assert_eq!(Packet::new(&stun(kind, b"\x80\x22\x00\x00")), Some(Packet::Request(ID)));
        }
    }

    #[test]
    fn media_and_checks_are_told_apart_in_channels_and_indications() {
        let indication = |data: &[u8]| {
            let peer = b"\x00\x12\x00\x08\x00\x01\x00\x00\x00\x00\x00\x00";
            let length = u16::try_from(data.len()).expect("short").to_be_bytes();
            let mut attributes = [&peer[..], b"\x00\x13", &length, data].concat();
            attributes.resize(attributes.len().next_multiple_of(4), 0);
            stun(SEND_INDICATION, &attributes)
        };
        let check = stun(0x0001, b"");
        for (data, packet) in [
            (&b"\x80\x60\x00\x01\x00"[..], Packet::Media),
            (b"\x16\xfe\xfd", Packet::Media),
            (&check, Packet::Check),
        ] {
            assert_eq!(Packet::new(&channel_data(data)), Some(packet));
            assert_eq!(Packet::new(&indication(data)), Some(packet));
        }
        assert_eq!(Packet::new(CHANNEL), Some(Packet::Check), "padded, as datagrams may be");
    }

    #[test]
    fn what_is_no_packet_of_a_client_is_not_sent() {
        let cut = &stun(SEND_INDICATION, b"\x00\x13\x00\x08data")[..];
        let other_cookie = [&b"\x00\x03\x00\x00\0\0\0\0"[..], &ID].concat();
        let binding = stun(0x0001, b"");
        for other in [
            &b""[..],
            b"\x40\x00\x00",
            b"\x40\x00\x00\x09short",
            &binding,
            b"\x80\x60\x00\x01",
            &other_cookie,
            cut,
        ] {
            assert_eq!(Packet::new(other), None, "{other:?}");
        }
    }
}
