//! How everybody else talks to the hub, and what passes between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use visavis_protocol::{ClientMessage, Resume, Resumed, SessionToken};

use super::mailbox::{Inbox, Outbox, mailbox};
use crate::access::Grant;
use crate::conversation::Complaint;
use crate::limits::Source;
use crate::moderation::{Moment, Notice};
use crate::sessions::ConnectionId;

/// Events that may wait for the hub; connections that have more to say wait themselves.
const EVENTS_QUEUED: usize = 1024;

/// What the hub is told.
#[derive(Debug)]
pub(super) enum Event {
    Connected {
        connection: ConnectionId,
        outbox: Outbox,
    },
    Greeted {
        connection: ConnectionId,
        hello: Greeted,
        at: Moment,
    },
    Said {
        connection: ConnectionId,
        message: ClientMessage,
        /// When it was read.
        at: Instant,
    },
    /// Something came that is no message; it counts all the same.
    Babbled {
        connection: ConnectionId,
    },
    /// The client has read so many messages of its session.
    Read {
        connection: ConnectionId,
        count: u32,
    },
    Disconnected {
        connection: ConnectionId,
        parting: Parting,
    },
    /// What the moderators changed.
    Moderated {
        notice: Notice,
        at: Moment,
    },
    /// Says when the last room is empty.
    Drain {
        empty: oneshot::Sender<()>,
    },
    ShutDown,
}

/// A client that has said hello.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) source: Option<Source>,
    pub(super) resume: Option<Resume>,
    pub(super) grant: Grant,
    pub(super) answer: oneshot::Sender<Result<Greeting, Dismissal>>,
}

/// What a connection needs to welcome its client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Greeting {
    pub(crate) session: SessionToken,
    pub(crate) resumed: Option<Resumed>,
    /// How many messages of the session the client has read.
    pub(crate) read: u32,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Parting {
    /// One side closed it on purpose: the session is over.
    Closed,
    /// It broke: the client may come back.
    Lost,
}

/// Why the hub ends a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dismissal {
    TooSlow,
    /// The client's person may not be here, for this reason. Boxed, as every connection has room for a dismissal.
    Banned(Box<Complaint>),
    /// The session goes on over another connection.
    Superseded,
    ShuttingDown,
    /// What carries the session between nodes is broken; the client is to come back over another connection at once.
    Interrupted,
}

/// The hub has ended, and with it the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HubGone;

/// How everybody else talks to the hub.
#[derive(Debug, Clone)]
pub(crate) struct HubHandle {
    events: mpsc::Sender<Event>,
    ids: ConnectionIds,
}

/// Where connections get their names.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionIds(Arc<AtomicU64>);

impl ConnectionIds {
    /// One that no other connection has.
    pub(super) fn draw(&self) -> ConnectionId {
        ConnectionId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A place in the hub's queue.
#[derive(Debug)]
pub(crate) struct Place<'a>(mpsc::Permit<'a, Event>);

/// How somebody talks to the hub whom the hub talks to as well.
#[derive(Debug)]
pub(crate) struct WeakHubHandle {
    events: mpsc::WeakSender<Event>,
}

impl HubHandle {
    /// A handle, and what comes over it and its clones.
    pub(super) fn new(ids: ConnectionIds) -> (Self, mpsc::Receiver<Event>) {
        let (sender, events) = mpsc::channel(EVENTS_QUEUED);
        (Self { events: sender, ids }, events)
    }

    /// Registers a new connection; [`disconnect`](Self::disconnect) has to follow.
    pub(crate) async fn connect(&self) -> Result<(ConnectionId, Inbox), HubGone> {
        let connection = self.ids.draw();
        let (outbox, inbox) = mailbox();
        self.send(Event::Connected { connection, outbox }).await?;
        Ok((connection, inbox))
    }

    /// Begins a session with this grant, or goes on with one, for a client at this address; what it missed follows in its
    /// inbox. Or says why the connection has to end.
    pub(crate) async fn greet(
        &self,
        connection: ConnectionId,
        source: Option<Source>,
        resume: Option<Resume>,
        grant: Grant,
    ) -> Result<Greeting, Dismissal> {
        let (answer, greeting) = oneshot::channel();
        let gone = |_| Dismissal::ShuttingDown;
        let hello = Greeted { source, resume, grant, answer };
        let at = Moment::from(SystemTime::now());
        self.send(Event::Greeted { connection, hello, at }).await.map_err(gone)?;
        greeting.await.map_err(|_| Dismissal::ShuttingDown)?
    }

    /// A place in the hub's queue, for what a client says, if there is one.
    pub(crate) fn try_reserve(&self) -> Result<Option<Place<'_>>, HubGone> {
        match self.events.try_reserve() {
            Ok(permit) => Ok(Some(Place(permit))),
            Err(TrySendError::Full(())) => Ok(None),
            Err(TrySendError::Closed(())) => Err(HubGone),
        }
    }

    /// A place in the hub's queue, as soon as there is one.
    pub(crate) async fn reserve(&self) -> Result<Place<'_>, HubGone> {
        self.events.reserve().await.map(Place).map_err(|_| HubGone)
    }

    pub(crate) async fn disconnect(&self, connection: ConnectionId, parting: Parting) -> Result<(), HubGone> {
        self.reserve().await?.0.send(Event::Disconnected { connection, parting });
        Ok(())
    }

    /// Has the hub dismiss who is in no room, now and from now on, and open no new ones; resolves when all are empty.
    pub(crate) async fn drain(&self) -> Result<(), HubGone> {
        let (empty, emptied) = oneshot::channel();
        self.send(Event::Drain { empty }).await?;
        emptied.await.map_err(|_| HubGone)
    }

    /// Has the hub dismiss everybody, now and from now on. It ends when the last handle is gone.
    pub(crate) async fn shut_down(&self) -> Result<(), HubGone> {
        self.send(Event::ShutDown).await
    }

    /// A handle that does not keep the hub going.
    pub(crate) fn downgrade(&self) -> WeakHubHandle {
        WeakHubHandle { events: self.events.downgrade() }
    }

    async fn send(&self, event: Event) -> Result<(), HubGone> {
        self.events.send(event).await.map_err(|_| HubGone)
    }
}

impl Place<'_> {
    /// A client has said this.
    pub(crate) fn say(self, connection: ConnectionId, message: ClientMessage) {
        self.0.send(Event::Said { connection, message, at: Instant::now() });
    }

    /// A client has read so many messages of its session, `welcome` and `error` not counted.
    pub(crate) fn read(self, connection: ConnectionId, count: u32) {
        self.0.send(Event::Read { connection, count });
    }

    /// A client has said something that is no message.
    pub(crate) fn babble(self, connection: ConnectionId) {
        self.0.send(Event::Babbled { connection });
    }
}

impl WeakHubHandle {
    /// Tells the hub what the moderators changed.
    pub(crate) async fn tell(&self, notice: Notice) -> Result<(), HubGone> {
        let events = self.events.upgrade().ok_or(HubGone)?;
        let at = Moment::from(SystemTime::now());
        events.send(Event::Moderated { notice, at }).await.map_err(|_| HubGone)
    }
}
