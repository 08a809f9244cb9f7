//! A socket of the agent's that reaches the stand-ins, and notes what goes to relays.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::trace;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::packet::Packet;
use super::servers::index_of;
use super::stream::{Received, Route, Stream};
use super::{Relays, StreamServer};

/// What relays have said and the agent has not taken yet; a stream whose turn it is waits for room.
const QUEUE: usize = 256;

pub(super) struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    local: SocketAddr,
    relays: Relays,
    runtime: Handle,
    /// Sent and received from on the task that drives the connection alone, so that the lock is never waited for.
    state: Mutex<State>,
}

struct State {
    /// By their servers.
    streams: Vec<Option<Stream>>,
    received: mpsc::Receiver<Received>,
    /// For new streams.
    sender: mpsc::Sender<Received>,
}

impl Socket {
    pub(super) fn new(
        inner: Arc<dyn AsyncUdpSocket>,
        local: SocketAddr,
        relays: Relays,
        runtime: Handle,
    ) -> Self {
        let (sender, received) = mpsc::channel(QUEUE);
        let state = Mutex::new(State { streams: Vec::new(), received, sender });
        Self { inner, local, relays, runtime, state }
    }

    /// Queues a datagram for a server, or drops it. Asking for a relay opens a stream where there is none: the agent does so at
    /// the beginning, and again and again until it is answered. What needs a relay is in vain without the stream that it had.
    fn send(&self, index: usize, server: &StreamServer, stand_in: SocketAddr, datagram: &[u8]) {
        let Some(packet) = Packet::new(datagram) else { return trace!("not for a relay") };
        let mut state = self.lock();
        let State { streams, sender, .. } = &mut *state;
        if streams.len() <= index {
            streams.resize_with(index + 1, || None);
        }
        let Some(slot) = streams.get_mut(index) else { return };
        if slot.as_ref().is_some_and(Stream::is_over) {
            *slot = None;
        }
        if slot.is_none() && matches!(packet, Packet::Allocate(_)) {
            let server = server.clone();
            let route = Route { server, stand_in, local: self.local.ip(), relays: self.relays.clone() };
            *slot = Some(Stream::open(&self.runtime, route, sender.clone()));
        }
        match slot {
            Some(stream) => stream.send(packet, datagram),
            None => trace!("there is no stream to the relay"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let datagrams = transmit.contents.chunks(transmit.segment_size.unwrap_or(usize::MAX).max(1));
        if datagrams.clone().next().and_then(Packet::new).is_some() {
            self.relays.handle_relayed();
        }
        let index = index_of(transmit.destination);
        let Some((index, server)) = index.and_then(|index| Some((index, self.relays.server(index)?))) else {
            return self.inner.poll_send(cx, transmit);
        };
        datagrams.for_each(|datagram| self.send(index, server, transmit.destination, datagram));
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = self.lock().received.poll_recv(cx);
        let Poll::Ready(Some(Received { stand_in, datagram })) = received else {
            return self.inner.poll_recv(cx, bufs, meta);
        };
        let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        // As with any datagram, what does not fit is cut off.
        let bytes = datagram.len().min(buf.len());
        buf.iter_mut().zip(&datagram).for_each(|(to, from)| *to = *from);
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (stand_in, bytes, bytes);
        Poll::Ready(Ok(1))
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("local", &self.local).finish_non_exhaustive()
    }
}
