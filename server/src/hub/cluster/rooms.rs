//! Rooms, each of which is at one node.

use std::time::Instant;

use visavis_protocol::{ClientMessage, ErrorCode, RoomName, ServerMessage};

use super::{PATIENCE, Question, RETRY_AFTER};
use crate::cluster::{Command, NodeId, SessionKey, Then, Topic, Waited};
use crate::conversation::Complaint;
use crate::hub::{Dismissal, Hub};
use crate::rooms::Delivery;
use crate::sessions::{ConnectionId, SessionId};

impl Hub {
    /// A client that wants into a room that is not here waits until it is known where that is. Any other message, and
    /// that of a client that would be refused anyway, is given back.
    pub(in crate::hub) fn ask_for_room(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        session: SessionId,
        message: ClientMessage,
        at: Instant,
    ) -> Option<ClientMessage> {
        let ClientMessage::Join(join) = message else { return Some(message) };
        // Who goes on with a stay may be in a room that no token is for.
        let may_enter = join.again.is_some()
            || self.sessions.grant(session).is_some_and(|grant| grant.may_enter(&join.room));
        let is_settled = self.rooms.has(&join.room) || self.rooms.hold(session) || self.waits(session);
        match &mut self.cluster {
            Some(cluster) if may_enter && !is_settled => {
                let (topic, question) = (Topic::Room(join.room.clone()), Question::Room { join, at });
                cluster.ask(connection, topic, question, now + PATIENCE);
                None
            }
            Some(_) | None => Some(ClientMessage::Join(join)),
        }
    }

    pub(super) fn on_claimed(&mut self, now: Instant, room: RoomName, owner: NodeId, memory: Option<String>) {
        let is_mine = self.is_me(&owner);
        let Some(cluster) = &mut self.cluster else { return };
        let waiting = cluster.waits.take_all(&Topic::Room(room.clone()));
        if !is_mine {
            self.yield_room(now, &room);
            for Waited { connection, question, held } in waiting {
                if let Question::Room { join, at } = question {
                    self.move_to(now, connection, &owner, Then::Join(join), (held, Some(at)));
                }
            }
            return;
        }
        cluster.claimed.insert(room.clone());
        let until = now + cluster.grace;
        if let Some(memory) = memory {
            self.rooms.restore(&room, &memory, until);
        }
        for Waited { connection, question, held } in waiting {
            if let Question::Room { join, at } = question
                && let Some(session) = self.sessions.session_of(connection)
            {
                self.act_here(now, connection, session, ClientMessage::Join(join), at);
            }
            self.take_held(now, connection, held);
        }
        if !self.rooms.has(&room) {
            self.release(room);
        }
    }

    /// Who has the room could not be found out; should the broker take it for this node's, it is not.
    pub(super) fn on_claim_failed(&mut self, room: RoomName) {
        let is_here = self.rooms.has(&room);
        if let Some(cluster) = &mut self.cluster {
            cluster.claimed.remove(&room);
            if !is_here {
                cluster.tell(Command::Release { room });
            }
        }
    }

    /// Another node has a room that was here: its people find the others there.
    pub(super) fn yield_room(&mut self, now: Instant, room: &RoomName) {
        if let Some(cluster) = &mut self.cluster {
            cluster.claimed.remove(room);
        }
        for session in self.rooms.dissolve(room) {
            self.interrupt(now, session, Dismissal::Interrupted);
        }
    }

    /// A session that was here is elsewhere, or its client is, in another one.
    pub(super) fn on_session_lost(&mut self, now: Instant, session: &SessionKey) {
        if let Some(session) = self.cluster.as_mut().and_then(|cluster| cluster.settled.lose(session)) {
            self.interrupt(now, session, Dismissal::Superseded);
        }
    }

    /// Tells the others of rooms that have come to be, have changed, or are gone.
    pub(in crate::hub) fn publish_rooms(&mut self) {
        for name in self.rooms.take_changed() {
            match self.rooms.memory(&name) {
                Some(memory) => {
                    self.claim_open(name.clone());
                    self.tell_broker(Command::Remember { room: name, memory });
                }
                None => self.release(name),
            }
        }
    }

    /// Rooms that the others do not know of.
    pub(super) fn claim_rest(&mut self) {
        let names: Vec<_> = self.rooms.names().cloned().collect();
        for name in names {
            if let Some(memory) = self.rooms.memory(&name)
                && self.claim_open(name.clone())
            {
                self.tell_broker(Command::Remember { room: name, memory });
            }
        }
    }

    /// Makes a room this node's that it has opened by itself. Whether it was not yet.
    fn claim_open(&mut self, room: RoomName) -> bool {
        let Some(cluster) = &mut self.cluster else { return false };
        let is_new = cluster.claimed.insert(room.clone());
        if is_new {
            cluster.tell(Command::Claim { room });
        }
        is_new
    }

    /// Gives a room back, unless it is being claimed again: the answer to that decides.
    fn release(&mut self, room: RoomName) {
        if let Some(cluster) = &mut self.cluster
            && !cluster.waits.is_awaited(&Topic::Room(room.clone()))
            && cluster.claimed.remove(&room)
        {
            cluster.tell(Command::Release { room });
        }
    }

    /// Says that it cannot be known at the moment what a client wants to know, and when to ask again.
    pub(super) fn refuse_for_now(&mut self, now: Instant, to: SessionId) {
        let complaint = Complaint {
            retry_after: Some(RETRY_AFTER),
            ..Complaint::new(ErrorCode::Unavailable, "the other servers cannot be reached at the moment")
        };
        self.deliver(now, vec![Delivery { to, message: ServerMessage::from(complaint) }]);
    }

    fn interrupt(&mut self, now: Instant, session: SessionId, dismissal: Dismissal) {
        if let Some(connection) = self.sessions.connection_of(session) {
            self.dismiss(connection, dismissal);
        }
        self.end(now, session);
    }
}
