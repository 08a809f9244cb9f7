//! Those who were in a room before, and go on with their stay: under their old ids, so that nothing changes for the media
//! between them.

use visavis_protocol::{Again, ParticipantId, RoomName, ServerMessage, SessionToken};

use super::certified::{self, Circle};
use super::member::Member;
use super::refusal::Refusal;
use super::room::Room;
use super::{Delivery, Rooms};
use crate::sessions::SessionId;

/// What a room knows of somebody who says that it was here, and has proven that the id is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recalled {
    /// It is here still, in this session.
    Member(SessionId),
    /// The room is not there.
    Forgotten,
    /// The others know that it has left.
    Gone,
    /// Nothing speaks against it: the room may have been opened anew.
    Possible,
}

impl Rooms {
    pub(super) fn recall(&self, name: &RoomName, you: &ParticipantId) -> Recalled {
        let Some(room) = self.rooms.get(name) else { return Recalled::Forgotten };
        match room.session_of(you) {
            Some(session) => Recalled::Member(session),
            None if room.has_seen_leave(you) => Recalled::Gone,
            None => Recalled::Possible,
        }
    }

    /// Opens a room as somebody remembers it. Whoever opens a room is its host, and may say who comes in: the others are
    /// let in for this one's word.
    pub(super) fn open_again(&mut self, name: &RoomName, token: &SessionToken, again: Again) {
        let mut room = match certified::circle(name, token) {
            Circle::OneOfTwo | Circle::TwoOthers => Room::for_strangers(self.relays_strangers),
            Circle::Anybody => Room::new(again.door),
        };
        let others = again.others.into_iter().take(self.size.get());
        room.expect(std::iter::once(again.you).chain(others).collect());
        self.rooms.insert(name.clone(), room);
    }

    /// Somebody goes on in the place that an earlier session of its own has.
    pub(super) fn take_over(
        &mut self,
        name: RoomName,
        old: SessionId,
        newcomer: Member,
    ) -> Result<Vec<Delivery>, Refusal> {
        let room = self.rooms.get_mut(&name).ok_or(Refusal::NotInRoom)?;
        let (session, media) = (newcomer.session, newcomer.media);
        let member = room.member_mut(old).ok_or(Refusal::NotInRoom)?;
        let has_changed = member.media != media;
        (member.session, member.media) = (session, media);
        let from = member.id.clone();
        room.handle_return(old);
        let mut deliveries = room.welcome_back(name.clone(), session);
        if has_changed {
            deliveries.extend(room.tell_others(session, &ServerMessage::Media { from, media }));
        }
        self.stays.remove(&old);
        self.stays.insert(session, name);
        self.replaced.push(old);
        Ok(deliveries)
    }
}
