//! The actor that owns all rooms and sessions: takes events from the connections' tasks, never waits for any of them.

mod cluster;
mod fuzz;
mod handle;
mod links;
mod moderation;
#[cfg(test)]
mod simulation;
mod strangers;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{debug, info};
use visavis_protocol::{ClientMessage, ErrorCode, Resumed, ServerMessage, SessionToken};

use crate::access::Grant;
use crate::cluster::Said;
use crate::limits::Source;
use crate::matchmaking::Strangers;
use crate::metrics::{Metrics, gauged};
use crate::moderation::{ArchiveHandle, Moment, Register};
use crate::rooms::{Delivery, Rooms};
use crate::sessions::{ConnectionId, IdMap, Opening, Resumption, SessionId, Sessions};
use crate::telemetry::spans;
pub(crate) use cluster::Cluster;
use cluster::Leaving;
pub use fuzz::fuzz_nodes;
pub(crate) use handle::{Dismissal, Greeting, HubGone, HubHandle, Inbox, Parting, WeakHubHandle};
use handle::{Event, Greeted, Outbox};
use links::Link;

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

#[derive(Debug)]
enum Phase {
    Serving,
    /// Only who is in a room stays, until the last one is empty, which somebody may wait for.
    Draining {
        empty: Option<oneshot::Sender<()>>,
    },
    ShuttingDown,
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

    fn on_connected(&mut self, connection: ConnectionId, outbox: Outbox) {
        self.links.insert(connection, Link::Open(outbox));
        self.metrics.connections_opened.inc();
        match self.phase {
            // Whoever is on the way to a room that is open may still come.
            Phase::Serving | Phase::Draining { .. } => {}
            Phase::ShuttingDown => self.dismiss(connection, Dismissal::ShuttingDown),
        }
    }

    fn on_greeted(&mut self, now: Instant, connection: ConnectionId, hello: Greeted, at: Moment) {
        if !matches!(self.links.get(&connection), Some(Link::Open(_))) {
            return;
        }
        let address = hello.source.map(Source::address);
        if let Some(complaint) = self.register.keeps_out(at, &hello.grant.identity, address) {
            self.links.insert(connection, Link::Dismissed);
            hello.answer.send(Err(Dismissal::Banned(Box::new(complaint)))).ok();
            return;
        }
        if let Some(hello) = self.look_for_session(now, connection, hello) {
            self.greet(now, connection, hello);
        }
    }

    /// Begins a session or goes on with one that is here.
    fn greet(&mut self, now: Instant, connection: ConnectionId, hello: Greeted) {
        if !matches!(self.links.get(&connection), Some(Link::Open(_))) {
            return;
        }
        let Greeted { source, resume, grant, answer } = hello;
        let address = source.map(Source::address);
        let Opening { session, resumed } = self.sessions.open(connection, resume, grant);
        let Some(resumed) = resumed else {
            self.enter(connection, address);
            answer.send(Ok(Greeting { session, resumed: None, read: 0 })).ok();
            return;
        };
        self.metrics.sessions_resumed.inc();
        let (greeting, missed) = self.go_on(connection, address, session, resumed);
        // A connection that no longer listens is about to say that it is gone.
        answer.send(Ok(greeting)).ok();
        self.catch_up(now, connection, missed);
    }

    /// A session goes on over this connection, which is then to be told what was missed.
    fn go_on(
        &mut self,
        connection: ConnectionId,
        address: Option<IpAddr>,
        session: SessionToken,
        resumed: Resumption,
    ) -> (Greeting, Vec<Arc<ServerMessage>>) {
        let Resumption { received, read, missed, superseded } = resumed;
        debug!(connection = connection.0, missed = missed.len(), "a session goes on");
        self.enter(connection, address);
        if let Some(old) = superseded {
            self.dismiss(old, Dismissal::Superseded);
        }
        if let Some(session) = self.sessions.session_of(connection) {
            self.rooms.handle_return(session);
        }
        (Greeting { session, resumed: Some(Resumed { received }), read }, missed)
    }

    fn catch_up(&mut self, now: Instant, connection: ConnectionId, missed: Vec<Arc<ServerMessage>>) {
        for message in missed {
            self.post(connection, message);
        }
        if let Some(session) = self.sessions.session_of(connection) {
            self.on_stranger_back(now, session);
        }
    }

    /// Notes who is behind the session of a connection.
    fn enter(&mut self, connection: ConnectionId, address: Option<IpAddr>) {
        if let Some(session) = self.sessions.session_of(connection)
            && let Some(Grant { identity, .. }) = self.sessions.grant(session)
        {
            self.register.enter(session, identity.clone(), address);
        }
    }

    fn on_disconnected(&mut self, now: Instant, connection: ConnectionId, parting: Parting) {
        self.links.remove(&connection);
        match self.leave_cluster(connection, parting) {
            Leaving::Here => self.on_gone(now, connection, parting),
            Leaving::Elsewhere => {}
        }
    }

    /// The connection of a session here is over.
    fn on_gone(&mut self, now: Instant, connection: ConnectionId, parting: Parting) {
        let Some(session) = self.sessions.session_of(connection) else { return };
        let is_awaited = self.rooms.hold(session) || self.waits(session);
        if parting == Parting::Lost && is_awaited && !matches!(self.phase, Phase::ShuttingDown) {
            self.sessions.detach(now, connection);
            self.rooms.handle_absence(session);
            if let Some(strangers) = &mut self.strangers {
                strangers.handle_absence(session);
            }
        } else {
            self.end(now, session);
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

    fn on_drain(&mut self, now: Instant, empty: oneshot::Sender<()>) {
        info!(rooms = self.rooms.len(), "going away when the rooms are empty");
        self.phase = Phase::Draining { empty: Some(empty) };
        let idle: Vec<_> = self
            .links
            .keys()
            .copied()
            .filter(|connection| self.sessions.session_of(*connection).is_some_and(|it| !self.rooms.hold(it)))
            .collect();
        // Nobody is brought together any more: who waits is idle too.
        if let Some(strangers) = &mut self.strangers {
            strangers.close();
        }
        self.publish_seekers(now);
        self.strangers = None;
        for connection in idle {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
        self.give_up_carried();
    }

    /// Says that the last room is empty, if somebody waits for it.
    fn tell_if_empty(&mut self) {
        if let Phase::Draining { empty } = &mut self.phase
            && self.rooms.len() == 0
            && let Some(empty) = empty.take()
        {
            // Who asked may have lost patience.
            empty.send(()).ok();
        }
    }

    fn is_leaving(&self) -> bool {
        !matches!(self.phase, Phase::Serving)
    }

    fn on_shut_down(&mut self) {
        info!(connections = self.links.len(), "shutting down");
        self.phase = Phase::ShuttingDown;
        self.give_up_carried();
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
        // As long as its rooms are still there: others open them as they are.
        self.resign();
    }

    /// Ends sessions whose clients go on in others.
    fn end_replaced(&mut self, now: Instant) {
        for session in self.rooms.take_replaced() {
            if let Some(connection) = self.sessions.connection_of(session) {
                self.dismiss(connection, Dismissal::Superseded);
            }
            self.end(now, session);
        }
    }

    fn end(&mut self, now: Instant, session: SessionId) {
        self.sessions.end(session);
        let deliveries = self.conclude(now, session);
        self.deliver(now, deliveries);
    }

    /// What follows from the end of a session.
    fn conclude(&mut self, now: Instant, session: SessionId) -> Vec<Delivery> {
        if let Some(strangers) = &mut self.strangers {
            strangers.leave(now, session);
        }
        self.unsettle(session);
        let deliveries = self.rooms.handle_end(session);
        self.note_partings(now);
        self.register.leave(session);
        deliveries
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
