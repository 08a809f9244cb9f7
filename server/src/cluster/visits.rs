//! Sessions that are here while their connections are at other nodes.

use std::collections::HashMap;

use super::NodeId;
use super::mail::CarriageId;
use crate::sessions::ConnectionId;

/// All of them. Pure.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    visits: HashMap<(NodeId, CarriageId), Visit>,
    by_connection: HashMap<ConnectionId, (NodeId, CarriageId)>,
}

#[derive(Debug)]
enum Visit {
    Here {
        connection: ConnectionId,
        taken: u32,
    },
    /// The session is given back, which the other node does not know yet.
    GivenBack,
}

/// Whom something is for that another node passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hearer {
    Here(ConnectionId),
    /// It goes back to where it came from.
    Back,
    /// Nobody any more.
    Nobody,
}

/// A session that has to go back to the node that has its connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) node: NodeId,
    pub(crate) carriage: CarriageId,
    /// How much of what the client said was taken here.
    pub(crate) taken: u32,
}

impl Visits {
    /// A session is here; its connection, which that node knows by this name, is `connection` here.
    pub(crate) fn begin(&mut self, node: NodeId, carriage: CarriageId, connection: ConnectionId) {
        self.by_connection.insert(connection, (node.clone(), carriage));
        self.visits.insert((node, carriage), Visit::Here { connection, taken: 0 });
    }

    /// Counts something that a client said.
    pub(crate) fn hear(&mut self, from: &NodeId, carriage: CarriageId) -> Hearer {
        match self.visits.get_mut(&(from.clone(), carriage)) {
            Some(Visit::Here { connection, taken }) => {
                *taken = taken.wrapping_add(1);
                Hearer::Here(*connection)
            }
            Some(Visit::GivenBack) => Hearer::Back,
            None => Hearer::Nobody,
        }
    }

    /// How the node of a connection calls it.
    pub(crate) fn of(&self, connection: ConnectionId) -> Option<(NodeId, CarriageId)> {
        self.by_connection.get(&connection).cloned()
    }

    /// The session of this connection goes on elsewhere.
    pub(crate) fn give_back(&mut self, connection: ConnectionId) -> Option<Farewell> {
        let (node, carriage) = self.by_connection.remove(&connection)?;
        let visit = self.visits.insert((node.clone(), carriage), Visit::GivenBack)?;
        match visit {
            Visit::Here { taken, .. } => Some(Farewell { node, carriage, taken }),
            Visit::GivenBack => None,
        }
    }

    /// The other node knows that the session was given back.
    pub(crate) fn release(&mut self, from: &NodeId, carriage: CarriageId) {
        let key = (from.clone(), carriage);
        if matches!(self.visits.get(&key), Some(Visit::GivenBack)) {
            self.visits.remove(&key);
        }
    }

    /// A connection is over.
    pub(crate) fn end(&mut self, connection: ConnectionId) {
        if let Some(key) = self.by_connection.remove(&connection) {
            self.visits.remove(&key);
        }
    }

    /// A node is lost, and with it these connections.
    pub(crate) fn lose(&mut self, node: &NodeId) -> Vec<(ConnectionId, CarriageId)> {
        self.visits.retain(|(of, _), visit| of != node || matches!(visit, Visit::Here { .. }));
        let visits = self.by_connection.iter().filter(|(_, (of, _))| of == node);
        let lost: Vec<_> = visits.map(|(connection, (_, carriage))| (*connection, *carriage)).collect();
        for (connection, _) in &lost {
            self.end(*connection);
        }
        lost
    }

    pub(crate) fn len(&self) -> usize {
        self.by_connection.len()
    }
}
