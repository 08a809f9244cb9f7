//! The ways to clients: one UDP socket, TCP connections of the thread's own, and streams that tasks carry.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use tokio::sync::mpsc;
use tracing::debug;

use super::connection::{Connection, Progress};
use super::datagrams::Datagrams;
use super::{Client, ConnectionId, StreamId, Via};
use crate::limits::Gate;
use visavis_turn_framing::{Garbage, framed};

/// Of one read.
const READ_BYTES: usize = 16_384;

/// Connections that are taken before others have their turn.
const ACCEPTED_IN_A_ROW: usize = 64;

#[derive(Debug)]
pub(super) struct Clients {
    pub(super) datagrams: Datagrams,
    pub(super) listener: TcpListener,
    gate: Gate,
    connections: HashMap<ConnectionId, Connection>,
    last: u64,
    streams: HashMap<StreamId, (SocketAddr, mpsc::Sender<Vec<u8>>)>,
    bytes: Vec<u8>,
}

impl Clients {
    /// `gate` says how many connections an address may have.
    pub(super) fn new(datagrams: Datagrams, listener: TcpListener, gate: Gate) -> Self {
        Self {
            datagrams,
            listener,
            gate,
            connections: HashMap::new(),
            last: 0,
            streams: HashMap::new(),
            bytes: vec![0; READ_BYTES],
        }
    }

    /// Takes connections that wait; whether there may be more.
    pub(super) fn accept(&mut self, registry: &Registry, token: impl Fn(ConnectionId) -> Token) -> bool {
        for _ in 0..ACCEPTED_IN_A_ROW {
            let (mut socket, address) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // For lack of something: it is tried again in a while.
                    debug!(%error, "cannot accept a connection");
                    return false;
                }
            };
            // Who is behind a proxy cannot be told here: nobody is trusted.
            let Ok(admission) = self.gate.admit(address.ip(), "") else { continue };
            self.last += 1;
            let id = ConnectionId(self.last);
            socket.set_nodelay(true).ok();
            if registry.register(&mut socket, token(id), Interest::READABLE | Interest::WRITABLE).is_ok() {
                let client = Client { via: Via::Connection(id), address };
                self.connections.insert(id, Connection::new(client, socket, admission, Instant::now()));
            }
        }
        true
    }

    /// The client of a connection that is there.
    pub(super) fn connected(&self, id: ConnectionId) -> Option<Client> {
        self.connections.get(&id).map(|connection| connection.client)
    }

    /// Goes on with a connection: takes what has come, and gives what waits. An error is the end of it.
    pub(super) fn progress(&mut self, id: ConnectionId) -> io::Result<Progress> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(Progress::Drained) };
        connection.flush();
        connection.read(&mut self.bytes)
    }

    /// The next frame that has come over a connection.
    pub(super) fn next(&mut self, now: Instant, id: ConnectionId) -> Result<Option<Vec<u8>>, Garbage> {
        self.connections.get_mut(&id).map_or(Ok(None), |connection| connection.next(now))
    }

    /// Closes a connection.
    pub(super) fn disconnect(&mut self, registry: &Registry, id: ConnectionId) -> Option<Client> {
        let mut connection = self.connections.remove(&id)?;
        registry.deregister(&mut connection.socket).ok();
        Some(connection.client)
    }

    /// Connections on which nobody is.
    pub(super) fn dead(&self, now: Instant) -> Vec<ConnectionId> {
        let dead = self.connections.iter().filter(|(_, connection)| connection.is_dead(now));
        dead.map(|(id, _)| *id).collect()
    }

    pub(super) fn stream_opened(
        &mut self,
        stream: StreamId,
        peer: SocketAddr,
        outbound: mpsc::Sender<Vec<u8>>,
    ) {
        self.streams.insert(stream, (peer, outbound));
    }

    /// The client of a stream that is there.
    pub(super) fn streaming(&self, stream: StreamId) -> Option<Client> {
        self.streams.get(&stream).map(|(address, _)| Client { via: Via::Stream(stream), address: *address })
    }

    pub(super) fn stream_closed(&mut self, stream: StreamId) -> Option<Client> {
        let (address, _) = self.streams.remove(&stream)?;
        Some(Client { via: Via::Stream(stream), address })
    }

    /// Sends to a client. Who does not take what is for it loses it.
    pub(super) fn send(&mut self, client: Client, packet: &[u8]) {
        match client.via {
            Via::Datagrams(at) => {
                if let Err(error) = self.datagrams.send(packet, client.address, at) {
                    debug!(%error, "cannot send to a client");
                }
            }
            Via::Connection(id) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.send(packet);
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
