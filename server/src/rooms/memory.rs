//! What is to be known of a room when the node that has it is gone, and how it begins from there at another.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use tracing::debug;
use visavis_protocol::{Door, ParticipantId, RoomName};

use super::room::Room;
use super::{Delivery, Rooms};
use crate::access::Identity;
use crate::sessions::SessionId;

/// Of those who may not come in again, the last so many are remembered.
const MOST_REMOVED: usize = 256;

/// A room without the connections of its people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) door: Door,
    pub(super) removed: Vec<Identity>,
    pub(super) has_hosts_of_its_own: bool,
    /// Whether its media is relayed until everybody wants it otherwise.
    #[serde(default)]
    pub(super) is_relayed: bool,
    /// Who was in it, in the order they came.
    pub(super) members: Vec<ParticipantId>,
    /// Who was its host because nobody else was.
    pub(super) acting_host: Option<ParticipantId>,
}

impl Rooms {
    /// Has changes of rooms noted, for [`take_changed`](Self::take_changed).
    pub(crate) fn watched(self) -> Self {
        Self { changed: Some(Vec::new()), ..self }
    }

    /// Rooms that have come to be, of which the memory is another one, or that are gone, since this was asked last.
    pub(crate) fn take_changed(&mut self) -> Vec<RoomName> {
        self.changed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &RoomName> {
        self.rooms.keys()
    }

    /// What a next owner of a room has to know, if it is there.
    #[expect(
        clippy::expect_used,
        reason = "none of it has keys that are no texts, which is all that JSON refuses"
    )]
    pub(crate) fn memory(&self, name: &RoomName) -> Option<String> {
        let memory = self.rooms.get(name)?.memory(MOST_REMOVED);
        Some(serde_json::to_string(&memory).expect("it is JSON"))
    }

    /// A room that was elsewhere begins here, as that is remembered. Its people come back, for whom it is kept until then.
    pub(crate) fn restore(&mut self, name: &RoomName, memory: &str, until: Instant) {
        match serde_json::from_str(memory) {
            Ok(memory) if !self.rooms.contains_key(name) => {
                self.rooms.insert(name.clone(), Room::restored(memory));
                self.awaiting.push_back((until, name.clone()));
            }
            Ok(_) => {}
            Err(error) => debug!(%error, "a room is remembered in a way that is not known here"),
        }
    }

    /// When a room need not be kept any longer for those who were in it.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.awaiting.front().map(|(until, _)| *until)
    }

    /// Waits no longer by `now` for those who were in a room before.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while self.awaiting.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, name)) = self.awaiting.pop_front() else { break };
            let Some(room) = self.rooms.get_mut(&name) else { continue };
            room.stop_awaiting();
            if room.is_empty() {
                let waiting = room.clear_lobby();
                self.rooms.remove(&name);
                deliveries.extend(self.open_anew(&name, waiting));
            } else {
                deliveries.extend(room.appoint_host());
            }
            self.touch(&name);
        }
        deliveries
    }

    /// A room goes on elsewhere: those who were in it, or waited for it.
    pub(crate) fn dissolve(&mut self, name: &RoomName) -> Vec<SessionId> {
        let Some(room) = self.rooms.remove(name) else { return Vec::new() };
        let members = room.members().iter().map(|member| member.session);
        let sessions: Vec<_> = members.chain(room.waiting_sessions()).collect();
        for session in &sessions {
            self.stays.remove(session);
        }
        sessions
    }

    /// A room is not what it was.
    pub(super) fn touch(&mut self, name: &RoomName) {
        if let Some(changed) = self.changed.as_mut().filter(|changed| changed.last() != Some(name)) {
            changed.push(name.clone());
        }
    }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test fails on whatever it did not expect")]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use visavis_protocol::{
        Again, ClientMessage, DisplayName, ErrorCode, HostAction, IceMode, Join, MediaState, ServerMessage,
        SessionToken,
    };

    use super::*;
    use crate::access::Grant;
    use crate::rooms::Stranger;
    use crate::sessions::Speaker;

    const GRACE: Duration = Duration::from_secs(30);
    const MEDIA: MediaState = MediaState { microphone: false, camera: false, screen: false };

    fn rooms() -> Rooms {
        Rooms::new(NonZeroUsize::new(4).expect("some"), Door::Open, false, StdRng::seed_from_u64(7)).watched()
    }

    fn owl() -> RoomName {
        RoomName::new("owl").expect("a room")
    }

    fn say(rooms: &mut Rooms, who: u64, message: ClientMessage) -> Vec<Delivery> {
        let token = SessionToken::new(format!("token-{who}")).expect("a token");
        let grant = Grant::guest(&format!("guest:{who}"));
        rooms.handle(Speaker { session: SessionId(who), token: &token, grant: &grant }, message)
    }

    fn join(rooms: &mut Rooms, who: u64, again: Option<&ParticipantId>) -> Vec<Delivery> {
        let again = again.map(|you| Again { you: you.clone(), others: Vec::new(), door: Door::Open });
        let name = DisplayName::new("somebody").expect("a name");
        say(rooms, who, ClientMessage::Join(Join { room: owl(), name, media: MEDIA, again }))
    }

    /// Who somebody is in the room, and whether as its host.
    fn joined(deliveries: &[Delivery]) -> Option<(ParticipantId, bool)> {
        match &deliveries.first()?.message {
            ServerMessage::Joined { you, host, .. } => Some((you.clone(), *host)),
            _ => None,
        }
    }

    fn refused(deliveries: &[Delivery]) -> Option<ErrorCode> {
        match &deliveries.first()?.message {
            ServerMessage::Error { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// A locked room of Ada, its host, and Bob, out of which Eve was taken; what is remembered of it.
    fn remembered() -> (String, ParticipantId, ParticipantId) {
        let mut rooms = rooms();
        let (ada, is_host) = joined(&join(&mut rooms, 1, None)).expect("she is in");
        assert!(is_host);
        let (bob, _) = joined(&join(&mut rooms, 2, None)).expect("he is in");
        let (eve, _) = joined(&join(&mut rooms, 3, None)).expect("she is in");
        say(&mut rooms, 1, ClientMessage::Host(HostAction::Remove { participant: eve }));
        say(&mut rooms, 1, ClientMessage::Host(HostAction::SetDoor { door: Door::Locked }));
        assert_eq!(rooms.take_changed(), [owl()]);
        (rooms.memory(&owl()).expect("it is there"), ada, bob)
    }

    #[test]
    fn a_room_is_at_another_node_what_it_was() {
        let (memory, ada, bob) = remembered();
        let (mut rooms, start) = (rooms(), Instant::now());
        rooms.restore(&owl(), &memory, start + GRACE);
        assert_eq!(refused(&join(&mut rooms, 4, None)), Some(ErrorCode::RoomLocked));
        assert_eq!(joined(&join(&mut rooms, 2, Some(&bob))), Some((bob.clone(), false)));
        assert_eq!(joined(&join(&mut rooms, 1, Some(&ada))), Some((ada, true)), "she is its host again");
        say(&mut rooms, 1, ClientMessage::Host(HostAction::SetDoor { door: Door::Open }));
        assert_eq!(refused(&join(&mut rooms, 3, None)), Some(ErrorCode::RoomLocked), "she was removed");
        assert!(joined(&join(&mut rooms, 4, None)).is_some());
    }

    #[test]
    fn strangers_are_relayed_at_another_node_too() {
        let size = NonZeroUsize::new(2).expect("some");
        let mut rooms = Rooms::new(size, Door::Open, true, StdRng::seed_from_u64(7)).watched();
        let [ada, bob] = [1, 2].map(|who| SessionToken::new(format!("token-{who}")).expect("a token"));
        let stranger = |who| {
            let identity = Grant::guest(&format!("guest:{who}")).identity;
            let name = DisplayName::new("somebody").expect("a name");
            Stranger { session: SessionId(who), identity, name, media: MEDIA }
        };
        let told = rooms.open_for([(stranger(1), &ada), (stranger(2), &bob)]);
        let Some(ServerMessage::Joined { room, you, .. }) =
            told.into_iter().next().map(|first| first.message)
        else {
            panic!("the first is told first")
        };
        let memory = rooms.memory(&room).expect("it is there");

        let mut elsewhere = self::rooms();
        elsewhere.restore(&room, &memory, Instant::now() + GRACE);
        let again = Some(Again { you, others: Vec::new(), door: Door::Locked });
        let name = DisplayName::new("somebody").expect("a name");
        let told = say(&mut elsewhere, 1, ClientMessage::Join(Join { room, name, media: MEDIA, again }));
        assert!(
            matches!(&told[0].message, ServerMessage::Joined { ice_mode: Some(IceMode::Relay), .. }),
            "{told:?}"
        );
    }

    #[test]
    fn a_room_waits_for_its_people_for_a_while() {
        let (memory, ..) = remembered();
        let (mut rooms, start) = (rooms(), Instant::now());
        rooms.restore(&owl(), &memory, start + GRACE);
        assert_eq!(rooms.poll_timeout(), Some(start + GRACE));
        assert_eq!(rooms.handle_timeout(start + GRACE), []);
        assert!(!rooms.has(&owl()) && rooms.take_changed() == [owl()] && rooms.memory(&owl()).is_none());
    }

    #[test]
    fn who_has_come_back_is_host_if_the_host_does_not() {
        let (memory, _, bob) = remembered();
        let (mut rooms, start) = (rooms(), Instant::now());
        rooms.restore(&owl(), &memory, start + GRACE);
        join(&mut rooms, 2, Some(&bob));
        let told = rooms.handle_timeout(start + GRACE);
        let message = ServerMessage::Host { participant: bob };
        assert_eq!(told, [Delivery { to: SessionId(2), message }]);
    }

    #[test]
    fn what_cannot_be_read_is_no_memory() {
        let mut rooms = rooms();
        for memory in ["", "{", "[]", r#"{"door":"ajar"}"#] {
            rooms.restore(&owl(), memory, Instant::now());
            assert!(!rooms.has(&owl()), "{memory}");
        }
    }
}
