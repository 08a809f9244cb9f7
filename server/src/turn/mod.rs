//! The embedded TURN and STUN server: relays media for clients that find no direct path (RFC 8656, RFC 8489).
//!
//! `protocol` is pure, with what it is made of beside it: packets and the time go in, what is to be sent comes out. `relay` is the
//! thread that owns it together with all sockets; `stream` carries clients to it that others have, such as those over TLS.
//! Nothing here knows of rooms or sessions: who has credentials is relayed.

mod allocation;
mod answer;
mod bell;
mod clients;
mod connection;
mod credentials;
mod datagrams;
mod fuzz;
mod nonce;
mod packet;
mod peers;
mod ports;
mod protocol;
mod quota;
mod refusal;
mod relay;
mod requests;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod throttle;

use std::net::{IpAddr, SocketAddr};

pub(crate) use credentials::{Credentials, id_of, mint};
pub use fuzz::{fuzz_turn, fuzz_turn_stream};
pub(crate) use refusal::Refusal;
pub use server::TurnError;
pub(crate) use server::TurnServer;

/// One client, by its transport address and the way it came: the 5-tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Client {
    via: Via,
    address: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Via {
    /// To this address of the host's, if it may be had at several.
    Datagrams(Option<IpAddr>),
    Connection(ConnectionId),
    Stream(StreamId),
}

/// A TCP connection of the thread's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ConnectionId(u64);

/// A stream of somebody else's over which STUN messages and ChannelData come one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct StreamId(u64);

impl Client {
    /// Its address as it is called outside of this host's sockets.
    fn seen_at(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip().to_canonical(), self.address.port())
    }
}
