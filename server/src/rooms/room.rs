use std::collections::VecDeque;

use visavis_protocol::{
    DisplayName, Door, IceMode, Knock, MediaState, Participant, ParticipantId, Role, RoomName, ServerMessage,
};

use super::memory::Memory;
use super::refusal::Refusal;
use super::{Delivery, Meeting};
use crate::access::Identity;
use crate::sessions::SessionId;

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
    /// Who was here before the room was opened anew, and comes in whatever the door.
    expected: Vec<ParticipantId>,
    /// Who has left, the last ones.
    left: VecDeque<ParticipantId>,
    /// The one of them who was a host because nobody else was.
    expected_host: Option<ParticipantId>,
    /// Whether they are on their way: the room stays though nobody is in it, and needs no other host.
    is_awaiting: bool,
    /// Whether somebody was here whom a token makes a host; then nobody else becomes one.
    has_hosts_of_its_own: bool,
    paths: Paths,
}

/// Which paths media may take.
#[derive(Debug, Default)]
enum Paths {
    /// Those that the welcome says.
    #[default]
    Welcome,
    /// Through relays alone, until everybody would let the others know its addresses, as these would.
    Relayed { consented: Vec<ParticipantId> },
}

impl Paths {
    /// Relays, and nobody has consented to more.
    fn relayed() -> Self {
        Self::Relayed { consented: Vec::new() }
    }
}

/// Somebody in a room, or in its lobby.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) session: SessionId,
    pub(super) identity: Identity,
    pub(super) id: ParticipantId,
    pub(super) name: DisplayName,
    pub(super) media: MediaState,
    pub(super) standing: Standing,
}

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Guest,
    /// A host because nobody else was.
    ActingHost,
    /// A host because of a token.
    Host,
}

/// What becomes of somebody who wants to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Room,
    Lobby,
}

impl Member {
    pub(super) fn is_host(&self) -> bool {
        self.standing != Standing::Guest
    }

    fn as_seen_with(&self, role: Role) -> Participant {
        Participant {
            id: self.id.clone(),
            name: self.name.clone(),
            media: self.media,
            role,
            host: self.is_host(),
        }
    }

    fn knock(&self) -> ServerMessage {
        ServerMessage::Knock(Knock { participant: self.id.clone(), name: self.name.clone() })
    }

    pub(super) fn meets(&self, other: &Self, room: &RoomName) -> Meeting {
        Meeting {
            of: self.session,
            name: self.name.clone(),
            with: other.session,
            with_id: other.id.clone(),
            with_name: other.name.clone(),
            room: room.clone(),
        }
    }
}

impl Room {
    pub(super) fn new(door: Door) -> Self {
        Self { door, ..Self::default() }
    }

    /// A room that nobody can find, and nobody is host of.
    pub(super) fn for_strangers(relayed: bool) -> Self {
        let paths = if relayed { Paths::relayed() } else { Paths::Welcome };
        Self { door: Door::Locked, has_hosts_of_its_own: true, paths, ..Self::default() }
    }

    /// A room that was elsewhere, whose people are on their way.
    pub(super) fn restored(memory: Memory) -> Self {
        let Memory { door, removed, has_hosts_of_its_own, is_relayed, members, acting_host } = memory;
        let (expected, expected_host) = (members, acting_host);
        Self {
            door,
            removed,
            expected,
            expected_host,
            is_awaiting: true,
            has_hosts_of_its_own,
            paths: if is_relayed { Paths::relayed() } else { Paths::Welcome },
            ..Self::default()
        }
    }

    /// What is to be known of it elsewhere, with so many of those who may not come in again.
    pub(super) fn memory(&self, most_removed: usize) -> Memory {
        let surplus = self.removed.len().saturating_sub(most_removed);
        let acting = self.members.iter().find(|member| member.standing == Standing::ActingHost);
        let here = self.members.iter().map(|member| &member.id);
        Memory {
            door: self.door,
            removed: self.removed.iter().skip(surplus).cloned().collect(),
            has_hosts_of_its_own: self.has_hosts_of_its_own,
            is_relayed: matches!(self.paths, Paths::Relayed { .. }),
            members: here.chain(&self.expected).cloned().collect(),
            acting_host: acting.map(|member| member.id.clone()).or_else(|| self.expected_host.clone()),
        }
    }

    /// Whether somebody who is on its way was the host.
    pub(super) fn was_host(&self, id: &ParticipantId) -> bool {
        self.expected_host.as_ref() == Some(id)
    }

    pub(super) fn stop_awaiting(&mut self) {
        (self.is_awaiting, self.expected_host) = (false, None);
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

    /// Those may come in who were here before.
    pub(super) fn expect(&mut self, ids: Vec<ParticipantId>) {
        self.expected = ids;
    }

    pub(super) fn has_seen_leave(&self, id: &ParticipantId) -> bool {
        self.left.contains(id)
    }

    fn expects(&self, id: &ParticipantId) -> bool {
        self.expected.contains(id)
    }

    /// Lets somebody wait, and the hosts know.
    pub(super) fn wait(&mut self, name: RoomName, newcomer: Member) -> Vec<Delivery> {
        let waiting = ServerMessage::Waiting { room: name, you: newcomer.id.clone() };
        let mut deliveries = vec![Delivery { to: newcomer.session, message: waiting }];
        deliveries.extend(self.tell_hosts(&newcomer.knock()));
        self.lobby.push(newcomer);
        deliveries
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

    /// Takes somebody out of the lobby, and tells the hosts.
    pub(super) fn call_up(&mut self, session: SessionId) -> Option<(Member, Vec<Delivery>)> {
        let position = self.lobby.iter().position(|member| member.session == session)?;
        let member = self.lobby.remove(position);
        let told = self.tell_hosts(&ServerMessage::KnockEnded { participant: member.id.clone() });
        Some((member, told))
    }

    pub(super) fn waiting_sessions(&self) -> Vec<SessionId> {
        self.lobby.iter().map(|member| member.session).collect()
    }

    /// Everybody who waits, whom nobody is told of any more.
    pub(super) fn clear_lobby(&mut self) -> Vec<Member> {
        std::mem::take(&mut self.lobby)
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

    /// A member would let the others know its addresses. Said once more, or where nobody asks, it changes nothing.
    pub(super) fn consent(&mut self, from: SessionId) -> Result<Vec<Delivery>, Refusal> {
        let id = self.member(from).ok_or(Refusal::NotInRoom)?.id.clone();
        let Paths::Relayed { consented } = &mut self.paths else { return Ok(Vec::new()) };
        if consented.contains(&id) {
            return Ok(Vec::new());
        }
        consented.push(id.clone());
        if self.members.len() > 1 && self.members.iter().all(|member| consented.contains(&member.id)) {
            self.paths = Paths::Welcome;
            return Ok(self.tell_all(&ServerMessage::Direct));
        }
        Ok(self.tell_others(from, &ServerMessage::Consent { from: id }))
    }

    /// Which paths media may take, unless the welcome says that.
    fn ice_mode(&self) -> Option<IceMode> {
        match self.paths {
            Paths::Welcome => None,
            Paths::Relayed { .. } => Some(IceMode::Relay),
        }
    }

    /// Which of the others here have consented already, for somebody who comes.
    fn consents_for(&self, session: SessionId) -> Vec<Delivery> {
        let Paths::Relayed { consented } = &self.paths else { return Vec::new() };
        let others = self.members.iter().filter(|member| member.session != session);
        let consents = others.filter(|member| consented.contains(&member.id));
        consents
            .map(|member| ServerMessage::Consent { from: member.id.clone() })
            .map(|message| Delivery { to: session, message })
            .collect()
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

    pub(super) fn lobby_mut(&mut self, session: SessionId) -> Option<&mut Member> {
        self.lobby.iter_mut().find(|member| member.session == session)
    }

    pub(super) fn session_of(&self, id: &ParticipantId) -> Option<SessionId> {
        self.members.iter().find(|member| member.id == *id).map(|member| member.session)
    }

    pub(super) fn waiting_session_of(&self, id: &ParticipantId) -> Option<SessionId> {
        self.lobby.iter().find(|member| member.id == *id).map(|member| member.session)
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

    fn knocks_for(&self, host: SessionId) -> impl Iterator<Item = Delivery> {
        self.lobby.iter().map(move |member| Delivery { to: host, message: member.knock() })
    }
}
