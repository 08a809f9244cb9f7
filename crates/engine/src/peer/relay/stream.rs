//! One stream to a relay: a task that connects, and carries packets both ways until either side ends it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::pki_types::ServerName;
use tracing::{debug, info, trace};

use visavis_turn_framing::{Deframer, framed};

use super::packet::{Packet, TransactionId};
use super::{Relays, StreamServer};

/// Packets that may wait for the stream: about a quarter of a second of video. What comes then is dropped, since media that
/// is late is worth nothing.
const MEDIA_QUEUE: usize = 64;
/// Requests and checks do not wait for media, and hardly for each other.
const SIGNAL_QUEUE: usize = 64;
/// Requests that are known if they are repeated.
const MAX_ASKED: usize = 32;
/// What is given to the system at once, and what it may keep: what waits there cannot be overtaken.
const WRITE_BYTES: usize = 16_384;
const SEND_BUFFER_BYTES: u32 = 65_536;
const READ_BYTES: usize = 16_384;
/// How long one address may take to connect, and all of it with TLS.
const ADDRESS_LIMIT: Duration = Duration::from_secs(3);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A stream that takes nothing for this long is broken.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to say goodbye, by which the relay is given back.
const FAREWELL: Duration = Duration::from_secs(1);
/// A stream that media was sent over so lately is the one in use: RTCP alone is sent more often.
const IN_USE: Duration = Duration::from_secs(3);

/// Between a socket of the agent's and a relay.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) server: StreamServer,
    pub(super) stand_in: SocketAddr,
    /// The address of this host that the stream is left from; or unspecified, for any.
    pub(super) local: IpAddr,
    pub(super) relays: Relays,
}

/// What a relay said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) stand_in: SocketAddr,
    pub(super) datagram: Vec<u8>,
}

/// The handle of a stream. Dropping it ends the stream once all requests in its queue are sent.
#[derive(Debug)]
pub(super) struct Stream {
    signals: mpsc::Sender<Vec<u8>>,
    media: mpsc::Sender<Vec<u8>>,
    asked: VecDeque<TransactionId>,
    _held: oneshot::Sender<Infallible>,
}

impl Stream {
    pub(super) fn open(runtime: &Handle, route: Route, received: mpsc::Sender<Received>) -> Self {
        let (stream, outbox, released) = Self::queues();
        runtime.spawn(run(route, outbox, released, received));
        stream
    }

    fn queues() -> (Self, Outbox, oneshot::Receiver<Infallible>) {
        let (signals, signal_queue) = mpsc::channel(SIGNAL_QUEUE);
        let (media, media_queue) = mpsc::channel(MEDIA_QUEUE);
        let (held, released) = oneshot::channel();
        let outbox =
            Outbox { signals: signal_queue, media: media_queue, pending: VecDeque::new(), media_at: None };
        (Self { signals, media, asked: VecDeque::new(), _held: held }, outbox, released)
    }

    /// Whether it could not be opened, or broke.
    pub(super) fn is_over(&self) -> bool {
        self.signals.is_closed()
    }

    /// Queues a packet, or drops it. A stream loses nothing, so that requests are not repeated over it (RFC 8489 section 6.2.2).
    pub(super) fn send(&mut self, packet: Packet, datagram: &[u8]) {
        let (queue, id) = match packet {
            Packet::Allocate(id) | Packet::Request(id) => (&self.signals, Some(id)),
            Packet::Check => (&self.signals, None),
            Packet::Media => (&self.media, None),
        };
        if id.is_some_and(|id| self.asked.contains(&id)) {
            return;
        }
        if queue.try_send(framed(datagram)).is_err() {
            return trace!("dropped: the stream to the relay is behind");
        }
        if let Some(id) = id {
            if self.asked.len() == MAX_ASKED {
                self.asked.pop_front();
            }
            self.asked.push_back(id);
        }
    }
}

/// What waits to be written.
struct Outbox {
    signals: mpsc::Receiver<Vec<u8>>,
    media: mpsc::Receiver<Vec<u8>>,
    /// Taken from the queues; begins in the middle of a frame if that is written in part.
    pending: VecDeque<u8>,
    /// When media was taken last.
    media_at: Option<Instant>,
}

impl Outbox {
    /// Waits for something to write; never ends without.
    async fn fill(&mut self) {
        tokio::select! {
            biased;
            Some(frame) = self.signals.recv() => self.pending.extend(frame),
            Some(frame) = self.media.recv() => self.take_media(frame),
            // The handle is gone, which is told otherwise too.
            else => pending().await,
        }
        while self.pending.len() < WRITE_BYTES {
            if let Ok(frame) = self.signals.try_recv() {
                self.pending.extend(frame);
            } else if let Ok(frame) = self.media.try_recv() {
                self.take_media(frame);
            } else {
                break;
            }
        }
    }

    fn take_media(&mut self, frame: Vec<u8>) {
        self.pending.extend(frame);
        self.media_at = Some(Instant::now());
    }

    async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.pending.is_empty() {
            if timeout(WRITE_LIMIT, writer.write_buf(&mut self.pending)).await?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        timeout(WRITE_LIMIT, writer.flush()).await?
    }

    /// Writes what was in the midst of being written, and all requests: the last ones give the relay back.
    async fn say_goodbye(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while let Ok(frame) = self.signals.try_recv() {
            self.pending.extend(frame);
        }
        self.write(writer).await?;
        writer.shutdown().await
    }
}

async fn run(
    route: Route,
    outbox: Outbox,
    mut released: oneshot::Receiver<Infallible>,
    received: mpsc::Sender<Received>,
) {
    let connected = async {
        sleep(route.relays.head_start()).await;
        timeout(CONNECT_LIMIT, connect(&route)).await?
    };
    let connected = tokio::select! {
        connected = connected => connected,
        _ = &mut released => return,
    };
    match connected {
        Ok(stream) => {
            let Route { stand_in, relays, .. } = route;
            if converse(stream, outbox, released, stand_in, &received).await == End::Lost {
                info!("the stream to the relay broke");
                relays.tell_lost();
            }
        }
        Err(error) => info!(%error, "no stream to a relay"),
    }
}

/// What is read from and written to.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

async fn connect(Route { server, local, relays, .. }: &Route) -> io::Result<Box<dyn Duplex>> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let addresses = server.addresses().await?.into_iter();
    for address in addresses.filter(|address| address.is_ipv4() == local.is_ipv4()) {
        match timeout(ADDRESS_LIMIT, connect_to(address, *local))
            .await
            .unwrap_or_else(|late| Err(late.into()))
        {
            Ok(stream) if server.has_tls => {
                let name = ServerName::try_from(server.host.clone()).map_err(io::Error::other)?;
                return Ok(Box::new(relays.tls().await?.connect(name, stream).await?));
            }
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr, local: IpAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    if !local.is_unspecified() {
        socket.bind((local, 0).into())?;
    }
    socket.connect(address).await
}

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The agent is done with it.
    Released,
    /// It broke, and was not in use.
    Unused,
    /// It broke, and media went over it.
    Lost,
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    mut outbox: Outbox,
    released: oneshot::Receiver<Infallible>,
    stand_in: SocketAddr,
    received: &mpsc::Sender<Received>,
) -> End {
    let (mut reader, mut writer) = split(stream);
    let write = async {
        loop {
            if outbox.pending.is_empty() {
                outbox.fill().await;
            }
            if let Err(error) = outbox.write(&mut writer).await {
                return error;
            }
        }
    };
    let error = tokio::select! {
        _ = released => None,
        error = write => Some(error),
        error = read(&mut reader, stand_in, received) => Some(error),
    };
    let Some(error) = error else {
        match timeout(FAREWELL, outbox.say_goodbye(&mut writer)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "a relay was not given back"),
            Err(_) => debug!("a relay does not take the farewell"),
        }
        return End::Released;
    };
    debug!(%error, "a stream to a relay broke");
    if outbox.media_at.is_some_and(|at| at.elapsed() < IN_USE) { End::Lost } else { End::Unused }
}

/// Passes on what the relay says, until it says nothing any more.
async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    stand_in: SocketAddr,
    received: &mpsc::Sender<Received>,
) -> io::Error {
    let mut deframer = Deframer::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(bytes) => deframer.push(buffer.get(..bytes).unwrap_or_default()),
            Err(error) => return error,
        }
        loop {
            match deframer.next() {
                Ok(Some(datagram)) => {
                    // Without anybody to hear it, the handle is gone too.
                    let _ = received.send(Received { stand_in, datagram }).await;
                }
                Ok(None) => break,
                Err(garbage) => return io::Error::new(io::ErrorKind::InvalidData, garbage),
            }
        }
    }
}

#[cfg(test)]
mod tests;
