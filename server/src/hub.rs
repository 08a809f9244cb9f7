//! The actor that owns all rooms: takes events from the connections' tasks, never waits for any of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info};
use visavis_protocol::{ClientMessage, ServerMessage};

use crate::rooms::{ConnectionId, Delivery, Rooms};

/// Events that may wait for the hub; connections that have more to say wait themselves.
const EVENTS_QUEUED: usize = 1024;

/// Messages that may wait for one client. A call's whole opening has about 30.
const MESSAGES_QUEUED: usize = 64;

/// What the hub is told.
#[derive(Debug)]
enum Event {
    Connected { connection: ConnectionId, outbox: Outbox },
    Said { connection: ConnectionId, message: ClientMessage },
    Disconnected { connection: ConnectionId },
    ShutDown,
}

/// Why the hub ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dismissal {
    TooSlow,
    ShuttingDown,
}

/// The hub's end of a connection.
#[derive(Debug)]
struct Outbox {
    /// Boxed: the queue reserves its slots in blocks of 32, which every idle connection would pay for.
    messages: mpsc::Sender<Box<ServerMessage>>,
    dismissal: oneshot::Sender<Dismissal>,
}

/// A connection's end of its outbox.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) messages: mpsc::Receiver<Box<ServerMessage>>,
    pub(crate) dismissal: oneshot::Receiver<Dismissal>,
}

/// The hub has ended, and with it the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HubGone;

/// How everybody else talks to the hub.
#[derive(Debug, Clone)]
pub(crate) struct HubHandle {
    events: mpsc::Sender<Event>,
    next_connection: Arc<AtomicU64>,
}

impl HubHandle {
    /// Registers a new connection; [`disconnect`](Self::disconnect) has to follow.
    pub(crate) async fn connect(&self) -> Result<(ConnectionId, Inbox), HubGone> {
        let connection = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        let (messages_in, messages) = mpsc::channel(MESSAGES_QUEUED);
        let (dismissal_in, dismissal) = oneshot::channel();
        let outbox = Outbox { messages: messages_in, dismissal: dismissal_in };
        self.send(Event::Connected { connection, outbox }).await?;
        Ok((connection, Inbox { messages, dismissal }))
    }

    pub(crate) async fn say(&self, connection: ConnectionId, message: ClientMessage) -> Result<(), HubGone> {
        self.send(Event::Said { connection, message }).await
    }

    pub(crate) async fn disconnect(&self, connection: ConnectionId) -> Result<(), HubGone> {
        self.send(Event::Disconnected { connection }).await
    }

    /// Has the hub dismiss everybody, now and from now on. It ends when the last handle is gone.
    pub(crate) async fn shut_down(&self) -> Result<(), HubGone> {
        self.send(Event::ShutDown).await
    }

    async fn send(&self, event: Event) -> Result<(), HubGone> {
        self.events.send(event).await.map_err(|_| HubGone)
    }
}

/// The actor's state.
#[derive(Debug)]
pub(crate) struct Hub {
    rooms: Rooms,
    events: mpsc::Receiver<Event>,
    links: HashMap<ConnectionId, Link>,
    phase: Phase,
}

/// A connection, as far as the hub is concerned.
#[derive(Debug)]
enum Link {
    Open(Outbox),
    /// Told to go; what it still says is ignored.
    Dismissed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    ShuttingDown,
}

impl Hub {
    pub(crate) fn new(rooms: Rooms) -> (Self, HubHandle) {
        let (sender, events) = mpsc::channel(EVENTS_QUEUED);
        let handle = HubHandle { events: sender, next_connection: Arc::default() };
        (Self { rooms, events, links: HashMap::new(), phase: Phase::Serving }, handle)
    }

    /// Serves until the last handle is gone.
    pub(crate) async fn run(mut self) {
        while let Some(event) = self.events.recv().await {
            self.on_event(event);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected { connection, outbox } => self.on_connected(connection, outbox),
            Event::Said { connection, message } => {
                if matches!(self.links.get(&connection), Some(Link::Open(_))) {
                    let deliveries = self.rooms.handle(connection, message);
                    self.deliver(deliveries);
                }
            }
            Event::Disconnected { connection } => {
                self.links.remove(&connection);
                let deliveries = self.rooms.handle_disconnect(connection);
                self.deliver(deliveries);
            }
            Event::ShutDown => self.on_shut_down(),
        }
    }

    fn on_connected(&mut self, connection: ConnectionId, outbox: Outbox) {
        self.links.insert(connection, Link::Open(outbox));
        match self.phase {
            Phase::Serving => {}
            Phase::ShuttingDown => self.dismiss(connection, Dismissal::ShuttingDown),
        }
    }

    fn on_shut_down(&mut self) {
        info!(connections = self.links.len(), "shutting down");
        self.phase = Phase::ShuttingDown;
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
    }

    /// Queues messages. A client whose queue is full is dismissed, and its room is told.
    fn deliver(&mut self, deliveries: Vec<Delivery>) {
        let mut pending = VecDeque::from(deliveries);
        while let Some(Delivery { to, message }) = pending.pop_front() {
            let Some(Link::Open(outbox)) = self.links.get(&to) else { continue };
            if let Err(mpsc::error::TrySendError::Full(_)) = outbox.messages.try_send(Box::new(message)) {
                debug!(connection = to.0, "a client does not read what is sent to it");
                self.dismiss(to, Dismissal::TooSlow);
                pending.extend(self.rooms.handle_disconnect(to));
            }
        }
    }

    fn dismiss(&mut self, connection: ConnectionId, dismissal: Dismissal) {
        if let Some(Link::Open(outbox)) = self.links.insert(connection, Link::Dismissed) {
            // A connection that no longer listens is about to say that it is gone.
            outbox.dismissal.send(dismissal).ok();
        }
    }
}
