use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use visavis_protocol::IceServer;

use crate::{Origin, UiSource};

/// Everything that can be set about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many participants a room holds.
    pub room_size: NonZeroUsize,
    /// Announced to every client in its `welcome`.
    pub ice_servers: Vec<IceServer>,
    /// Origins whose pages may connect, besides the server's own.
    pub allowed_origins: Vec<Origin>,
    pub ui: UiSource,
    pub timing: Timing,
}

/// How long the server waits for its clients. The values that clients may rely on stand in `docs/protocol.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the opening of a connection to its `hello`.
    pub hello: Duration,
    /// Between two WebSocket pings.
    pub ping: Duration,
    /// A connection on which nothing was heard, or could be written, for so long is dead.
    pub silence: Duration,
    /// How long a participant whose connection broke keeps its place in the room.
    pub grace: Duration,
    /// For a client to take the last words and close, when the server ends its connection.
    pub farewell: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            room_size: const { NonZeroUsize::new(2).expect("two is not zero") },
            ice_servers: Vec::new(),
            allowed_origins: Vec::new(),
            ui: UiSource::Embedded,
            timing: Timing::default(),
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            ping: Duration::from_secs(15),
            silence: Duration::from_secs(45),
            grace: Duration::from_secs(30),
            farewell: Duration::from_secs(2),
        }
    }
}
