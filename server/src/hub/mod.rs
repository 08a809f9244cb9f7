//! The actor that owns all rooms and sessions: takes events from the connections' tasks, never waits for any of them.

mod handle;
mod moderation;
mod strangers;

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{debug, info};
use visavis_protocol::{ClientMessage, ErrorCode, Resume, Resumed, ServerMessage};

use crate::access::Grant;
use crate::limits::Source;
use crate::matchmaking::Strangers;
use crate::metrics::{Metrics, gauged};
use crate::moderation::{ArchiveHandle, Moment, Register};
use crate::rooms::{Delivery, Rooms};
use crate::sessions::{ConnectionId, SessionId, Sessions};
use crate::telemetry::spans;
pub(crate) use handle::{Dismissal, Greeting, HubGone, HubHandle, Inbox, Parting, WeakHubHandle};
use handle::{Event, Outbox};

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
    events: mpsc::Receiver<Event>,
    links: HashMap<ConnectionId, Link>,
    phase: Phase,
    metrics: Arc<Metrics>,
}

/// A connection, as far as the hub is concerned.
#[derive(Debug)]
enum Link {
    Open(Outbox),
    /// Told to go; what it still says is ignored.
    Dismissed,
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
        metrics: Arc<Metrics>,
    ) -> (Self, HubHandle) {
        let (handle, events) = HubHandle::new();
        let (links, phase) = (HashMap::new(), Phase::Serving);
        let hub = Self { rooms, sessions, strangers, register, archive, events, links, phase, metrics };
        (hub, handle)
    }

    /// Serves until the last handle is gone.
    pub(crate) async fn run(mut self) {
        // Set anew only when it is for another time: most events leave that as it is.
        let mut alarm = pin!(sleep_until(Instant::now().into()));
        loop {
            let strangers = self.strangers.as_ref().and_then(Strangers::poll_timeout);
            let next = [self.sessions.poll_timeout(), strangers].into_iter().flatten().min();
            if let Some(next) = next.map(tokio::time::Instant::from)
                && alarm.deadline() != next
            {
                alarm.as_mut().reset(next);
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.on_event(event),
                    None => return,
                },
                () = &mut alarm, if next.is_some() => self.on_time(Instant::now()),
            }
            self.tell_if_empty();
            self.gauge();
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected { connection, outbox } => self.on_connected(connection, outbox),
            Event::Greeted { connection, source, resume, grant, answer } => {
                self.on_greeted(connection, source, resume, grant, answer);
            }
            Event::Said { connection, message, at } => self.on_said(connection, message, at),
            Event::Babbled { connection } => {
                self.hear(connection);
            }
            Event::Read { connection, count } => self.sessions.acknowledge(connection, count),
            Event::Disconnected { connection, parting } => self.on_disconnected(connection, parting),
            Event::Moderated(notice) => self.on_notice(notice),
            Event::Drain { empty } => self.on_drain(empty),
            Event::ShutDown => self.on_shut_down(),
        }
    }

    fn on_said(&mut self, connection: ConnectionId, message: ClientMessage, at: Instant) {
        let Some(session) = self.hear(connection) else { return };
        if self.is_leaving() && self.opens_room(&message) {
            self.dismiss(connection, Dismissal::ShuttingDown);
            return;
        }
        let is_join = matches!(message, ClientMessage::Join(_));
        let (deliveries, meeting) = self.handle(session, message, at);
        let refusal = is_join.then(|| refusal(&deliveries)).flatten();
        self.deliver(deliveries);
        self.end_replaced();
        if let Some(meeting) = meeting {
            self.on_meeting(meeting);
        }
        if self.is_leaving() && !self.rooms.hold(session) {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
        if is_join {
            let lasted = at.elapsed();
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

    fn on_greeted(
        &mut self,
        connection: ConnectionId,
        source: Option<Source>,
        resume: Option<Resume>,
        grant: Grant,
        answer: oneshot::Sender<Result<Greeting, Dismissal>>,
    ) {
        if !matches!(self.links.get(&connection), Some(Link::Open(_))) {
            return;
        }
        let (now, address) = (Moment::from(SystemTime::now()), source.map(Source::address));
        if let Some(complaint) = self.register.keeps_out(now, &grant.identity, address) {
            self.links.insert(connection, Link::Dismissed);
            answer.send(Err(Dismissal::Banned(complaint))).ok();
            return;
        }
        let opening = self.sessions.open(connection, resume, grant);
        if let Some(session) = self.sessions.session_of(connection)
            && let Some(Grant { identity, .. }) = self.sessions.grant(session)
        {
            self.register.enter(session, identity.clone(), address);
        }
        let Some(resumed) = opening.resumed else {
            answer.send(Ok(Greeting { session: opening.session, resumed: None, read: 0 })).ok();
            return;
        };
        debug!(connection = connection.0, missed = resumed.missed.len(), "a session goes on");
        self.metrics.sessions_resumed.inc();
        if let Some(old) = resumed.superseded {
            self.dismiss(old, Dismissal::Superseded);
        }
        if let Some(session) = self.sessions.session_of(connection) {
            self.rooms.handle_return(session);
        }
        let greeting = Greeting {
            session: opening.session,
            resumed: Some(Resumed { received: resumed.received }),
            read: resumed.read,
        };
        // A connection that no longer listens is about to say that it is gone.
        answer.send(Ok(greeting)).ok();
        for message in resumed.missed {
            self.post(connection, message);
        }
        if let Some(session) = self.sessions.session_of(connection) {
            self.on_stranger_back(session);
        }
    }

    /// Counts what a client said; the session it belongs to, unless nobody listens to it any more.
    fn hear(&mut self, connection: ConnectionId) -> Option<SessionId> {
        match self.links.get(&connection) {
            Some(Link::Open(_)) => {
                self.metrics.messages_received.inc();
                self.sessions.hear(connection)
            }
            Some(Link::Dismissed) | None => None,
        }
    }

    fn on_disconnected(&mut self, connection: ConnectionId, parting: Parting) {
        self.links.remove(&connection);
        let Some(session) = self.sessions.session_of(connection) else { return };
        let is_awaited = self.rooms.hold(session) || self.waits(session);
        if parting == Parting::Lost && is_awaited && !matches!(self.phase, Phase::ShuttingDown) {
            self.sessions.detach(Instant::now(), connection);
            self.rooms.handle_absence(session);
            if let Some(strangers) = &mut self.strangers {
                strangers.handle_absence(session);
            }
        } else {
            self.end(session);
        }
    }

    /// Ends the sessions whose clients did not come back, and sees to those who wait.
    fn on_time(&mut self, now: Instant) {
        while let Some(session) = self.sessions.poll_ended(now) {
            let deliveries = self.conclude(session);
            self.deliver(deliveries);
        }
        self.on_strangers_time(now);
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
            | ClientMessage::Block { .. } => false,
        }
    }

    fn waits(&self, session: SessionId) -> bool {
        self.strangers.as_ref().is_some_and(|strangers| strangers.waits(session))
    }

    fn on_drain(&mut self, empty: oneshot::Sender<()>) {
        info!(rooms = self.rooms.len(), "going away when the rooms are empty");
        self.phase = Phase::Draining { empty: Some(empty) };
        let idle: Vec<_> = self
            .links
            .keys()
            .copied()
            .filter(|connection| self.sessions.session_of(*connection).is_some_and(|it| !self.rooms.hold(it)))
            .collect();
        // Nobody is brought together any more: who waits is idle too.
        self.strangers = None;
        for connection in idle {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
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
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            self.dismiss(connection, Dismissal::ShuttingDown);
        }
    }

    /// Ends sessions whose clients go on in others.
    fn end_replaced(&mut self) {
        for session in self.rooms.take_replaced() {
            if let Some(connection) = self.sessions.connection_of(session) {
                self.dismiss(connection, Dismissal::Superseded);
            }
            self.end(session);
        }
    }

    fn end(&mut self, session: SessionId) {
        self.sessions.end(session);
        let deliveries = self.conclude(session);
        self.deliver(deliveries);
    }

    /// What follows from the end of a session.
    fn conclude(&mut self, session: SessionId) -> Vec<Delivery> {
        if let Some(strangers) = &mut self.strangers {
            strangers.leave(Instant::now(), session);
        }
        let deliveries = self.rooms.handle_end(session);
        self.note_partings(Instant::now());
        self.register.leave(session);
        deliveries
    }

    /// Queues messages. A client whose queue is full is dismissed, and its room is told.
    fn deliver(&mut self, deliveries: Vec<Delivery>) {
        let mut pending = VecDeque::from(deliveries);
        while let Some(Delivery { to, message }) = pending.pop_front() {
            if let ServerMessage::Error { code, .. } = &message {
                self.metrics.error(*code);
            }
            if matches!(message, ServerMessage::Joined { .. }) {
                self.metrics.joins.inc();
            }
            let Some((connection, message)) = self.sessions.say(to, message) else { continue };
            match self.post(connection, message) {
                Posted::Queued => {}
                Posted::Overflowed => {
                    self.sessions.end(to);
                    pending.extend(self.conclude(to));
                }
            }
        }
    }

    fn post(&mut self, connection: ConnectionId, message: Arc<ServerMessage>) -> Posted {
        let Some(Link::Open(outbox)) = self.links.get_mut(&connection) else { return Posted::Queued };
        match outbox.messages.try_send(message) {
            Ok(()) => {
                self.metrics.messages_sent.inc();
                Posted::Queued
            }
            Err(error) if error.is_full() => {
                debug!(connection = connection.0, "a client does not read what is sent to it");
                self.dismiss(connection, Dismissal::TooSlow);
                Posted::Overflowed
            }
            // The connection is over.
            Err(_) => Posted::Queued,
        }
    }

    /// Tells how much there is of everything.
    fn gauge(&self) {
        let Metrics { connections, sessions, sessions_absent, rooms, participants, waiting, .. } =
            &*self.metrics;
        waiting.set(gauged(self.strangers.as_ref().map_or(0, Strangers::waiting)));
        connections.set(gauged(self.links.len()));
        sessions.set(gauged(self.sessions.len()));
        sessions_absent.set(gauged(self.sessions.absent()));
        rooms.set(gauged(self.rooms.len()));
        participants.set(gauged(self.rooms.participants()));
    }

    fn dismiss(&mut self, connection: ConnectionId, dismissal: Dismissal) {
        if let Some(Link::Open(outbox)) = self.links.insert(connection, Link::Dismissed) {
            // A connection that no longer listens is about to say that it is gone.
            outbox.dismissal.send(dismissal).ok();
        }
    }
}

/// What became of a message on its way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Posted {
    /// It is queued, or the connection is over and says so next.
    Queued,
    Overflowed,
}

/// The code that somebody is refused with.
fn refusal(deliveries: &[Delivery]) -> Option<ErrorCode> {
    deliveries.iter().find_map(|Delivery { message, .. }| {
        if let ServerMessage::Error { code, .. } = message { Some(*code) } else { None }
    })
}
