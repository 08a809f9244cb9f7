//! A connection's packets follow the far side when its address becomes another one in mid-call: behind a NAT that forgets
//! its mapping, or when it moves to another of its own.
//!
//! The crate's agent sends to the pair that it selected first, whatever comes over others. So its sockets are wrapped:
//! `follower` decides, without a clock or a socket; here its sockets are.

mod follower;
mod fuzz;
#[cfg(test)]
mod socket_tests;
mod stun;
#[cfg(test)]
mod tests;

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use rtc::mdns::MDNS_PORT;
use tracing::{debug, info};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use follower::{Action, Follower, Route};
pub use fuzz::fuzz_checks;

/// What a connection's sockets, its chain and its actor share. All but the actor run on the task that drives the
/// connection, so that the lock is hardly ever waited for.
#[derive(Clone)]
pub(crate) struct Following(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Tells that only an ICE restart helps. Called on the connection's own task; must not block.
    on_lost: Box<dyn Fn() + Send + Sync>,
}

struct State {
    follower: Follower,
    /// By the address that each is bound to. The driver owns them, and binds others for each restart.
    sockets: Vec<(SocketAddr, Weak<dyn AsyncUdpSocket>)>,
}

impl Following {
    pub(super) fn new(on_lost: impl Fn() + Send + Sync + 'static) -> Self {
        let state = State { follower: Follower::new(Instant::now()), sockets: Vec::new() };
        Self(Arc::new(Shared { state: Mutex::new(state), on_lost: Box::new(on_lost) }))
    }

    /// A socket of the connection's, as its agent sees it.
    pub(super) fn wrap(&self, local: SocketAddr, inner: Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> {
        self.add_socket(local, &inner);
        Arc::new(Socket { inner, local, following: self.clone() })
    }

    /// The `ice-pwd` of the far side's present description.
    pub(super) fn handle_password(&self, password: &str) {
        self.lock().follower.handle_password(Instant::now(), password);
    }

    /// The far side may be reached there.
    pub(super) fn handle_candidate(&self, candidate: SocketAddr) {
        self.lock().follower.handle_candidate(candidate);
    }

    /// What the sockets received last has been decrypted: the crate does so before it receives anything else.
    pub(super) fn handle_authentic(&self) {
        let mut state = self.lock();
        state.follower.handle_authentic(Instant::now());
        self.act(state);
    }

    fn add_socket(&self, local: SocketAddr, socket: &Arc<dyn AsyncUdpSocket>) {
        let mut state = self.lock();
        state.sockets.retain(|(_, socket)| socket.strong_count() > 0);
        // The one for multicast DNS leads nowhere.
        if local.port() != MDNS_PORT {
            state.sockets.push((local, Arc::downgrade(socket)));
        }
        let locals = state.sockets.iter().map(|(local, _)| *local).collect();
        state.follower.handle_sockets(locals);
    }

    /// Where what the agent sends over `route` has to go, if that is elsewhere, and what has to go there instead, if that
    /// is something else: never where others go with it, which would be lost.
    fn redirect(&self, route: Route, datagram: &[u8], is_alone: bool) -> Redirected {
        let mut state = self.lock();
        let over = state.follower.handle_sent(Instant::now(), route, datagram);
        let instead = is_alone.then(|| state.follower.in_place_of(over, datagram)).flatten();
        let socket = (over != route).then(|| state.socket(over)).flatten();
        self.act(state);
        Redirected { to: socket.map(|socket| (socket, over.remote)), instead }
    }

    fn handle_received(&self, local: SocketAddr, meta: &mut RecvMeta, bytes: &[u8]) {
        let mut state = self.lock();
        let route = Route { local, remote: meta.addr };
        meta.addr = state.follower.handle_received(Instant::now(), route, bytes.chunks(meta.stride.max(1)));
        self.act(state);
    }

    /// Does what the follower wants; tells of it when the lock is released.
    fn act(&self, mut state: MutexGuard<'_, State>) {
        let mut is_lost = false;
        while let Some(action) = state.follower.poll_action() {
            match action {
                Action::Send { route, datagram } => {
                    if let Some(socket) = state.socket(route) {
                        send(socket.as_ref(), route.remote, &datagram);
                    }
                }
                Action::Moved => info!("media takes another route"),
                Action::Lost => is_lost = true,
            }
        }
        drop(state);
        if is_lost {
            debug!("the far side does not follow");
            (self.0.on_lost)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn socket(&self, route: Route) -> Option<Arc<dyn AsyncUdpSocket>> {
        self.sockets.iter().find(|(local, _)| *local == route.local)?.1.upgrade()
    }
}

/// Sends at once or not at all: a check that is lost is followed by another.
fn send(socket: &dyn AsyncUdpSocket, destination: SocketAddr, contents: &[u8]) {
    let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
    let sent = socket.poll_send(&mut Context::from_waker(Waker::noop()), &transmit);
    if !matches!(sent, Poll::Ready(Ok(_))) {
        debug!("a check was not sent");
    }
}

/// What becomes of what the agent sends.
struct Redirected {
    to: Option<(Arc<dyn AsyncUdpSocket>, SocketAddr)>,
    instead: Option<Vec<u8>>,
}

/// A socket of the connection's, which its agent sees through.
#[derive(Debug)]
struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    local: SocketAddr,
    following: Following,
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let mut datagrams = transmit.contents.chunks(transmit.segment_size.unwrap_or(usize::MAX).max(1));
        let first = datagrams.next().unwrap_or_default();
        let is_alone = datagrams.next().is_none();
        let route = Route { local: self.local, remote: transmit.destination };
        let Redirected { to, instead } = self.following.redirect(route, first, is_alone);
        let (socket, destination, src_ip) = match &to {
            Some((socket, destination)) => (socket, *destination, None),
            None => (&self.inner, transmit.destination, transmit.src_ip),
        };
        let Transmit { ecn, .. } = *transmit;
        let (contents, segment_size) = match &instead {
            Some(contents) => (contents.as_slice(), None),
            None => (transmit.contents, transmit.segment_size),
        };
        let sent =
            ready!(socket.poll_send(cx, &Transmit { destination, ecn, contents, segment_size, src_ip }))?;
        Poll::Ready(Ok(if instead.is_some() { transmit.contents.len() } else { sent }))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = ready!(self.inner.poll_recv(cx, bufs, meta))?;
        for (buf, meta) in bufs.iter().zip(meta).take(received) {
            let bytes = buf.get(..meta.len).unwrap_or_default();
            self.following.handle_received(self.local, meta, bytes);
        }
        Poll::Ready(Ok(received))
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Following")
    }
}
