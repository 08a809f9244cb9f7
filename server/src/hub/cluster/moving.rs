//! Sessions that go to the node of a room, or come from one.

use std::time::Instant;

use tracing::debug;
use visavis_protocol::ClientMessage;

use crate::cluster::{Command, Farewell, Held, Mail, Moving, NodeId, Then};
use crate::hub::Hub;
use crate::sessions::{ConnectionId, SessionId};

impl Hub {
    /// The session of a connection goes on at another node. If the connection is at a third one, that one sends it there.
    pub(super) fn move_to(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        node: &NodeId,
        then: Then,
        (held, asked_at): (Held, Option<Instant>),
    ) {
        let Some(session) = self.sessions.session_of(connection) else { return };
        let Some(moving) = self.pack(now, session) else { return };
        let Some(cluster) = &mut self.cluster else { return };
        debug!(connection = connection.0, %node, "a session goes to another node");
        self.metrics.sessions_moved.inc();
        let session = Box::new(moving);
        let Some(Farewell { node: home, carriage, taken }) = cluster.visits.give_back(connection) else {
            let carriage = cluster.carriages.begin(connection, node.clone(), asked_at);
            cluster.send(node, &Mail::Move { carriage, session, then });
            return self.take_held(now, connection, held);
        };
        self.links.remove(&connection);
        let taken = taken.wrapping_sub(held.len());
        cluster.send(&home, &Mail::Return { carriage, session, then, taken });
        for (said, _) in held.take() {
            cluster.send(&home, &Mail::Bounced { carriage, said });
        }
    }

    /// A session goes on here, over this connection.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        moving: Moving,
        then: Then,
        at: Instant,
    ) {
        let Moving { session, address, wish, partings } = moving;
        let identity = session.grant.identity.clone();
        let session = self.sessions.unpack(connection, session);
        self.register.enter(session, identity.clone(), address);
        self.register.unpack_partings(now, session, partings);
        if let (Some(strangers), Some(wish)) = (&mut self.strangers, wish) {
            strangers.unpack(now, session, identity, wish);
        }
        match then {
            Then::Join(join) => self.act(now, connection, session, ClientMessage::Join(join), at),
            Then::Meet(first) if self.is_me(&first.node) => self.on_arrival(now, session, &first.session),
            Then::Meet(first) => {
                let node = first.node.clone();
                self.move_to(now, connection, &node, Then::Meet(first), (Held::default(), None));
            }
        }
    }

    /// A client goes on with what it has said meanwhile.
    pub(super) fn take_held(&mut self, now: Instant, connection: ConnectionId, held: Held) {
        for (said, at) in held.take() {
            self.route(now, connection, said, at.unwrap_or(now));
        }
    }

    /// A session is somewhere: others are to find it.
    pub(in crate::hub) fn settle(&mut self, session: SessionId) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(token) = self.sessions.token(session) else { return };
        for session in cluster.settled.settle(session, token, self.sessions.former_token(session)) {
            cluster.tell(Command::Settle { session });
        }
    }

    /// A session is over, or elsewhere.
    pub(in crate::hub) fn unsettle(&mut self, session: SessionId) {
        let Some(cluster) = &mut self.cluster else { return };
        for session in cluster.settled.unsettle(session) {
            cluster.tell(Command::Unsettle { session });
        }
    }

    pub(super) fn is_me(&self, node: &NodeId) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.me == *node)
    }

    fn pack(&mut self, now: Instant, session: SessionId) -> Option<Moving> {
        let address = self.register.address_of(session);
        let wish = self.strangers.as_mut().and_then(|strangers| strangers.pack(now, session));
        let packed = self.sessions.pack(session)?;
        let partings = self.register.pack_partings(now, session);
        self.register.leave(session);
        self.unsettle(session);
        Some(Moving { session: packed, address, wish, partings })
    }
}
