//! What nodes say to each other, as the hub takes it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tracing::warn;
use visavis_protocol::{Resume, ServerMessage};

use super::{PATIENCE_OF_RETURNING, Question};
use crate::access::Grant;
use crate::cluster::{
    CarriageId, Hearer, Homecoming, Mail, NodeId, Outcome, Said, SessionKey, Topic, Waited,
};
use crate::hub::handle::Greeted;
use crate::hub::{Dismissal, Hub, Link, Parting};
use crate::limits::Source;
use crate::sessions::ConnectionId;

impl Hub {
    pub(super) fn on_mail(&mut self, now: Instant, from: &NodeId, text: &str) {
        let mail = match Mail::parse(text) {
            Ok(mail) => mail,
            Err(error) => {
                warn!(%from, %error, "mail that cannot be read");
                self.mail(from, &Mail::Lost);
                return self.on_node_lost(now, from);
            }
        };
        match mail {
            Mail::Move { carriage, session, then } => {
                if let Some(connection) = self.receive(from, carriage) {
                    self.arrive(now, connection, *session, then, now);
                }
            }
            Mail::Greet { carriage, address, resume, grant } => {
                self.on_visitor_greets(now, (from, carriage), address, &resume, grant);
            }
            Mail::Said { carriage, said } => self.on_visitor_said(now, from, carriage, said),
            Mail::Released { carriage } => {
                if let Some(cluster) = &mut self.cluster {
                    cluster.visits.release(from, carriage);
                }
            }
            Mail::Greeted { carriage, outcome } => self.on_outcome(now, from, carriage, outcome),
            Mail::Say { carriage, message } => self.on_say(now, from, carriage, message),
            Mail::Dismiss { carriage, dismissal } => {
                let carried = self.carried(from, carriage);
                if let Some(connection) = carried {
                    self.dismiss(connection, dismissal);
                }
            }
            Mail::Return { carriage, session, then, taken } => {
                let Some(cluster) = &mut self.cluster else { return };
                cluster.send(from, &Mail::Released { carriage });
                let home = cluster.carriages.handle_return(from, carriage, (session, then), taken);
                self.come_home(now, home);
            }
            Mail::Bounced { carriage, said } => {
                let Some(cluster) = &mut self.cluster else { return };
                let home = cluster.carriages.handle_bounce(from, carriage, said);
                self.come_home(now, home);
            }
            Mail::Declined { seeker, by } => self.on_declined(now, &seeker, &by),
            Mail::Lost => self.on_node_lost(now, from),
        }
    }

    /// A client names a session that is not here: it is looked for. Otherwise the hello is given back.
    pub(in crate::hub) fn look_for_session(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        hello: Greeted,
    ) -> Option<Greeted> {
        let Some(cluster) = &mut self.cluster else { return Some(hello) };
        let Some(token) = hello.resume.as_ref().map(|resume| &resume.session) else { return Some(hello) };
        if self.sessions.id_of(token).is_some() {
            return Some(hello);
        }
        if !*cluster.reach.borrow() {
            self.turn_back(connection, hello);
            return None;
        }
        let topic = Topic::Session(SessionKey::of(token));
        cluster.ask(connection, topic, Question::Greeting(hello), now + PATIENCE_OF_RETURNING);
        None
    }

    /// It cannot be known where the session of a client is. To begin another one would leave it with two: it comes again.
    pub(super) fn turn_back(&mut self, connection: ConnectionId, hello: Greeted) {
        self.links.insert(connection, Link::Dismissed);
        // A connection that no longer listens is about to say that it is gone.
        hello.answer.send(Err(Dismissal::Interrupted)).ok();
    }

    pub(super) fn on_found(&mut self, now: Instant, session: SessionKey, node: Option<NodeId>) {
        let Some(cluster) = &mut self.cluster else { return };
        let node = node.filter(|node| *node != cluster.me);
        let is_doubtful = cluster.doubts_until.is_some_and(|until| now < until);
        for Waited { connection, question, .. } in cluster.waits.take_all(&Topic::Session(session)) {
            let Question::Greeting(hello) = question else { continue };
            match &node {
                Some(node) => self.ask_node(now, connection, node, hello),
                None if is_doubtful => self.turn_back(connection, hello),
                None => self.greet(now, connection, hello),
            }
        }
    }

    fn ask_node(&mut self, now: Instant, connection: ConnectionId, node: &NodeId, hello: Greeted) {
        let Self { cluster: Some(cluster), .. } = self else { return };
        let Some(resume) = hello.resume.clone() else { return };
        let (address, grant) = (hello.source.map(Source::address), hello.grant.clone());
        let carriage = cluster.carriages.begin(connection, node.clone(), None);
        cluster.send(node, &Mail::Greet { carriage, address, resume, grant });
        let until = now + PATIENCE_OF_RETURNING;
        cluster.ask(connection, Topic::Node(node.clone()), Question::Greeting(hello), until);
    }

    /// The node of a session has made up its mind.
    fn on_outcome(&mut self, now: Instant, from: &NodeId, carriage: CarriageId, outcome: Outcome) {
        let Some(connection) = self.carried(from, carriage) else { return };
        let Some(cluster) = &mut self.cluster else { return };
        let Some(Waited { question: Question::Greeting(mut hello), .. }) = cluster.waits.take(connection)
        else {
            return;
        };
        match outcome {
            Outcome::Resumed(greeting) => {
                self.metrics.sessions_resumed.inc();
                // A connection that no longer listens is about to say that it is gone.
                hello.answer.send(Ok(greeting)).ok();
                return;
            }
            // Its token is somebody's.
            Outcome::Refused => hello.resume = None,
            Outcome::Unknown => {}
        }
        cluster.carriages.end(connection);
        self.greet(now, connection, hello);
    }

    /// A client has connected elsewhere, and names a session that may be here.
    fn on_visitor_greets(
        &mut self,
        now: Instant,
        (from, carriage): (&NodeId, CarriageId),
        address: Option<IpAddr>,
        resume: &Resume,
        grant: Grant,
    ) {
        if self.sessions.id_of(&resume.session).is_none() {
            return self.mail(from, &Mail::Greeted { carriage, outcome: Outcome::Unknown });
        }
        let Some(connection) = self.receive(from, carriage) else { return };
        let opening = self.sessions.resume(connection, resume, &grant);
        let Some((session, resumed)) = opening.and_then(|it| Some((it.session, it.resumed?))) else {
            self.links.remove(&connection);
            if let Some(cluster) = &mut self.cluster {
                cluster.visits.end(connection);
            }
            return self.mail(from, &Mail::Greeted { carriage, outcome: Outcome::Refused });
        };
        let (greeting, missed) = self.go_on(connection, address, session, resumed);
        self.mail(from, &Mail::Greeted { carriage, outcome: Outcome::Resumed(greeting) });
        self.catch_up(now, connection, missed);
    }

    fn on_visitor_said(&mut self, now: Instant, from: &NodeId, carriage: CarriageId, said: Said) {
        let Some(cluster) = &mut self.cluster else { return };
        match (cluster.visits.hear(from, carriage), said) {
            (Hearer::Here(connection), Said::Gone(parting)) => {
                cluster.waits.take(connection);
                cluster.visits.end(connection);
                self.on_visitor_gone(now, connection, parting);
            }
            (Hearer::Here(connection), said) => self.route(now, connection, said, now),
            (Hearer::Back, said) => self.mail(from, &Mail::Bounced { carriage, said }),
            (Hearer::Nobody, Said::Gone(_)) => {}
            (Hearer::Nobody, _) => {
                self.mail(from, &Mail::Dismiss { carriage, dismissal: Dismissal::Interrupted });
            }
        }
    }

    /// The connection of a session here is over.
    pub(super) fn on_visitor_gone(&mut self, now: Instant, connection: ConnectionId, parting: Parting) {
        if let Some(cluster) = &mut self.cluster {
            cluster.waits.take(connection);
        }
        self.links.remove(&connection);
        self.on_gone(now, connection, parting);
    }

    fn on_say(&mut self, now: Instant, from: &NodeId, carriage: CarriageId, message: ServerMessage) {
        let Some(connection) = self.carried(from, carriage) else {
            return self.mail(from, &Mail::Said { carriage, said: Said::Gone(Parting::Lost) });
        };
        let is_answer = matches!(
            message,
            ServerMessage::Joined { .. } | ServerMessage::Waiting { .. } | ServerMessage::Error { .. }
        );
        if is_answer
            && let Some(at) = self.cluster.as_mut().and_then(|it| it.carriages.take_asked_at(carriage))
        {
            self.metrics.join_duration.observe(now.saturating_duration_since(at).as_secs_f64());
        }
        self.post(connection, Arc::new(message));
    }

    /// A session is back that was elsewhere.
    fn come_home(&mut self, now: Instant, home: Option<Homecoming>) {
        let Some(Homecoming { connection, session, then, said }) = home else { return };
        self.arrive(now, connection, *session, then, now);
        for (said, at) in said {
            self.route(now, connection, said, at.unwrap_or(now));
        }
    }

    /// A connection of another node has its session here from now on.
    fn receive(&mut self, from: &NodeId, carriage: CarriageId) -> Option<ConnectionId> {
        let cluster = self.cluster.as_mut()?;
        let connection = cluster.ids.draw();
        cluster.visits.begin(from.clone(), carriage, connection);
        self.links.insert(connection, Link::Away);
        Some(connection)
    }

    fn carried(&self, from: &NodeId, carriage: CarriageId) -> Option<ConnectionId> {
        self.cluster.as_ref()?.carriages.connection_of(from, carriage)
    }

    pub(super) fn mail(&mut self, to: &NodeId, mail: &Mail) {
        if let Some(cluster) = &mut self.cluster {
            cluster.send(to, mail);
        }
    }

    /// Another node passes a message on to its client.
    pub(in crate::hub) fn post_away(&mut self, connection: ConnectionId, message: &ServerMessage) {
        if let Some((node, carriage)) = self.visitor(connection) {
            self.mail(&node, &Mail::Say { carriage, message: message.clone() });
        }
    }

    /// Another node sends its client away.
    pub(in crate::hub) fn dismiss_away(&mut self, connection: ConnectionId, dismissal: Dismissal) {
        if let Some((node, carriage)) = self.visitor(connection) {
            self.mail(&node, &Mail::Dismiss { carriage, dismissal });
        }
    }

    fn visitor(&self, connection: ConnectionId) -> Option<(NodeId, CarriageId)> {
        self.cluster.as_ref()?.visits.of(connection)
    }
}
