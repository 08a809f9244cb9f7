//! Connections that are here while their sessions are at other nodes.

use std::collections::HashMap;
use std::time::Instant;

use super::NodeId;
use super::held::Held;
use super::mail::{CarriageId, Moving, Said, Then};
use crate::sessions::ConnectionId;

/// All of them. Pure: it says where what a client says has to go.
#[derive(Debug, Default)]
pub(crate) struct Carriages {
    next: u64,
    carried: HashMap<CarriageId, Carried>,
    numbers: HashMap<ConnectionId, CarriageId>,
}

#[derive(Debug)]
struct Carried {
    connection: ConnectionId,
    node: NodeId,
    /// How much of what the client said was passed on.
    sent: u32,
    /// When the client asked for the room that it moved for, until it is answered.
    asked_at: Option<Instant>,
    /// The session is on its way back.
    returning: Option<Returning>,
}

#[derive(Debug)]
struct Returning {
    session: Box<Moving>,
    then: Then,
    /// What the other node has not taken of what was passed on, and has not given back yet.
    missing: u32,
    bounced: Vec<Said>,
    /// What the client has said since.
    held: Held,
}

/// Where something that a client says goes.
#[derive(Debug)]
pub(crate) enum Passing {
    To(NodeId, CarriageId, Said),
    /// It waits for the session, which is on its way back.
    Held,
    /// It would wait, but too much does already.
    TooMuch,
    /// The session is here.
    NotCarried(Said),
}

/// A session is back.
#[derive(Debug)]
pub(crate) struct Homecoming {
    pub(crate) connection: ConnectionId,
    pub(crate) session: Box<Moving>,
    pub(crate) then: Then,
    /// What the client has said since.
    pub(crate) said: Vec<(Said, Option<Instant>)>,
}

impl Carriages {
    /// From now on the session of this connection is at that node. Its client may have asked for a room at `asked_at`.
    pub(crate) fn begin(
        &mut self,
        connection: ConnectionId,
        node: NodeId,
        asked_at: Option<Instant>,
    ) -> CarriageId {
        let carriage = CarriageId(self.next);
        self.next += 1;
        self.carried.insert(carriage, Carried { connection, node, sent: 0, asked_at, returning: None });
        self.numbers.insert(connection, carriage);
        carriage
    }

    pub(crate) fn pass(&mut self, connection: ConnectionId, said: Said, at: Instant) -> Passing {
        let Some(carriage) = self.numbers.get(&connection) else { return Passing::NotCarried(said) };
        let Some(carried) = self.carried.get_mut(carriage) else { return Passing::NotCarried(said) };
        match &mut carried.returning {
            Some(returning) => {
                if returning.held.push(said, at) {
                    Passing::Held
                } else {
                    Passing::TooMuch
                }
            }
            None => {
                carried.sent = carried.sent.wrapping_add(1);
                Passing::To(carried.node.clone(), *carriage, said)
            }
        }
    }

    /// The connection that this node speaks of, if its session is there.
    pub(crate) fn connection_of(&self, from: &NodeId, carriage: CarriageId) -> Option<ConnectionId> {
        self.carried.get(&carriage).filter(|it| it.node == *from).map(|it| it.connection)
    }

    /// The client is answered: when it asked, if it waited for that.
    pub(crate) fn take_asked_at(&mut self, carriage: CarriageId) -> Option<Instant> {
        self.carried.get_mut(&carriage)?.asked_at.take()
    }

    /// The other node gives a session back, of whose client it has taken so much.
    pub(crate) fn handle_return(
        &mut self,
        from: &NodeId,
        carriage: CarriageId,
        (session, then): (Box<Moving>, Then),
        taken: u32,
    ) -> Option<Homecoming> {
        let carried = self.carried.get_mut(&carriage).filter(|it| it.node == *from)?;
        let missing = carried.sent.wrapping_sub(taken);
        let (bounced, held) = (Vec::new(), Held::default());
        carried.returning = Some(Returning { session, then, missing, bounced, held });
        self.poll_home(carriage)
    }

    /// The other node gives back what it has not taken.
    pub(crate) fn handle_bounce(
        &mut self,
        from: &NodeId,
        carriage: CarriageId,
        said: Said,
    ) -> Option<Homecoming> {
        let carried = self.carried.get_mut(&carriage).filter(|it| it.node == *from)?;
        let returning = carried.returning.as_mut()?;
        returning.missing = returning.missing.saturating_sub(1);
        returning.bounced.push(said);
        self.poll_home(carriage)
    }

    /// A connection is over: where its session is.
    pub(crate) fn end(&mut self, connection: ConnectionId) -> Option<(NodeId, CarriageId)> {
        let carriage = self.numbers.remove(&connection)?;
        self.carried.remove(&carriage).map(|it| (it.node, carriage))
    }

    /// A node is lost, and with it the sessions of these connections.
    pub(crate) fn lose(&mut self, node: &NodeId) -> Vec<(ConnectionId, CarriageId)> {
        let carried = self.carried.iter().filter(|(_, it)| it.node == *node);
        let lost: Vec<_> = carried.map(|(carriage, it)| (it.connection, *carriage)).collect();
        for (connection, _) in &lost {
            self.end(*connection);
        }
        lost
    }

    pub(crate) fn connections(&self) -> Vec<ConnectionId> {
        self.numbers.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    fn poll_home(&mut self, carriage: CarriageId) -> Option<Homecoming> {
        let is_home = |it: &Carried| it.returning.as_ref().is_some_and(|returning| returning.missing == 0);
        let connection = self.carried.get(&carriage).filter(|it| is_home(it))?.connection;
        self.numbers.remove(&connection);
        let Returning { session, then, bounced, held, .. } = self.carried.remove(&carriage)?.returning?;
        let said = bounced.into_iter().map(|said| (said, None)).chain(held.take()).collect();
        Some(Homecoming { connection, session, then, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Grant;
    use crate::sessions::{Packed, Sessions};

    const CONNECTION: ConnectionId = ConnectionId(3);

    fn node(name: &str) -> NodeId {
        NodeId::try_from(format!("{name:0>12}")).expect("a node")
    }

    fn moving() -> Box<Moving> {
        let mut sessions = Sessions::new(std::time::Duration::ZERO, rand::make_rng());
        sessions.open(CONNECTION, None, Grant::newcomer());
        let id = sessions.session_of(CONNECTION).expect("a session");
        let session: Packed = sessions.pack(id).expect("it is there");
        Box::new(Moving { session, address: None, wish: None, partings: Vec::new() })
    }

    fn then() -> Then {
        Then::Meet(super::super::Rendezvous {
            session: crate::cluster::SessionKey::of(&moving().session.token),
            node: node("b"),
        })
    }

    /// Passes a number on; whether it went to the other node.
    fn pass(carriages: &mut Carriages, number: u32) -> bool {
        matches!(carriages.pass(CONNECTION, Said::Read(number), Instant::now()), Passing::To(..))
    }

    #[test]
    fn what_was_not_taken_comes_back_before_what_was_said_since() {
        let mut carriages = Carriages::default();
        let there = node("a");
        let carriage = carriages.begin(CONNECTION, there.clone(), None);
        assert!((1..=3).all(|number| pass(&mut carriages, number)));
        assert!(
            carriages.handle_return(&there, carriage, (moving(), then()), 1).is_none(),
            "two are missing"
        );
        assert!(!pass(&mut carriages, 4), "it waits");
        assert!(carriages.handle_bounce(&there, carriage, Said::Read(2)).is_none());
        let home = carriages.handle_bounce(&there, carriage, Said::Read(3)).expect("it is complete");
        let said: Vec<_> = home.said.into_iter().map(|(said, _)| said).collect();
        assert_eq!(said, [Said::Read(2), Said::Read(3), Said::Read(4)]);
        assert_eq!(home.connection, CONNECTION);
        assert_eq!(carriages.len(), 0);
    }

    #[test]
    fn another_node_has_no_say() {
        let mut carriages = Carriages::default();
        let carriage = carriages.begin(CONNECTION, node("a"), None);
        let other = node("b");
        assert_eq!(carriages.connection_of(&other, carriage), None);
        assert!(carriages.handle_return(&other, carriage, (moving(), then()), 0).is_none());
        assert!(pass(&mut carriages, 1));
        assert_eq!(carriages.lose(&other), []);
        assert_eq!(carriages.lose(&node("a")), [(CONNECTION, carriage)]);
        assert!(!pass(&mut carriages, 2));
    }
}
