//! Who is in which room, and who hears what: the pure core of the server.
//!
//! [`Rooms`] takes what connections say and gives what is to be delivered to which connection. It owns no socket,
//! clock, task or lock. What participants say to each other it forwards without looking into it.

mod ids;
mod refusal;
mod room;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::num::NonZeroUsize;

use rand::rngs::StdRng;
use visavis_protocol::{
    ClientMessage, Join, LeaveReason, MediaState, ParticipantId, RoomName, ServerMessage,
};

use ids::ParticipantIds;
use refusal::Refusal;
use room::{Member, Room};

/// One connection for as long as it lives; clients never learn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// A message for one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) to: ConnectionId,
    pub(crate) message: ServerMessage,
}

/// All rooms of this server. A room comes to be with its first participant and is gone with its last.
#[derive(Debug)]
pub(crate) struct Rooms {
    size: NonZeroUsize,
    ids: ParticipantIds,
    rooms: HashMap<RoomName, Room>,
    /// The room each connection is in; the same as `rooms` the other way round.
    stays: HashMap<ConnectionId, RoomName>,
}

impl Rooms {
    /// Rooms of at most `size` participants, whose ids are drawn from `rng`.
    pub(crate) fn new(size: NonZeroUsize, rng: StdRng) -> Self {
        Self { size, ids: ParticipantIds::new(rng), rooms: HashMap::new(), stays: HashMap::new() }
    }

    /// What follows from a message that was said after the hello.
    pub(crate) fn handle(&mut self, from: ConnectionId, message: ClientMessage) -> Vec<Delivery> {
        let outcome = match message {
            ClientMessage::Hello(_) => Err(Refusal::SecondHello),
            ClientMessage::Join(join) => self.on_join(from, join),
            ClientMessage::Leave => self.remove(from, LeaveReason::Left).ok_or(Refusal::NotInRoom),
            ClientMessage::Description { to, description } => {
                self.forward(from, &to, |from| ServerMessage::Description { from, description })
            }
            ClientMessage::Candidates { to, candidates } => {
                self.forward(from, &to, |from| ServerMessage::Candidates { from, candidates })
            }
            ClientMessage::EndOfCandidates { to, ufrag } => {
                self.forward(from, &to, |from| ServerMessage::EndOfCandidates { from, ufrag })
            }
            ClientMessage::Media(media) => self.on_media(from, media),
        };
        outcome.unwrap_or_else(|refusal| vec![Delivery { to: from, message: refusal.into_message() }])
    }

    /// What follows from the end of a connection.
    pub(crate) fn handle_disconnect(&mut self, connection: ConnectionId) -> Vec<Delivery> {
        self.remove(connection, LeaveReason::Disconnected).unwrap_or_default()
    }

    fn on_join(&mut self, from: ConnectionId, join: Join) -> Result<Vec<Delivery>, Refusal> {
        if self.stays.contains_key(&from) {
            return Err(Refusal::AlreadyInRoom);
        }
        if self.rooms.get(&join.room).is_some_and(|room| room.len() >= self.size.get()) {
            return Err(Refusal::RoomFull);
        }
        let room = self.rooms.entry(join.room.clone()).or_default();
        let newcomer = Member { connection: from, id: self.ids.draw(), name: join.name, media: join.media };
        let mut deliveries = vec![Delivery {
            to: from,
            message: ServerMessage::Joined {
                room: join.room.clone(),
                you: newcomer.id.clone(),
                participants: room.seen_by_newcomer(),
            },
        }];
        deliveries.extend(room.announce(&newcomer));
        room.add(newcomer);
        self.stays.insert(from, join.room);
        Ok(deliveries)
    }

    fn on_media(&mut self, from: ConnectionId, media: MediaState) -> Result<Vec<Delivery>, Refusal> {
        let room = self.room_of(from)?;
        let member = room.member_mut(from).ok_or(Refusal::NotInRoom)?;
        member.media = media;
        let id = member.id.clone();
        Ok(room.tell_others(from, &ServerMessage::Media { from: id, media }))
    }

    fn forward(
        &mut self,
        from: ConnectionId,
        to: &ParticipantId,
        message: impl FnOnce(ParticipantId) -> ServerMessage,
    ) -> Result<Vec<Delivery>, Refusal> {
        let room = self.room_of(from)?;
        let sender = room.member_mut(from).ok_or(Refusal::NotInRoom)?.id.clone();
        let to = room.connection_of(to).filter(|&to| to != from).ok_or(Refusal::UnknownParticipant)?;
        Ok(vec![Delivery { to, message: message(sender) }])
    }

    /// Takes a connection out of its room; `None` if it is in none.
    fn remove(&mut self, connection: ConnectionId, reason: LeaveReason) -> Option<Vec<Delivery>> {
        let name = self.stays.remove(&connection)?;
        let room = self.rooms.get_mut(&name)?;
        let leaver = room.remove(connection)?;
        if room.is_empty() {
            self.rooms.remove(&name);
            return Some(Vec::new());
        }
        Some(room.tell_others(connection, &ServerMessage::ParticipantLeft { participant: leaver.id, reason }))
    }

    fn room_of(&mut self, connection: ConnectionId) -> Result<&mut Room, Refusal> {
        let name = self.stays.get(&connection).ok_or(Refusal::NotInRoom)?;
        self.rooms.get_mut(name).ok_or(Refusal::NotInRoom)
    }
}
