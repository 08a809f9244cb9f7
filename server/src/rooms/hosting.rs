//! What a host may do with a room.

use visavis_protocol::{Door, HostAction, LeaveReason, ParticipantId, RoomName, ServerMessage};

use super::refusal::Refusal;
use super::room::Room;
use super::{Delivery, Rooms};
use crate::sessions::SessionId;

impl Rooms {
    pub(super) fn on_host_action(
        &mut self,
        from: SessionId,
        action: HostAction,
    ) -> Result<Vec<Delivery>, Refusal> {
        let host = self.room_of(from)?.member_mut(from).ok_or(Refusal::NotInRoom)?;
        if !host.is_host() {
            return Err(Refusal::NotHost);
        }
        let by = host.id.clone();
        let name = self.stays.get(&from).ok_or(Refusal::NotInRoom)?.clone();
        match action {
            HostAction::Admit { participant } => self.admit(name, &participant),
            HostAction::Deny { participant } => {
                let session = self.waiting(&name, &participant)?;
                Ok(self.turn_away(&name, session))
            }
            HostAction::Mute { participant } => {
                let to = self.other(from, &participant)?;
                Ok(vec![Delivery { to, message: ServerMessage::Muted { by } }])
            }
            HostAction::MuteAll {} => {
                let members = self.room_of(from)?.members().iter().filter(|member| !member.is_host());
                let message = ServerMessage::Muted { by };
                Ok(members.map(|member| Delivery { to: member.session, message: message.clone() }).collect())
            }
            HostAction::Remove { participant } => {
                let session = self.other(from, &participant)?;
                let room = self.room_of(from)?;
                if let Some(removed) = room.member_mut(session).map(|member| member.identity.clone()) {
                    room.ban(removed);
                }
                Ok(self.take_out(session, participant, LeaveReason::Removed))
            }
            HostAction::SetDoor { door } => Ok(self.set_door(name, door)),
            HostAction::End {} => Ok(self.close(&name)),
        }
    }

    /// Takes somebody out of a room, who is told like the others.
    pub(super) fn take_out(
        &mut self,
        session: SessionId,
        participant: ParticipantId,
        reason: LeaveReason,
    ) -> Vec<Delivery> {
        let mut deliveries = self.remove(session, reason).unwrap_or_default();
        let message = ServerMessage::ParticipantLeft { participant, reason };
        deliveries.push(Delivery { to: session, message });
        deliveries
    }

    fn admit(&mut self, name: RoomName, participant: &ParticipantId) -> Result<Vec<Delivery>, Refusal> {
        let session = self.waiting(&name, participant)?;
        let mut deliveries = self.make_way(&name)?;
        self.touch(&name);
        let room = self.rooms.get_mut(&name).ok_or(Refusal::NotInRoom)?;
        let (member, told) = room.call_up(session).ok_or(Refusal::UnknownParticipant)?;
        deliveries.extend(told);
        deliveries.extend(room.enter(name, member));
        Ok(deliveries)
    }

    fn turn_away(&mut self, name: &RoomName, session: SessionId) -> Vec<Delivery> {
        let called = self.rooms.get_mut(name).and_then(|room| room.call_up(session));
        let Some((_, mut deliveries)) = called else { return Vec::new() };
        self.stays.remove(&session);
        deliveries.push(Delivery { to: session, message: ServerMessage::TurnedAway });
        deliveries
    }

    /// An open door lets in who waits, as many as there is room for.
    fn set_door(&mut self, name: RoomName, door: Door) -> Vec<Delivery> {
        self.touch(&name);
        let Some(room) = self.rooms.get_mut(&name) else { return Vec::new() };
        let mut deliveries = room.set_door(door);
        if door != Door::Open {
            return deliveries;
        }
        for session in room.waiting_sessions() {
            let admitted = match self.rooms.get_mut(&name) {
                Some(room) if room.len() < self.size.get() => room.call_up(session),
                Some(_) | None => None,
            };
            let Some((member, told)) = admitted else {
                deliveries.extend(self.turn_away(&name, session));
                continue;
            };
            deliveries.extend(told);
            if let Some(room) = self.rooms.get_mut(&name) {
                deliveries.extend(room.enter(name.clone(), member));
            }
        }
        deliveries
    }

    /// Ends a room for everybody.
    fn close(&mut self, name: &RoomName) -> Vec<Delivery> {
        self.touch(name);
        let Some(mut room) = self.rooms.remove(name) else { return Vec::new() };
        for leaver in room.members() {
            let others = room.members().iter().filter(|other| other.session != leaver.session);
            self.partings.extend(others.map(|other| leaver.meets(other, name)));
        }
        let turned_away =
            room.clear_lobby().into_iter().map(|member| (member.session, ServerMessage::TurnedAway));
        let left = room.members().iter().map(|member| {
            let participant = member.id.clone();
            (member.session, ServerMessage::ParticipantLeft { participant, reason: LeaveReason::Ended })
        });
        let deliveries: Vec<_> =
            left.chain(turned_away).map(|(to, message)| Delivery { to, message }).collect();
        for Delivery { to, .. } in &deliveries {
            self.stays.remove(to);
        }
        deliveries
    }

    /// Somebody else in the sender's room.
    pub(super) fn other(&mut self, from: SessionId, to: &ParticipantId) -> Result<SessionId, Refusal> {
        let session = self.room_of(from)?.session_of(to);
        session.filter(|session| *session != from).ok_or(Refusal::UnknownParticipant)
    }

    fn waiting(&self, name: &RoomName, participant: &ParticipantId) -> Result<SessionId, Refusal> {
        let waiting = |room: &Room| room.waiting_session_of(participant);
        self.rooms.get(name).and_then(waiting).ok_or(Refusal::UnknownParticipant)
    }
}
