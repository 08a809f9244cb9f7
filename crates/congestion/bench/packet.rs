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
    TcpData {
        sequence_number: u64,
    },
    TcpAck {
        sequence_number: u64,
    },
}
