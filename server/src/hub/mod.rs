//! The actor that owns all rooms and sessions: takes events from the connections' tasks, never waits for any of them.

mod cluster;
mod drain;
mod fuzz;
mod handle;
mod links;
mod mailbox;
mod moderation;
mod sessions;
#[cfg(test)]
mod simulation;
mod strangers;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::sleep_until;
use visavis_protocol::{ClientMessage, ErrorCode, ServerMessage};

use crate::cluster::Said;
use crate::matchmaking::Strangers;
use crate::metrics::{Metrics, gauged};
use crate::moderation::{ArchiveHandle, Register};
use crate::rooms::{Delivery, Rooms};
use crate::sessions::{ConnectionId, IdMap, SessionId, Sessions};
use crate::telemetry::spans;
pub(crate) use cluster::Cluster;
use drain::Phase;
pub use fuzz::fuzz_nodes;
use handle::Event;
pub(crate) use handle::{Dismissal, Greeting, HubGone, HubHandle, Parting, Place, WeakHubHandle};
use links::Link;
pub(crate) use mailbox::Inbox;

/// The actor's state.
#[derive(Debug)]
pub(crate) struct Hub {
    rooms: Rooms,
    sessions: Sessions,
    /// Where strangers are brought together.
    strangers: Option<Strangers>,
    register: Register,
    /// Where reports and blocks are kept; nowhere without it.
    archive: Option<ArchiveHandle>,
    /// What it is among several nodes, if it is one of them.
    cluster: Option<Cluster>,
    events: mpsc::Receiver<Event>,
    links: IdMap<ConnectionId, Link>,
    phase: Phase,
    metrics: Arc<Metrics>,
}

impl Hub {
    /// An actor that counts in `metrics` what it does.
    pub(crate) fn new(
        rooms: Rooms,
        sessions: Sessions,
        strangers: Option<Strangers>,
        register: Register,
        archive: Option<ArchiveHandle>,
        cluster: Option<Cluster>,
        metrics: Arc<Metrics>,
    ) -> (Self, HubHandle) {
        let (handle, events) = HubHandle::new(cluster.as_ref().map(Cluster::ids).unwrap_or_default());
        let (links, phase) = (IdMap::default(), Phase::Serving);
        let rooms = if cluster.is_some() { rooms.watched() } else { rooms };
        let hub =
            Self { rooms, sessions, strangers, register, archive, cluster, events, links, phase, metrics };
        (hub, handle)
    }

    /// Serves until the last handle is gone.
    pub(crate) async fn run(mut self) {
        // Set anew only when it is for another time: most events leave that as it is.
        let mut alarm = pin!(sleep_until(Instant::now().into()));
        loop {
            let next = self.poll_timeout();
            if let Some(next) = next.map(tokio::time::Instant::from)
                && alarm.deadline() != next
            {
                alarm.as_mut().reset(next);
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.handle_event(Instant::now(), event),
                    None => return,
                },
                Some(event) = Cluster::next(&mut self.cluster) => {
                    self.handle_broker_event(Instant::now(), event);
                }
                () = &mut alarm, if next.is_some() => self.handle_timeout(Instant::now()),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let strangers = self.strangers.as_ref().and_then(Strangers::poll_timeout);
        let cluster = self.cluster.as_ref().and_then(Cluster::poll_timeout);
        [self.sessions.poll_timeout(), self.rooms.poll_timeout(), strangers, cluster]
            .into_iter()
            .flatten()
            .min()
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        self.on_event(now, event);
        self.settle_down(now);
    }

    fn handle_broker_event(&mut self, now: Instant, event: crate::cluster::Event) {
        self.on_broker_event(now, event);
        self.settle_down(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
        self.settle_down(now);
    }

    /// Tells others what has changed.
    fn settle_down(&mut self, now: Instant) {
        self.make_up(now);
        self.publish_seekers(now);
        self.publish_rooms();
        self.tell_if_empty();
        self.gauge();
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected { connection, outbox } => self.on_connected(connection, outbox),
            Event::Greeted { connection, hello, at } => self.on_greeted(now, connection, hello, at),
            Event::Said { connection, message, at } => {
                self.hear(now, connection, Said::Message(message), at);
            }
            Event::Babbled { connection } => self.hear(now, connection, Said::Babble, now),
            Event::Read { connection, count } => self.route(now, connection, Said::Read(count), now),
            Event::Disconnected { connection, parting } => self.on_disconnected(now, connection, parting),
            Event::Moderated { notice, at } => self.on_notice(now, notice, at),
            Event::Drain { empty } => self.on_drain(now, empty),
            Event::ShutDown => self.on_shut_down(),
        }
    }

    /// A client has said something, over a connection of this node.
    fn hear(&mut self, now: Instant, connection: ConnectionId, said: Said, at: Instant) {
        if matches!(self.links.get(&connection), Some(Link::Open(_))) {
            self.metrics.messages_received.inc();
            self.route(now, connection, said, at);
        }
    }

    /// A client has said something whose session is here.
    fn take(&mut self, now: Instant, connection: ConnectionId, said: Said, at: Instant) {
        match said {
            Said::Message(message) => {
                if let Some(session) = self.sessions.hear(connection) {
                    self.act(now, connection, session, message, at);
                }
            }
            Said::Babble => {
                self.sessions.hear(connection);
            }
            Said::Read(count) => self.sessions.acknowledge(connection, count),
            Said::Gone(parting) => self.on_gone(now, connection, parting),
        }
    }

    /// What follows from a message, which may have to wait until it is known where the room is that it is about.
    fn act(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        session: SessionId,
        message: ClientMessage,
        at: Instant,
    ) {
        if self.is_leaving() && self.opens_room(&message) {
            self.dismiss(connection, Dismissal::ShuttingDown);
        } else if let Some(message) = self.ask_for_room(now, connection, session, message, at) {
            self.act_here(now, connection, session, message, at);
        }
    }

    /// What follows from a message that is about a room of this node, or none.
    fn act_here(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        session: SessionId,
        message: ClientMessage,
        at: Instant,
    ) {
        let is_join = matches!(message, ClientMessage::Join(_));
        let path = if let ClientMessage::Path(report) = message { Some(report) } else { None };
        let (deliveries, meeting) = self.handle(session, message, now);
        let refusal = (is_join || path.is_some()).then(|| refusal(&deliveries)).flatten();
        if let Some(report) = path.filter(|_| refusal.is_none()) {
            self.metrics.paths.count(report);
        }
        self.deliver(now, deliveries);
        self.end_replaced(now);
        if let Some(meeting) = meeting {
            self.on_meeting(now, meeting);
        }
        if self.rooms.hold(session) || self.waits(session) {
            self.settle(session);
        } else if self.is_leaving() {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
        if is_join {
            let lasted = now.saturating_duration_since(at);
            self.metrics.join_duration.observe(lasted.as_secs_f64());
            spans::ended("join", lasted, refusal.map(ErrorCode::as_str));
        }
    }

    /// Ends the sessions whose clients did not come back, and sees to those who wait.
    fn on_time(&mut self, now: Instant) {
        while let Some(session) = self.sessions.poll_ended(now) {
            let deliveries = self.conclude(now, session);
            self.deliver(now, deliveries);
        }
        let deliveries = self.rooms.handle_timeout(now);
        self.deliver(now, deliveries);
        self.on_strangers_time(now);
        self.on_cluster_time(now);
    }

    /// Whether there may be one more room for it.
    fn opens_room(&self, message: &ClientMessage) -> bool {
        match message {
            ClientMessage::Join(join) => !self.rooms.has(&join.room),
            ClientMessage::Seek(_) | ClientMessage::Next => true,
            ClientMessage::Hello(_)
            | ClientMessage::Leave
            | ClientMessage::Description { .. }
            | ClientMessage::Candidates { .. }
            | ClientMessage::EndOfCandidates { .. }
            | ClientMessage::Media(_)
            | ClientMessage::Consent
            | ClientMessage::Host(_)
            | ClientMessage::Report(_)
            | ClientMessage::Block { .. }
            | ClientMessage::Path(_) => false,
        }
    }

    fn waits(&self, session: SessionId) -> bool {
        self.strangers.as_ref().is_some_and(|strangers| strangers.waits(session))
    }

    /// Tells how much there is of everything.
    fn gauge(&self) {
        let Metrics { connections, connections_carried, sessions, sessions_absent, .. } = &*self.metrics;
        let Metrics { rooms, participants, waiting, .. } = &*self.metrics;
        waiting.set(gauged(self.strangers.as_ref().map_or(0, Strangers::waiting)));
        let (carried, visiting) =
            self.cluster.as_ref().map_or((0, 0), |cluster| (cluster.carried(), cluster.visiting()));
        connections.set(gauged(self.links.len().saturating_sub(visiting)));
        connections_carried.set(gauged(carried));
        sessions.set(gauged(self.sessions.len()));
        sessions_absent.set(gauged(self.sessions.absent()));
        rooms.set(gauged(self.rooms.len()));
        participants.set(gauged(self.rooms.participants()));
    }
}

/// The code that somebody is refused with.
fn refusal(deliveries: &[Delivery]) -> Option<ErrorCode> {
    deliveries.iter().find_map(|Delivery { message, .. }| {
        if let ServerMessage::Error { code, .. } = message { Some(*code) } else { None }
    })
}
