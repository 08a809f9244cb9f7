//! The thread that owns the protocol's state and all its sockets: what comes in at one of them goes out at another without
//! a lock, a queue or another thread between.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::mpsc;
use tracing::{debug, error};

use super::bell::Bell;
use super::clients::Clients;
use super::connection::Progress;
use super::datagrams::Received;
use super::packet::Buffer;
use super::ports::Ports;
use super::protocol::{Now, Opening, Output, RelayId, Turn};
use super::{Client, ConnectionId, StreamId, Via};

const WAKER: Token = Token(usize::MAX);
const DATAGRAMS: Token = Token(usize::MAX - 1);
const LISTENER: Token = Token(usize::MAX - 2);

/// Packets of one socket before the others have their turn.
const PACKETS_IN_A_ROW: usize = 64;
/// Reads of one connection, each of several packets perhaps.
const READS_IN_A_ROW: usize = 16;
/// The same of what the streams say.
const FRAMES_IN_A_ROW: usize = 256;

/// Between two looks for what has run out.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What the tasks of streams tell the thread.
#[derive(Debug)]
pub(super) enum StreamEvent {
    Opened { stream: StreamId, peer: SocketAddr, outbound: mpsc::Sender<Vec<u8>> },
    Frame { stream: StreamId, frame: Vec<u8> },
    Closed { stream: StreamId },
}

/// What the thread owns.
#[derive(Debug)]
pub(super) struct Relay {
    poll: Poll,
    clients: Clients,
    turn: Turn,
    ports: Ports,
    sockets: HashMap<RelayId, UdpSocket>,
    events: mpsc::Receiver<StreamEvent>,
    buffer: Buffer,
    /// Sockets that may have more, though the system will not say so again.
    unread: BTreeSet<Token>,
    /// The streams may have said more.
    unheard: bool,
    bell: Arc<Bell>,
}

impl Relay {
    /// The bell tells of events, and of the end.
    pub(super) fn new(
        mut clients: Clients,
        turn: Turn,
        ports: Ports,
        events: mpsc::Receiver<StreamEvent>,
    ) -> io::Result<(Self, Arc<Bell>)> {
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(Waker::new(poll.registry(), WAKER)?));
        poll.registry().register(&mut clients.datagrams.socket, DATAGRAMS, Interest::READABLE)?;
        poll.registry().register(&mut clients.listener, LISTENER, Interest::READABLE)?;
        let relay = Self {
            poll,
            clients,
            turn,
            ports,
            sockets: HashMap::new(),
            events,
            buffer: Buffer::new(),
            unread: BTreeSet::new(),
            unheard: false,
            bell: Arc::clone(&bell),
        };
        Ok((relay, bell))
    }

    /// Relays until it is told to stop.
    pub(super) fn run(mut self) {
        let mut ready = Events::with_capacity(1024);
        let mut sweep_at = Instant::now() + SWEEP_INTERVAL;
        while !self.bell.is_over() {
            let is_idle = self.unread.is_empty() && !self.unheard;
            let wait =
                if is_idle { sweep_at.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            match self.poll.poll(&mut ready, Some(wait)) {
                Ok(()) => {}
                Err(failure) if failure.kind() == io::ErrorKind::Interrupted => continue,
                Err(failure) => {
                    error!(%failure, "the relay cannot wait for packets, and ends");
                    return;
                }
            }
            let now = now();
            for token in std::mem::take(&mut self.unread) {
                self.on_ready(now, token);
            }
            for event in &ready {
                match event.token() {
                    WAKER => self.unheard = true,
                    token => self.on_ready(now, token),
                }
            }
            if std::mem::take(&mut self.unheard) {
                self.on_streams(now);
            }
            if now.at >= sweep_at {
                sweep_at = now.at + SWEEP_INTERVAL;
                self.sweep(now);
            }
        }
    }

    fn sweep(&mut self, now: Now) {
        for relay in self.turn.handle_time(now.at) {
            self.close(relay);
        }
        for connection in self.clients.dead(now.at) {
            self.disconnect(connection);
        }
        // Those that there was no file descriptor for.
        self.unread.insert(LISTENER);
    }

    fn on_ready(&mut self, now: Now, token: Token) {
        let has_more = match token {
            DATAGRAMS => self.read_clients(now),
            LISTENER => self.clients.accept(self.poll.registry(), connection_token),
            Token(number) if number % 2 == 0 => self.read_peers(now, RelayId(number as u64 / 2)),
            Token(number) => self.read_connection(now, ConnectionId(number as u64 / 2)),
        };
        if has_more {
            self.unread.insert(token);
        }
    }

    /// Whether there may be more.
    fn read_clients(&mut self, now: Now) -> bool {
        for _ in 0..PACKETS_IN_A_ROW {
            match self.clients.datagrams.receive(self.buffer.room()) {
                Ok(Received { bytes, from: address, to }) => {
                    let packet = self.buffer.read(bytes);
                    let client = Client { via: Via::Datagrams(to), address };
                    let output = self.turn.handle_client(now, client, &mut self.buffer, packet);
                    self.act(now, client, output);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // What the system says of an earlier packet.
                Err(error) => debug!(%error, "cannot receive from clients"),
            }
        }
        true
    }

    /// Whether there may be more.
    fn read_peers(&mut self, now: Now, relay: RelayId) -> bool {
        for _ in 0..PACKETS_IN_A_ROW {
            let Some(socket) = self.sockets.get(&relay) else { return false };
            match socket.recv_from(self.buffer.room()) {
                Ok((bytes, peer)) => {
                    let data = self.buffer.read(bytes);
                    if let Some((client, packet)) =
                        self.turn.handle_peer(now, relay, peer, &mut self.buffer, data)
                    {
                        self.clients.send(client, self.buffer.at(packet));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => debug!(%error, "cannot receive from peers"),
            }
        }
        true
    }

    /// Whether there may be more.
    fn read_connection(&mut self, now: Now, id: ConnectionId) -> bool {
        let Some(client) = self.clients.connected(id) else { return false };
        for _ in 0..READS_IN_A_ROW {
            match self.clients.progress(id) {
                Ok(Progress::More) => {}
                Ok(Progress::Drained) => return false,
                Err(_) => {
                    self.disconnect(id);
                    return false;
                }
            }
            loop {
                match self.clients.next(now.at, id) {
                    Ok(Some(frame)) => self.on_frame(now, client, &frame),
                    Ok(None) => break,
                    Err(_) => {
                        self.disconnect(id);
                        return false;
                    }
                }
            }
        }
        true
    }

    fn on_streams(&mut self, now: Now) {
        self.bell.hear();
        for _ in 0..FRAMES_IN_A_ROW {
            let Ok(event) = self.events.try_recv() else { return };
            match event {
                StreamEvent::Opened { stream, peer, outbound } => {
                    self.clients.stream_opened(stream, peer, outbound);
                }
                StreamEvent::Frame { stream, frame } => {
                    if let Some(client) = self.clients.streaming(stream) {
                        self.on_frame(now, client, &frame);
                    }
                }
                StreamEvent::Closed { stream } => {
                    let client = self.clients.stream_closed(stream);
                    self.forget(client);
                }
            }
        }
        self.unheard = true;
    }

    fn on_frame(&mut self, now: Now, client: Client, frame: &[u8]) {
        let packet = self.buffer.fill(frame);
        let output = self.turn.handle_client(now, client, &mut self.buffer, packet);
        self.act(now, client, output);
    }

    fn disconnect(&mut self, id: ConnectionId) {
        let client = self.clients.disconnect(self.poll.registry(), id);
        self.forget(client);
    }

    /// A client is gone, and its relay with it.
    fn forget(&mut self, client: Option<Client>) {
        if let Some(relay) = client.and_then(|client| self.turn.handle_gone(client)) {
            self.close(relay);
        }
    }

    fn act(&mut self, now: Now, client: Client, output: Output) {
        match output {
            Output::Nothing => {}
            Output::Answer(answer) => self.clients.send(client, &answer),
            Output::ToPeer { relay, peer, data } => {
                let Some(socket) = self.sockets.get(&relay) else { return };
                // What the system does not take is lost, as on any path.
                if let Err(error) = socket.send_to(self.buffer.at(data), peer) {
                    debug!(%error, "cannot send to a peer");
                }
            }
            Output::ToClient { client, packet } => self.clients.send(client, self.buffer.at(packet)),
            Output::Open(opening) => {
                let port = self.open(&opening);
                let output = self.turn.opened(now, opening, port);
                self.act(now, client, output);
            }
            Output::Close { relay, answer } => {
                self.close(relay);
                self.clients.send(client, &answer);
            }
        }
    }

    fn open(&mut self, opening: &Opening) -> Option<u16> {
        let (mut socket, port) = self.ports.open(opening.family, opening.even_port)?;
        self.poll.registry().register(&mut socket, relay_token(opening.relay), Interest::READABLE).ok()?;
        self.sockets.insert(opening.relay, socket);
        Some(port)
    }

    fn close(&mut self, relay: RelayId) {
        if let Some(mut socket) = self.sockets.remove(&relay) {
            self.poll.registry().deregister(&mut socket).ok();
        }
    }
}

/// Even numbers are relays, odd ones connections.
fn relay_token(RelayId(id): RelayId) -> Token {
    Token(2 * id as usize)
}

fn connection_token(ConnectionId(id): ConnectionId) -> Token {
    Token(2 * id as usize + 1)
}

fn now() -> Now {
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Now { at: Instant::now(), unix_s }
}
