//! Who is in which room, and who hears what: the pure core of the server.
//!
//! [`Rooms`] takes what sessions say and gives what is to be delivered to which session. It owns no socket,
//! clock, task or lock. What participants say to each other it forwards without looking into it.

mod certified;
mod hosting;
mod member;
mod memory;
mod refusal;
mod returning;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::Instant;

use rand::rngs::StdRng;
use visavis_protocol::{
    ClientMessage, DisplayName, Door, Join, LeaveReason, MediaState, ParticipantId, RoomName, ServerMessage,
    SessionToken,
};

use crate::access::Identity;
use crate::sessions::{IdMap, SessionId, Speaker};
use certified::Circle;
use member::{Member, Standing};
pub(crate) use refusal::Refusal;
use returning::Recalled;
use room::{Entry, Room};

/// A message for one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) to: SessionId,
    pub(crate) message: ServerMessage,
}

/// Somebody who meets somebody unknown.
#[derive(Debug)]
pub(crate) struct Stranger {
    pub(crate) session: SessionId,
    pub(crate) identity: Identity,
    pub(crate) name: DisplayName,
    pub(crate) media: MediaState,
}

/// Two who are in a room together, or were, as the first of them sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meeting {
    pub(crate) of: SessionId,
    /// What the others see of it.
    pub(crate) name: DisplayName,
    pub(crate) with: SessionId,
    pub(crate) with_id: ParticipantId,
    pub(crate) with_name: DisplayName,
    pub(crate) room: RoomName,
}

/// All rooms of this server. A room comes to be with its first participant and is gone with its last.
#[derive(Debug)]
pub(crate) struct Rooms {
    size: NonZeroUsize,
    /// Of a room that comes to be.
    door: Door,
    /// Whether strangers are relayed until both want a direct path.
    relays_strangers: bool,
    rng: StdRng,
    rooms: HashMap<RoomName, Room>,
    /// The room each session is in or waits for; the same as `rooms` the other way round.
    stays: IdMap<SessionId, RoomName>,
    /// Who is no longer in a room with whom, since somebody asked.
    partings: Vec<Meeting>,
    /// Sessions whose places others have taken over, since somebody asked.
    replaced: Vec<SessionId>,
    /// Rooms that are not what they were, since somebody asked; none, if nobody does.
    changed: Option<Vec<RoomName>>,
    /// Until when rooms are kept for those who were in them elsewhere.
    awaiting: VecDeque<(Instant, RoomName)>,
}

impl Rooms {
    /// Rooms of at most `size` participants, whose ids are drawn from `rng`, with such a door to begin with. Where media of
    /// strangers is to be relayed, it is until both want it otherwise.
    pub(crate) fn new(size: NonZeroUsize, door: Door, relays_strangers: bool, rng: StdRng) -> Self {
        let (rooms, stays) = (HashMap::new(), IdMap::default());
        let (partings, replaced, awaiting) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { size, door, relays_strangers, rng, rooms, stays, partings, replaced, changed: None, awaiting }
    }

    /// What follows from a message that was said after the hello.
    pub(crate) fn handle(&mut self, speaker: Speaker<'_>, message: ClientMessage) -> Vec<Delivery> {
        let from = speaker.session;
        let outcome = match message {
            ClientMessage::Hello(_) => Err(Refusal::SecondHello),
            ClientMessage::Join(join) => self.on_join(speaker, join),
            ClientMessage::Leave => self.remove(from, LeaveReason::Left).ok_or(Refusal::NotInRoom),
            ClientMessage::Seek(_) | ClientMessage::Next => Err(Refusal::MatchingOff),
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
            ClientMessage::Consent => self.room_of(from).and_then(|room| room.consent(from)),
            ClientMessage::Host(action) => self.on_host_action(from, action),
            ClientMessage::Report(_) | ClientMessage::Block { .. } => Err(Refusal::KeepsNoReports),
            // Counted by whoever asks.
            ClientMessage::Path(_) => self.member(from).map(|_| Vec::new()),
        };
        outcome.unwrap_or_else(|refusal| vec![Delivery { to: from, message: refusal.into_message() }])
    }

    /// Puts two who are in no room into one of their own, which nobody else comes into.
    pub(crate) fn open_for(&mut self, two: [(Stranger, &SessionToken); 2]) -> Vec<Delivery> {
        let name = certified::draw_strangers(&mut self.rng, [two[0].1, two[1].1]);
        let mut room = Room::for_strangers(self.relays_strangers);
        let mut deliveries = Vec::new();
        for (Stranger { session, identity, name: called, media }, token) in two {
            let id = certified::draw_participant(&mut self.rng, token, &name);
            let member = Member { session, identity, id, name: called, media, standing: Standing::Guest };
            deliveries.extend(room.enter(name.clone(), member));
            self.stays.insert(session, name.clone());
        }
        self.touch(&name);
        self.rooms.insert(name, room);
        deliveries
    }

    /// Somebody leaves its room, if it is in one.
    pub(crate) fn handle_leave(&mut self, session: SessionId) -> Vec<Delivery> {
        self.remove(session, LeaveReason::Left).unwrap_or_default()
    }

    /// What follows from the end of a session.
    pub(crate) fn handle_end(&mut self, session: SessionId) -> Vec<Delivery> {
        self.remove(session, LeaveReason::Disconnected).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn has(&self, name: &RoomName) -> bool {
        self.rooms.contains_key(name)
    }

    /// People in all rooms and lobbies.
    pub(crate) fn participants(&self) -> usize {
        self.stays.len()
    }

    /// Whether the session is in a room, or waits for one.
    pub(crate) fn hold(&self, session: SessionId) -> bool {
        self.stays.contains_key(&session)
    }

    /// A session has lost its connection. It keeps its place, unless somebody else needs it.
    pub(crate) fn handle_absence(&mut self, session: SessionId) {
        if let Ok(room) = self.room_of(session) {
            room.handle_absence(session);
        }
    }

    /// A session has a connection again.
    pub(crate) fn handle_return(&mut self, session: SessionId) {
        if let Ok(room) = self.room_of(session) {
            room.handle_return(session);
        }
    }

    /// A session's meeting with somebody who is in its room.
    pub(crate) fn meeting(&self, session: SessionId, with: &ParticipantId) -> Option<Meeting> {
        let name = self.stays.get(&session)?;
        let room = self.rooms.get(name)?;
        let with = room.session_of(with).filter(|with| *with != session)?;
        Some(room.member(session)?.meets(room.member(with)?, name))
    }

    /// Those who were together and are no longer, both ways, since this was asked last.
    pub(crate) fn take_partings(&mut self) -> Vec<Meeting> {
        std::mem::take(&mut self.partings)
    }

    /// Sessions whose places others have taken over since this was asked last: they are over.
    pub(crate) fn take_replaced(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.replaced)
    }

    fn on_join(&mut self, from: Speaker<'_>, join: Join) -> Result<Vec<Delivery>, Refusal> {
        let Speaker { session, token, grant } = from;
        if self.stays.contains_key(&session) {
            return Err(Refusal::AlreadyInRoom);
        }
        let again = join.again.filter(|again| certified::is_participant(&again.you, token, &join.room));
        let is_open = self.rooms.contains_key(&join.room);
        let standing = match certified::circle(&join.room, token) {
            Circle::OneOfTwo if again.is_some() => Standing::Guest,
            Circle::OneOfTwo | Circle::TwoOthers => return Err(Refusal::RoomLocked),
            Circle::Anybody if !grant.may_enter(&join.room) => return Err(Refusal::AnotherRoom),
            Circle::Anybody if !is_open && !grant.may_create() => return Err(Refusal::RoomNotOpen),
            Circle::Anybody if grant.is_host() => Standing::Host,
            Circle::Anybody if is_open => Standing::Guest,
            Circle::Anybody => Standing::ActingHost,
        };
        let mut newcomer = Member {
            session,
            identity: grant.identity.clone(),
            id: certified::draw_participant(&mut self.rng, token, &join.room),
            name: grant.name.clone().unwrap_or(join.name),
            media: join.media,
            standing,
        };
        if let Some(again) = again {
            match self.recall(&join.room, &again.you) {
                Recalled::Member(old) => return self.take_over(join.room, old, newcomer),
                Recalled::Gone => {}
                Recalled::Possible => {
                    newcomer.id = again.you;
                    self.restore_standing(&join.room, &mut newcomer);
                }
                Recalled::Forgotten => {
                    newcomer.id = again.you.clone();
                    self.open_again(&join.room, token, again);
                }
            }
        }
        self.come(join.room, newcomer, grant.bypasses_lobby())
    }

    /// Somebody comes to the door of a room.
    fn come(
        &mut self,
        name: RoomName,
        newcomer: Member,
        bypasses_lobby: bool,
    ) -> Result<Vec<Delivery>, Refusal> {
        let room = self.rooms.get(&name);
        let entry = room.map_or(Ok(Entry::Room), |room| room.entry_of(&newcomer, bypasses_lobby))?;
        let mut deliveries = match entry {
            Entry::Room => self.make_way(&name)?,
            Entry::Lobby => Vec::new(),
        };
        self.stays.insert(newcomer.session, name.clone());
        self.touch(&name);
        let door = self.door;
        let room = self.rooms.entry(name.clone()).or_insert_with(|| Room::new(door));
        deliveries.extend(match entry {
            Entry::Room => room.enter(name, newcomer),
            Entry::Lobby => room.wait(name, newcomer),
        });
        Ok(deliveries)
    }

    /// Sees to it that one more fits into a room. Who has been without a connection for longest gives way: somebody whose
    /// program crashed gets in again.
    fn make_way(&mut self, name: &RoomName) -> Result<Vec<Delivery>, Refusal> {
        let Some(room) = self.rooms.get(name) else { return Ok(Vec::new()) };
        if room.len() < self.size.get() {
            return Ok(Vec::new());
        }
        let (absent, id) = room.longest_absent().ok_or(Refusal::RoomFull)?;
        Ok(self.take_out(absent, id, LeaveReason::Disconnected))
    }

    fn on_media(&mut self, from: SessionId, media: MediaState) -> Result<Vec<Delivery>, Refusal> {
        let room = self.room_of(from)?;
        if let Some(waiting) = room.lobby_mut(from) {
            waiting.media = media;
            return Ok(Vec::new());
        }
        let member = room.member_mut(from).ok_or(Refusal::NotInRoom)?;
        member.media = media;
        let id = member.id.clone();
        Ok(room.tell_others(from, &ServerMessage::Media { from: id, media }))
    }

    fn forward(
        &mut self,
        from: SessionId,
        to: &ParticipantId,
        message: impl FnOnce(ParticipantId) -> ServerMessage,
    ) -> Result<Vec<Delivery>, Refusal> {
        let room = self.room_of(from)?;
        let sender = room.member_mut(from).ok_or(Refusal::NotInRoom)?.id.clone();
        let to = self.other(from, to)?;
        Ok(vec![Delivery { to, message: message(sender) }])
    }

    /// Takes a session out of its room or lobby; `None` if it is in none.
    fn remove(&mut self, session: SessionId, reason: LeaveReason) -> Option<Vec<Delivery>> {
        let name = self.stays.remove(&session)?;
        self.touch(&name);
        let room = self.rooms.get_mut(&name)?;
        if let Some((_, told)) = room.call_up(session) {
            return Some(told);
        }
        let leaver = room.remove(session)?;
        for other in room.members() {
            self.partings.extend([leaver.meets(other, &name), other.meets(&leaver, &name)]);
        }
        if room.is_empty() {
            let waiting = room.clear_lobby();
            self.rooms.remove(&name);
            return Some(self.open_anew(&name, waiting));
        }
        let mut deliveries =
            room.tell_others(session, &ServerMessage::ParticipantLeft { participant: leaver.id, reason });
        deliveries.extend(room.appoint_host());
        Some(deliveries)
    }

    /// Nobody is left who could let them in: they come as if nobody had been there.
    fn open_anew(&mut self, name: &RoomName, waiting: Vec<Member>) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for mut member in waiting {
            let session = member.session;
            if !self.rooms.contains_key(name) {
                member.standing = Standing::ActingHost;
            }
            match self.come(name.clone(), member, false) {
                Ok(told) => deliveries.extend(told),
                Err(_) => {
                    self.stays.remove(&session);
                    deliveries.push(Delivery { to: session, message: ServerMessage::TurnedAway });
                }
            }
        }
        deliveries
    }

    /// Who was the host of a room is so again.
    fn restore_standing(&self, name: &RoomName, newcomer: &mut Member) {
        let was_host = self.rooms.get(name).is_some_and(|room| room.was_host(&newcomer.id));
        if was_host && newcomer.standing == Standing::Guest {
            newcomer.standing = Standing::ActingHost;
        }
    }

    fn member(&mut self, session: SessionId) -> Result<&Member, Refusal> {
        self.room_of(session)?.member(session).ok_or(Refusal::NotInRoom)
    }

    fn room_of(&mut self, session: SessionId) -> Result<&mut Room, Refusal> {
        let name = self.stays.get(&session).ok_or(Refusal::NotInRoom)?;
        self.rooms.get_mut(name).ok_or(Refusal::NotInRoom)
    }
}
