//! Clients come and go: their sessions begin, go on over another connection, and end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tracing::debug;
use visavis_protocol::{Resumed, ServerMessage, SessionToken};

use super::cluster::Leaving;
use super::drain::Phase;
use super::handle::Greeted;
use super::links::Link;
use super::mailbox::Outbox;
use super::{Dismissal, Greeting, Hub, Parting};
use crate::access::Grant;
use crate::limits::Source;
use crate::moderation::Moment;
use crate::rooms::Delivery;
use crate::sessions::{ConnectionId, Opening, Resumption, SessionId};

impl Hub {
    pub(super) fn on_connected(&mut self, connection: ConnectionId, outbox: Outbox) {
        self.links.insert(connection, Link::Open(outbox));
        self.metrics.connections_opened.inc();
        match self.phase {
            // Whoever is on the way to a room that is open may still come.
            Phase::Serving | Phase::Draining { .. } => {}
            Phase::ShuttingDown => self.dismiss(connection, Dismissal::ShuttingDown),
        }
    }

    pub(super) fn on_greeted(&mut self, now: Instant, connection: ConnectionId, hello: Greeted, at: Moment) {
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
    pub(super) fn greet(&mut self, now: Instant, connection: ConnectionId, hello: Greeted) {
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
    pub(super) fn go_on(
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

    pub(super) fn catch_up(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        missed: Vec<Arc<ServerMessage>>,
    ) {
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

    pub(super) fn on_disconnected(&mut self, now: Instant, connection: ConnectionId, parting: Parting) {
        self.links.remove(&connection);
        match self.leave_cluster(connection, parting) {
            Leaving::Here => self.on_gone(now, connection, parting),
            Leaving::Elsewhere => {}
        }
    }

    /// The connection of a session here is over.
    pub(super) fn on_gone(&mut self, now: Instant, connection: ConnectionId, parting: Parting) {
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

    /// Ends sessions whose clients go on in others.
    pub(super) fn end_replaced(&mut self, now: Instant) {
        for session in self.rooms.take_replaced() {
            if let Some(connection) = self.sessions.connection_of(session) {
                self.dismiss(connection, Dismissal::Superseded);
            }
            self.end(now, session);
        }
    }

    pub(super) fn end(&mut self, now: Instant, session: SessionId) {
        self.sessions.end(session);
        let deliveries = self.conclude(now, session);
        self.deliver(now, deliveries);
    }

    /// What follows from the end of a session.
    pub(super) fn conclude(&mut self, now: Instant, session: SessionId) -> Vec<Delivery> {
        if let Some(strangers) = &mut self.strangers {
            strangers.leave(now, session);
        }
        self.unsettle(session);
        let deliveries = self.rooms.handle_end(session);
        self.note_partings(now);
        self.register.leave(session);
        deliveries
    }
}
