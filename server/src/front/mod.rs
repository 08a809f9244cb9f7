//! What stands between the sockets and the routes: lets connections in, ends TLS, tells STUN from HTTP, and serves HTTP/1.1.
//!
//! Whatever a client does before its first request, or does not do, holds up nobody else: each connection is a task of its
//! own, has its time for that, and there are only so many that have not come that far. `axum::serve` does none of this, so
//! hyper is asked itself.

mod bounded;
mod counts;
mod kind;
mod linger;
mod socket;
mod stream;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncBufRead;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::ServiceExt as _;
use tracing::debug;

use crate::LimitsConfig;
use crate::limits::{Admission, Gate, Pace};
use crate::metrics::Metrics;
use bounded::Bounded;
pub(crate) use counts::Counts;
pub(crate) use kind::{ACME_TLS, HTTP_1_1, Kind, STUN_TURN};
pub(crate) use linger::Linger;
use linger::Lingering;
pub(crate) use socket::listen;
use stream::Io;
pub(crate) use stream::Stream;

/// The head of a request; what is longer is answered with 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Of what is read and of what waits to be written, which whoever asks and does not read can make a connection keep; bodies may be
/// larger.
const MAX_BUFFER_BYTES: usize = 20 * 1024;

/// How long a proxy may keep a connection without a request on it. It should be the proxy that closes it, and most do after
/// a minute or two: a request that meets the other's closing is lost.
const PROXY: Duration = Duration::from_secs(150);

/// What carries HTTP, and WebSockets after it.
pub(crate) type Carrier = Bounded<Lingering<Stream>>;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A connection that speaks STUN, for whoever serves that.
#[derive(Debug)]
pub(crate) struct StunConnection {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
}

/// What is done with connections; for as many listeners as there are.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) router: Router,
    pub(crate) gate: Arc<Gate>,
    /// Nobody speaks plainly, but STUN, where this is set.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Takes connections that speak STUN. Without it, and while its queue is full, they are closed.
    pub(crate) stun: Option<mpsc::Sender<StunConnection>>,
    /// Places for those that have not said anything yet, or are in their TLS handshake.
    pub(crate) half_open: Arc<Semaphore>,
    pub(crate) patience: Patience,
    /// For clients to take the last words and close.
    pub(crate) linger: Arc<Linger>,
    /// Of the bytes that a connection says over HTTP or WebSocket.
    pub(crate) bytes: BytePace,
    pub(crate) metrics: Arc<Metrics>,
}

/// How long clients are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the opening of a connection to its first byte within TLS; and for the whole head of each request.
    pub(crate) head: Duration,
    /// For a client to take anything of what it asked for.
    pub(crate) silence: Duration,
}

/// How much a connection may say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BytePace {
    per_s: NonZeroU32,
    burst: u32,
}

impl BytePace {
    pub(crate) fn new(limits: LimitsConfig) -> Self {
        Self { per_s: limits.bytes_per_s, burst: limits.bytes_burst }
    }
}

/// Serves this listener until `stop` says so, then ends with the last request that is under way. Connections that became
/// WebSockets are with those who serve them by then.
pub(crate) async fn serve(mut listener: TcpListener, front: Front, mut stop: watch::Receiver<bool>) {
    let front = Arc::new(front);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, peer) = Listener::accept(&mut listener) => {
                if let Some(arrival) = front.let_in(stream, peer) {
                    connections.spawn(Arc::clone(&front).receive(arrival, stop.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A connection that was let in and has said nothing yet.
struct Arrival {
    stream: TcpStream,
    peer: SocketAddr,
    admission: Admission,
    place: OwnedSemaphorePermit,
}

impl Front {
    /// Nothing is said to who is not let in: in the worst case they are very many.
    fn let_in(&self, stream: TcpStream, peer: SocketAddr) -> Option<Arrival> {
        let admission = self.gate.admit_socket(peer.ip()).ok();
        let place = Arc::clone(&self.half_open).try_acquire_owned().ok();
        if let (Some(admission), Some(place)) = (admission, place) {
            // Only a connection that is broken already refuses it.
            stream.set_nodelay(true).ok();
            Some(Arrival { stream, peer, admission, place })
        } else {
            self.metrics.front.sockets_refused.inc();
            None
        }
    }

    async fn receive(self: Arc<Self>, arrival: Arrival, mut stop: watch::Receiver<bool>) {
        let Arrival { stream, peer, admission, place } = arrival;
        let (kind, io) = tokio::select! {
            told = timeout(self.patience.head, self.tell(stream)) => match told {
                Ok(Ok(told)) => told,
                Ok(Err(error)) => return debug!(%error, "a connection has not come to a request"),
                Err(_) => return debug!("a connection said nothing in time"),
            },
            () = stopped(&mut stop) => return,
        };
        drop(place);
        let stream = Stream::new(io, admission);
        match (kind, &self.stun) {
            (Kind::Http, _) => self.serve_http(stream, peer.ip(), stop).await,
            (Kind::Stun, Some(stun)) => {
                if stun.try_send(StunConnection { stream, peer }).is_err() {
                    debug!("a connection for STUN was not taken");
                }
            }
            (Kind::Stun | Kind::Challenge, _) => {}
        }
    }

    /// What the connection speaks, without taking anything of it; and the connection, out of its TLS.
    async fn tell(&self, stream: TcpStream) -> io::Result<(Kind, Io)> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [first] = first;
        let (Some(tls), Kind::Http) = (&self.tls, Kind::of_first_byte(first)) else {
            return Ok((Kind::of_first_byte(first), Io::Plain(stream)));
        };
        let mut stream = match TlsAcceptor::from(Arc::clone(tls)).accept(stream).await {
            Ok(stream) => stream,
            Err(error) => {
                self.metrics.front.tls_handshakes_failed.inc();
                return Err(error);
            }
        };
        self.metrics.front.tls_handshakes.inc();
        let agreed = stream.get_ref().1.alpn_protocol().and_then(Kind::of_protocol);
        let kind = match agreed {
            Some(kind) => kind,
            None => match poll_fn(|context| Pin::new(&mut stream).poll_fill_buf(context).map_ok(first_of))
                .await?
            {
                Some(first) => Kind::of_first_byte(first),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            },
        };
        Ok((kind, Io::Tls(Box::new(stream))))
    }

    async fn serve_http(&self, stream: Stream, peer: IpAddr, mut stop: watch::Receiver<bool>) {
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(Peer(peer)));
            self.router.clone().oneshot(request.map(Body::new))
        });
        let head = if self.gate.trusts(peer) { self.patience.head.max(PROXY) } else { self.patience.head };
        let BytePace { per_s, burst } = self.bytes;
        let stream = Lingering::new(stream, Arc::clone(&self.linger));
        let stream: Carrier = Bounded::new(stream, Pace::new(per_s, burst), self.patience.silence);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "an HTTP connection broke");
        }
    }
}

fn first_of(bytes: &[u8]) -> Option<u8> {
    bytes.first().copied()
}

/// Resolves when it is time to stop; a server that is gone says so too.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}
