//! The thread that owns the protocol's state and all its UDP sockets: what comes in at one of them goes out at another without
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
use super::framing::framed;
use super::packet::Buffer;
use super::ports::Ports;
use super::protocol::{Now, Opening, Output, RelayId, Turn};
use super::{Client, StreamId, Via};

const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);

/// Packets of one socket before the others have their turn.
const PACKETS_IN_A_ROW: usize = 64;
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
    listener: UdpSocket,
    turn: Turn,
    ports: Ports,
    sockets: HashMap<RelayId, UdpSocket>,
    streams: HashMap<StreamId, (SocketAddr, mpsc::Sender<Vec<u8>>)>,
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
        mut listener: UdpSocket,
        turn: Turn,
        ports: Ports,
        events: mpsc::Receiver<StreamEvent>,
    ) -> io::Result<(Self, Arc<Bell>)> {
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(Waker::new(poll.registry(), WAKER)?));
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let relay = Self {
            poll,
            listener,
            turn,
            ports,
            sockets: HashMap::new(),
            streams: HashMap::new(),
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
                self.on_readable(now, token);
            }
            for event in &ready {
                match event.token() {
                    WAKER => self.unheard = true,
                    token => self.on_readable(now, token),
                }
            }
            if std::mem::take(&mut self.unheard) {
                self.on_streams(now);
            }
            if now.at >= sweep_at {
                sweep_at = now.at + SWEEP_INTERVAL;
                for relay in self.turn.handle_time(now.at) {
                    self.close(relay);
                }
            }
        }
    }

    fn on_readable(&mut self, now: Now, token: Token) {
        let has_more = match token {
            LISTENER => self.read_clients(now),
            Token(id) => self.read_peers(now, RelayId(id as u64)),
        };
        if has_more {
            self.unread.insert(token);
        }
    }

    /// Whether there may be more.
    fn read_clients(&mut self, now: Now) -> bool {
        for _ in 0..PACKETS_IN_A_ROW {
            match self.listener.recv_from(self.buffer.room()) {
                Ok((bytes, address)) => {
                    let packet = self.buffer.read(bytes);
                    let client = Client { via: Via::Datagrams, address };
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
                        self.send_to_client(client, packet);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => debug!(%error, "cannot receive from peers"),
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
                    self.streams.insert(stream, (peer, outbound));
                }
                StreamEvent::Frame { stream, frame } => {
                    let Some((address, _)) = self.streams.get(&stream) else { continue };
                    let client = Client { via: Via::Stream(stream), address: *address };
                    let packet = self.buffer.fill(&frame);
                    let output = self.turn.handle_client(now, client, &mut self.buffer, packet);
                    self.act(now, client, output);
                }
                StreamEvent::Closed { stream } => {
                    let Some((address, _)) = self.streams.remove(&stream) else { continue };
                    let client = Client { via: Via::Stream(stream), address };
                    if let Some(relay) = self.turn.handle_gone(client) {
                        self.close(relay);
                    }
                }
            }
        }
        self.unheard = true;
    }

    fn act(&mut self, now: Now, client: Client, output: Output) {
        match output {
            Output::Nothing => {}
            Output::Answer(answer) => self.answer(client, &answer),
            Output::ToPeer { relay, peer, data } => {
                let Some(socket) = self.sockets.get(&relay) else { return };
                // What the system does not take is lost, as on any path.
                if let Err(error) = socket.send_to(self.buffer.at(data), peer) {
                    debug!(%error, "cannot send to a peer");
                }
            }
            Output::ToClient { client, packet } => self.send_to_client(client, packet),
            Output::Open(opening) => {
                let port = self.open(&opening);
                let output = self.turn.opened(now, opening, port);
                self.act(now, client, output);
            }
            Output::Close { relay, answer } => {
                self.close(relay);
                self.answer(client, &answer);
            }
        }
    }

    fn open(&mut self, opening: &Opening) -> Option<u16> {
        let (mut socket, port) = self.ports.open(opening.family, opening.even_port)?;
        let token = Token(usize::try_from(opening.relay.0).ok()?);
        self.poll.registry().register(&mut socket, token, Interest::READABLE).ok()?;
        self.sockets.insert(opening.relay, socket);
        Some(port)
    }

    fn close(&mut self, relay: RelayId) {
        if let Some(mut socket) = self.sockets.remove(&relay) {
            self.poll.registry().deregister(&mut socket).ok();
        }
    }

    fn send_to_client(&mut self, client: Client, packet: std::ops::Range<usize>) {
        self.answer(client, self.buffer.at(packet));
    }

    /// Sends to a client. Who does not take what is for it loses it.
    fn answer(&self, client: Client, packet: &[u8]) {
        match client.via {
            Via::Datagrams => {
                if let Err(error) = self.listener.send_to(packet, client.address) {
                    debug!(%error, "cannot send to a client");
                }
            }
            Via::Stream(stream) => {
                if let Some((_, outbound)) = self.streams.get(&stream) {
                    outbound.try_send(framed(packet)).ok();
                }
            }
        }
    }
}

fn now() -> Now {
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Now { at: Instant::now(), unix_s }
}
