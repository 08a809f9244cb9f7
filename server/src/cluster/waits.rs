//! Connections that wait for an answer of another node or of the broker.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use visavis_protocol::RoomName;

use super::held::Held;
use super::mail::Said;
use super::{NodeId, SessionKey};
use crate::sessions::ConnectionId;

/// Whose answer is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// Who has this room.
    Room(RoomName),
    /// Where this session is.
    Session(SessionKey),
    /// What this node makes of a client.
    Node(NodeId),
}

/// All that wait, each with what it wants to know, `Q`. Pure.
#[derive(Debug)]
pub(crate) struct Waits<Q> {
    waits: HashMap<ConnectionId, Wait<Q>>,
    topics: HashMap<Topic, HashSet<ConnectionId>>,
    /// When each has waited for long enough.
    ends: BTreeSet<(Instant, ConnectionId)>,
}

#[derive(Debug)]
struct Wait<Q> {
    topic: Topic,
    question: Q,
    until: Instant,
    held: Held,
}

/// One that waits no longer.
#[derive(Debug)]
pub(crate) struct Waited<Q> {
    pub(crate) connection: ConnectionId,
    pub(crate) question: Q,
    /// What the client has said meanwhile.
    pub(crate) held: Held,
}

/// What became of something that a client said.
#[derive(Debug)]
pub(crate) enum Holding {
    Held,
    TooMuch,
    /// The connection does not wait.
    Not(Said),
}

impl<Q> Default for Waits<Q> {
    fn default() -> Self {
        Self { waits: HashMap::new(), topics: HashMap::new(), ends: BTreeSet::new() }
    }
}

impl<Q> Waits<Q> {
    /// A connection, which waits for nothing yet, waits for an answer until then. Whether nobody else waits for the same one.
    pub(crate) fn begin(
        &mut self,
        connection: ConnectionId,
        topic: Topic,
        question: Q,
        until: Instant,
    ) -> bool {
        let fellows = self.topics.entry(topic.clone()).or_default();
        let is_first = fellows.is_empty();
        fellows.insert(connection);
        self.ends.insert((until, connection));
        self.waits.insert(connection, Wait { topic, question, until, held: Held::default() });
        is_first
    }

    /// Whether anybody waits for this answer.
    pub(crate) fn is_awaited(&self, topic: &Topic) -> bool {
        self.topics.get(topic).is_some_and(|fellows| !fellows.is_empty())
    }

    pub(crate) fn hold(&mut self, connection: ConnectionId, said: Said, at: Instant) -> Holding {
        match self.waits.get_mut(&connection) {
            Some(wait) => {
                if wait.held.push(said, at) {
                    Holding::Held
                } else {
                    Holding::TooMuch
                }
            }
            None => Holding::Not(said),
        }
    }

    /// One waits no longer.
    pub(crate) fn take(&mut self, connection: ConnectionId) -> Option<Waited<Q>> {
        let Wait { topic, question, until, held } = self.waits.remove(&connection)?;
        self.ends.remove(&(until, connection));
        if let Some(fellows) = self.topics.get_mut(&topic) {
            fellows.remove(&connection);
            if fellows.is_empty() {
                self.topics.remove(&topic);
            }
        }
        Some(Waited { connection, question, held })
    }

    /// All who wait for this answer, in the order they came.
    pub(crate) fn take_all(&mut self, topic: &Topic) -> Vec<Waited<Q>> {
        let mut fellows: Vec<_> = self.topics.get(topic).into_iter().flatten().copied().collect();
        fellows.sort_unstable();
        fellows.into_iter().filter_map(|connection| self.take(connection)).collect()
    }

    /// One that has waited for long enough by `now`, if there is one left.
    pub(crate) fn poll_late(&mut self, now: Instant) -> Option<Waited<Q>> {
        let (until, connection) = *self.ends.first()?;
        if until <= now { self.take(connection) } else { None }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// What is waited for.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.keys()
    }
}
