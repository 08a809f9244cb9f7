//! What the hub does for being one of several.

mod losses;
mod mail;
mod moving;
mod rooms;
mod strangers;

use std::collections::HashSet;
use std::future::pending;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::warn;
use visavis_protocol::{Join, RoomName};

use super::handle::{ConnectionIds, Greeted};
use super::{Dismissal, Hub, Link, Parting};
use crate::cluster::{
    Ask, BrokerHandle, Carriages, Command, Event, Holding, Mail, NodeId, Passing, Said, Settled, Topic,
    Visits, Waited, Waits,
};
use crate::sessions::ConnectionId;

/// How long a client waits for what another node or the broker knows; less than its own patience, which is 10 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for who comes back, and may do that once more.
const PATIENCE_OF_RETURNING: Duration = Duration::from_secs(2);
/// When a client may ask again that was not answered.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The hub's part in several nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    me: NodeId,
    broker: BrokerHandle,
    events: mpsc::Receiver<Event>,
    ids: ConnectionIds,
    waits: Waits<Question>,
    /// Connections here, sessions elsewhere.
    carriages: Carriages,
    /// Sessions here, connections elsewhere.
    visits: Visits,
    /// Sessions that others are to find here.
    settled: Settled,
    /// Rooms that are this node's, as far as it knows.
    claimed: HashSet<RoomName>,
    /// How long those are awaited who were in a room of a node that is gone.
    grace: Duration,
    /// Nodes that something was not sent to which they had to have.
    missed: HashSet<NodeId>,
    /// When places in the queue are asked for next.
    places_at: Option<Instant>,
    /// A node was lost while this one was cut off: Redis may have forgotten what the others have.
    has_lost_unseen: bool,
    /// Until when a session may live at another node that is said to live nowhere.
    doubts_until: Option<Instant>,
    /// It has nothing to do with the others any more.
    has_resigned: bool,
    /// Whether the broker is reachable.
    reach: watch::Sender<bool>,
}

/// What a connection waits for.
#[derive(Debug)]
enum Question {
    /// Where the session is that its client names.
    Greeting(Greeted),
    /// Where the room is that its client wants into, since it said so.
    Room { join: Join, at: Instant },
}

impl Cluster {
    /// This node, called `me`; `reach` is told whether it reaches the others. It awaits for `grace` those who were in a room
    /// of a node that is gone.
    pub(crate) fn new(
        me: NodeId,
        broker: BrokerHandle,
        events: mpsc::Receiver<Event>,
        reach: watch::Sender<bool>,
        grace: Duration,
    ) -> Self {
        Self {
            me,
            broker,
            events,
            ids: ConnectionIds::default(),
            waits: Waits::default(),
            carriages: Carriages::default(),
            visits: Visits::default(),
            settled: Settled::default(),
            claimed: HashSet::new(),
            grace,
            missed: HashSet::new(),
            places_at: None,
            has_lost_unseen: false,
            doubts_until: None,
            has_resigned: false,
            reach,
        }
    }

    /// Where the names of connections come from.
    pub(super) fn ids(&self) -> ConnectionIds {
        self.ids.clone()
    }

    /// What the broker says next; nothing, without one.
    pub(super) async fn next(cluster: &mut Option<Self>) -> Option<Event> {
        match cluster {
            Some(cluster) => cluster.events.recv().await,
            None => pending().await,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.waits.poll_timeout(), self.places_at].into_iter().flatten().min()
    }

    /// Connections here whose sessions are elsewhere.
    pub(super) fn carried(&self) -> usize {
        self.carriages.len()
    }

    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        self.waits.topics().next().is_some()
    }

    /// Sessions here whose connections are elsewhere.
    pub(super) fn visiting(&self) -> usize {
        self.visits.len()
    }

    /// What the broker does not take any more is nothing that does not show: an answer is missing, or an entry is old.
    fn tell(&self, command: Command) -> bool {
        let is_taken = self.has_resigned || self.broker.send(command).is_ok();
        if !is_taken {
            warn!("the broker does not keep up");
        }
        is_taken
    }

    fn send(&mut self, to: &NodeId, mail: &Mail) {
        if !self.tell(Command::Send { to: to.clone(), mail: mail.to_text() }) {
            self.missed.insert(to.clone());
        }
    }

    /// Asks for what a connection waits for, unless somebody has asked already.
    fn ask(&mut self, connection: ConnectionId, topic: Topic, question: Question, until: Instant) {
        let command = command_for(&topic);
        if self.waits.begin(connection, topic, question, until)
            && let Some(command) = command
        {
            self.tell(command);
        }
    }
}

/// What the broker is asked for it; the other node is asked by mail.
fn command_for(topic: &Topic) -> Option<Command> {
    match topic {
        Topic::Room(room) => Some(Command::Claim { room: room.clone() }),
        Topic::Session(session) => Some(Command::Find { session: session.clone() }),
        Topic::Node(_) => None,
    }
}

impl Hub {
    pub(super) fn on_broker_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Mail { from, mail } => self.on_mail(now, &from, &mail),
            Event::Claimed { room, owner, memory } => self.on_claimed(now, room, owner, memory),
            Event::RoomLost { room, .. } => self.yield_room(now, &room),
            Event::Found { session, node } => self.on_found(now, session, node),
            Event::SessionLost { session, .. } => self.on_session_lost(now, &session),
            Event::Queued { session, ticket, place, waiting } => {
                self.on_queued(now, &session, ticket, place, waiting);
            }
            Event::Matched { first, second, waited } => self.on_matched(now, first, second, waited),
            Event::Missed { session, other } => self.decline(now, session, &other),
            Event::Places { places, waiting } => self.on_places(now, places, waiting),
            Event::NodeLost { node } => {
                if let Some(cluster) = &mut self.cluster {
                    cluster.has_lost_unseen |= !*cluster.reach.borrow();
                }
                self.on_node_lost(now, &node);
                self.tell_broker(Command::Noted { node });
            }
            Event::CutOff => self.on_cut_off(),
            Event::Back => self.on_back(now),
            // Asked again when the broker is back; until then whoever waits has a limit of its own.
            Event::Failed { what: Ask::Claim(room) } => self.on_claim_failed(room),
            Event::Failed { what: Ask::Find(_) | Ask::Places(_) } => {}
        }
    }

    /// Whatever a client says goes to where its session is.
    pub(super) fn route(&mut self, now: Instant, connection: ConnectionId, said: Said, at: Instant) {
        if !matches!(self.links.get(&connection), Some(Link::Open(_) | Link::Away)) {
            return;
        }
        let Some(cluster) = &mut self.cluster else { return self.take(now, connection, said, at) };
        let is_too_much = match cluster.waits.hold(connection, said, at) {
            Holding::Held => false,
            Holding::TooMuch => true,
            Holding::Not(said) => match cluster.carriages.pass(connection, said, at) {
                Passing::To(node, carriage, said) => {
                    cluster.send(&node, &Mail::Said { carriage, said });
                    false
                }
                Passing::Held => false,
                Passing::TooMuch => true,
                Passing::NotCarried(said) => return self.take(now, connection, said, at),
            },
        };
        if is_too_much {
            self.dismiss(connection, Dismissal::Interrupted);
        }
    }

    /// Sees to those who have waited for too long.
    pub(super) fn on_cluster_time(&mut self, now: Instant) {
        while let Some(waited) = self.cluster.as_mut().and_then(|cluster| cluster.waits.poll_late(now)) {
            self.on_late(now, waited);
        }
        self.ask_for_places(now);
    }

    fn on_late(&mut self, now: Instant, waited: Waited<Question>) {
        let Waited { connection, question, held } = waited;
        match question {
            Question::Greeting(hello) => {
                self.forget_carriage(connection);
                self.turn_back(connection, hello);
            }
            Question::Room { .. } => {
                if let Some(session) = self.sessions.session_of(connection) {
                    self.refuse_for_now(now, session);
                }
                self.take_held(now, connection, held);
            }
        }
    }

    /// A connection whose client has said hello is over, and its session, which is elsewhere, is absent.
    fn forget_carriage(&mut self, connection: ConnectionId) {
        let Some(cluster) = &mut self.cluster else { return };
        if let Some((node, carriage)) = cluster.carriages.end(connection) {
            cluster.send(&node, &Mail::Said { carriage, said: Said::Gone(Parting::Lost) });
        }
    }

    /// The connection is over, here or elsewhere.
    pub(super) fn leave_cluster(&mut self, connection: ConnectionId, parting: Parting) -> Leaving {
        let Some(cluster) = &mut self.cluster else { return Leaving::Here };
        let asked = cluster.waits.take(connection).map(|waited| waited.question);
        let carried = cluster.carriages.end(connection);
        match (asked, carried) {
            (Some(Question::Greeting(_)), None) => Leaving::Elsewhere,
            (Some(Question::Greeting(_)), Some((node, carriage))) => {
                cluster.send(&node, &Mail::Said { carriage, said: Said::Gone(Parting::Lost) });
                Leaving::Elsewhere
            }
            (_, Some((node, carriage))) => {
                cluster.send(&node, &Mail::Said { carriage, said: Said::Gone(parting) });
                Leaving::Elsewhere
            }
            (Some(Question::Room { .. }) | None, None) => Leaving::Here,
        }
    }

    fn tell_broker(&self, command: Command) {
        if let Some(cluster) = &self.cluster {
            cluster.tell(command);
        }
    }
}

/// Where the session of a connection is that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    Here,
    /// Or nowhere.
    Elsewhere,
}
