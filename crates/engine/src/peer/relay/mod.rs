//! Relays that are reached over TCP or TLS (RFC 8656 section 3.1), for an agent whose TURN client speaks UDP alone.
//!
//! The agent is told of such a relay at an address that nobody has, its stand-in. What it sends there over one of its sockets
//! goes into a stream to the real one, which is left from the same address of this host; what that says seems to come from
//! the stand-in. Nothing of this listens anywhere.

mod packet;
mod servers;
mod socket;
mod stream;
mod tls;
mod wakes;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task;
use tokio_rustls::TlsConnector;
use visavis_protocol::{IceServer, RelayProtocol};
use webrtc::peer_connection::RTCIceServer;
use webrtc::runtime::{AsyncUdpSocket, Runtime, TokioRuntime};

use servers::{Servers, StreamServer, index_of, stand_in};
use socket::Socket;
use wakes::{Sleep, Wakes};

/// How long relays over UDP are tried alone. The agent takes the first that works: it gives all of them the same priority, and
/// a stream makes media wait for what was lost.
const UDP_HEAD_START: Duration = Duration::from_millis(250);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The relays of one connection.
#[derive(Clone)]
pub(crate) struct Relays(Arc<Shared>);

struct Shared {
    servers: Servers,
    tls: OnceCell<TlsConnector>,
    /// Touched on the task that drives the connection alone, but for a moment when the connection is closed.
    wakes: Mutex<Wakes<task::Id>>,
    /// Tells that the stream broke that media was sent over. Called on a stream's own task; must not block.
    on_lost: Box<dyn Fn() + Send + Sync>,
}

impl Relays {
    pub(super) fn new(servers: &[IceServer], on_lost: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            servers: Servers::new(servers),
            tls: OnceCell::new(),
            wakes: Mutex::new(Wakes::new()),
            on_lost: Box::new(on_lost),
        }))
    }

    /// What the agent is told of.
    pub(super) fn ice_servers(&self) -> Vec<RTCIceServer> {
        self.0.servers.told.clone()
    }

    /// What the relay is reached over that the agent was told of by this URL.
    pub(super) fn protocol(&self, told: &str) -> RelayProtocol {
        self.0.servers.protocol(told)
    }

    /// Whether a candidate at this address would be at a stand-in. The far side has no business there.
    pub(super) fn is_stand_in(address: SocketAddr) -> bool {
        index_of(address).is_some()
    }

    /// A socket of the connection's, which reaches the stand-ins too. Has to be called on a runtime of Tokio's.
    pub(super) fn wrap(&self, local: SocketAddr, inner: Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> {
        let Servers { streams, has_udp, .. } = &self.0.servers;
        if streams.is_empty() && !has_udp {
            inner
        } else {
            Arc::new(Socket::new(inner, local, self.clone(), Handle::current()))
        }
    }

    /// A sleep of a task of the connection's; of its driver, one that may be cut short.
    pub(super) fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        match self.wakes().sleep(Instant::now(), task::try_id()) {
            Sleep::Whole => TokioRuntime.sleep(duration),
            Sleep::Short => {
                let relays = self.clone();
                Box::pin(async move {
                    TokioRuntime.sleep(Duration::ZERO).await;
                    relays.wakes().handle_woken();
                })
            }
        }
    }

    /// Where the agent finds the stand-in for which `host` is the address and port: in the families that the real one has.
    pub(super) fn resolve<'a>(&'a self, host: &str) -> Option<Boxed<'a, io::Result<Vec<SocketAddr>>>> {
        let index = index_of(host.parse().ok()?)?;
        let server = self.0.servers.streams.get(index)?;
        Some(Box::pin(async move {
            let found = server.addresses().await?;
            let families = [true, false].into_iter();
            let there = families.filter(|v4| found.iter().any(|address| address.is_ipv4() == *v4));
            Ok(there.map(|v4| stand_in(index, v4)).collect())
        }))
    }

    fn server(&self, index: usize) -> Option<&StreamServer> {
        self.0.servers.streams.get(index)
    }

    fn head_start(&self) -> Duration {
        if self.0.servers.has_udp { UDP_HEAD_START } else { Duration::ZERO }
    }

    async fn tls(&self) -> io::Result<TlsConnector> {
        self.0.tls.get_or_try_init(tls::connector).await.cloned()
    }

    /// The present task, which drives the connection, sends to a relay.
    fn handle_relayed(&self) {
        if let Some(driver) = task::try_id() {
            self.wakes().handle_relayed(Instant::now(), driver);
        }
    }

    fn wakes(&self) -> MutexGuard<'_, Wakes<task::Id>> {
        self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_lost(&self) {
        (self.0.on_lost)();
    }
}

impl StreamServer {
    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((self.host.as_str(), self.port)).await?.collect())
    }
}

impl std::fmt::Debug for Relays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relays")
    }
}
