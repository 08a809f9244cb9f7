//! What travels.

use super::time::Micros;

pub(crate) struct Packet {
    pub(crate) flow: usize,
    /// Bytes on the wire.
    pub(crate) size: usize,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Media {
        sequence_number: u64,
    },
    /// Of all packets up to the newest that arrived: number, and when it arrived.
    Feedback(Vec<(u64, Option<Micros>)>),
    /// Numbers of packets that are to be sent again.
    Again(Vec<u16>),
    /// A key frame is needed.
    KeyFrame,
    TcpData {
        sequence_number: u64,
    },
    TcpAck {
        sequence_number: u64,
    },
}
