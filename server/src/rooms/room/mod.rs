//! One room: who is in it, who may come in, and what its people are told.

mod expected;
mod lobby;
mod paths;

use std::collections::VecDeque;

use visavis_protocol::{Door, ParticipantId, Role, RoomName, ServerMessage};

use super::Delivery;
use super::member::{Member, Standing};
use super::refusal::Refusal;
use crate::access::Identity;
use crate::sessions::SessionId;
use paths::Paths;

/// People who may wait for a host at a time.
pub(super) const LOBBY_SIZE: usize = 32;
/// Ids of those who left that are kept: who was away for that long finds out by itself that its connections are of no use.
const LEFT_KEPT: usize = 64;

/// One room: its members in the order they came, and who waits to become one.
#[derive(Debug, Default)]
pub(super) struct Room {
    door: Door,
    members: Vec<Member>,
    /// In the order they came.
    lobby: Vec<Member>,
    /// Those of the members that have no connection, in the order they lost it.
    absent: Vec<SessionId>,
    /// Who may not come in again.
    removed: Vec<Identity>,
    /// Who has left, the last ones.
    left: VecDeque<ParticipantId>,
    /// Who was here before the room was opened anew, or came here from elsewhere, and comes in whatever the door.
    expected: Vec<ParticipantId>,
    /// The one of them who was a host because nobody else was.
    expected_host: Option<ParticipantId>,
    /// Whether they are on their way: the room stays though nobody is in it, and needs no other host.
    is_awaiting: bool,
    /// Whether somebody was here whom a token makes a host; then nobody else becomes one.
    has_hosts_of_its_own: bool,
    paths: Paths,
}

/// What becomes of somebody who wants to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Room,
    Lobby,
}

impl Room {
    pub(super) fn new(door: Door) -> Self {
        Self { door, ..Self::default() }
    }

    /// A room that nobody can find, and nobody is host of.
    pub(super) fn for_strangers(relayed: bool) -> Self {
        Self { door: Door::Locked, has_hosts_of_its_own: true, paths: Paths::of(relayed), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is here, nor on the way.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.is_awaiting
    }

    /// Where somebody gets to who wants to come in, if anywhere.
    pub(super) fn entry_of(&self, newcomer: &Member, bypasses_lobby: bool) -> Result<Entry, Refusal> {
        if self.removed.contains(&newcomer.identity) {
            return Err(Refusal::RoomLocked);
        }
        match self.door {
            Door::Open => Ok(Entry::Room),
            Door::Lobby | Door::Locked if self.expects(&newcomer.id) => Ok(Entry::Room),
            Door::Lobby | Door::Locked if newcomer.is_host() => Ok(Entry::Room),
            Door::Lobby if bypasses_lobby => Ok(Entry::Room),
            Door::Lobby if self.lobby.len() < LOBBY_SIZE => Ok(Entry::Lobby),
            Door::Lobby => Err(Refusal::RoomFull),
            Door::Locked => Err(Refusal::RoomLocked),
        }
    }

    /// Takes somebody in, who offers to everybody here: who waited longer answers.
    pub(super) fn enter(&mut self, name: RoomName, newcomer: Member) -> Vec<Delivery> {
        let joined = ServerMessage::Joined {
            room: name,
            you: newcomer.id.clone(),
            participants: self.members.iter().map(|member| member.as_seen_with(Role::Offerer)).collect(),
            host: newcomer.is_host(),
            door: self.door,
            ice_mode: self.ice_mode(),
        };
        let mut deliveries = vec![Delivery { to: newcomer.session, message: joined }];
        deliveries.extend(self.consents_for(newcomer.session));
        if newcomer.is_host() {
            deliveries.extend(self.knocks_for(newcomer.session));
        }
        let participant = newcomer.as_seen_with(Role::Answerer);
        deliveries
            .extend(self.tell_others(newcomer.session, &ServerMessage::ParticipantJoined { participant }));
        self.has_hosts_of_its_own |= newcomer.standing == Standing::Host;
        self.expected.retain(|id| *id != newcomer.id);
        self.members.push(newcomer);
        deliveries
    }

    /// Tells somebody who has been here all the time what it has to know, with the roles that the others know of.
    pub(super) fn welcome_back(&self, name: RoomName, session: SessionId) -> Vec<Delivery> {
        let Some(position) = self.members.iter().position(|member| member.session == session) else {
            return Vec::new();
        };
        let (earlier, later) = self.members.split_at(position);
        let Some((member, later)) = later.split_first() else { return Vec::new() };
        let earlier = earlier.iter().map(|other| other.as_seen_with(Role::Offerer));
        let later = later.iter().map(|other| other.as_seen_with(Role::Answerer));
        let message = ServerMessage::Joined {
            room: name,
            you: member.id.clone(),
            participants: earlier.chain(later).collect(),
            host: member.is_host(),
            door: self.door,
            ice_mode: self.ice_mode(),
        };
        let mut deliveries = vec![Delivery { to: session, message }];
        deliveries.extend(self.consents_for(session));
        if member.is_host() {
            deliveries.extend(self.knocks_for(session));
        }
        deliveries
    }

    pub(super) fn has_seen_leave(&self, id: &ParticipantId) -> bool {
        self.left.contains(id)
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Member> {
        self.handle_return(session);
        let position = self.members.iter().position(|member| member.session == session)?;
        let leaver = self.members.remove(position);
        if self.left.len() == LEFT_KEPT {
            self.left.pop_front();
        }
        self.left.push_back(leaver.id.clone());
        Some(leaver)
    }

    /// Somebody who may not come in again.
    pub(super) fn ban(&mut self, identity: Identity) {
        self.removed.push(identity);
    }

    /// Whoever has been here for longest is a host if nobody else is.
    pub(super) fn appoint_host(&mut self) -> Vec<Delivery> {
        let has_host = self.has_hosts_of_its_own || self.members.iter().any(Member::is_host);
        if has_host || self.is_awaiting {
            return Vec::new();
        }
        let Some(heir) = self.members.first_mut() else { return Vec::new() };
        heir.standing = Standing::ActingHost;
        let (session, participant) = (heir.session, heir.id.clone());
        let mut deliveries = self.tell_all(&ServerMessage::Host { participant });
        deliveries.extend(self.knocks_for(session));
        deliveries
    }

    pub(super) fn set_door(&mut self, door: Door) -> Vec<Delivery> {
        self.door = door;
        self.tell_all(&ServerMessage::Door { door })
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn member(&self, session: SessionId) -> Option<&Member> {
        self.members.iter().find(|member| member.session == session)
    }

    pub(super) fn member_mut(&mut self, session: SessionId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.session == session)
    }

    pub(super) fn session_of(&self, id: &ParticipantId) -> Option<SessionId> {
        self.members.iter().find(|member| member.id == *id).map(|member| member.session)
    }

    pub(super) fn handle_absence(&mut self, session: SessionId) {
        if self.members.iter().any(|member| member.session == session) {
            self.absent.push(session);
        }
    }

    pub(super) fn handle_return(&mut self, session: SessionId) {
        self.absent.retain(|absent| *absent != session);
    }

    /// Who has been without a connection for longest.
    pub(super) fn longest_absent(&self) -> Option<(SessionId, ParticipantId)> {
        let session = *self.absent.first()?;
        let member = self.members.iter().find(|member| member.session == session)?;
        Some((session, member.id.clone()))
    }

    /// The message for every member but one.
    pub(super) fn tell_others(&self, but: SessionId, message: &ServerMessage) -> Vec<Delivery> {
        self.tell(message, |member| member.session != but)
    }

    fn tell_all(&self, message: &ServerMessage) -> Vec<Delivery> {
        self.tell(message, |_| true)
    }

    fn tell_hosts(&self, message: &ServerMessage) -> Vec<Delivery> {
        self.tell(message, Member::is_host)
    }

    fn tell(&self, message: &ServerMessage, whom: impl Fn(&Member) -> bool) -> Vec<Delivery> {
        self.members
            .iter()
            .filter(|member| whom(member))
            .map(|member| Delivery { to: member.session, message: message.clone() })
            .collect()
    }
}
