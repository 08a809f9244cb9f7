//! The way into the room, and back after the server was lost.

use std::time::Instant;

use visavis_protocol::{
    AccessToken, ClientMessage, ErrorCode, Hello, IceServer, Join, LeaveReason, PROTOCOL_VERSION,
    Participant, Resumed, RoomName, SessionToken,
};

use super::Call;
use crate::conversation::Conversation;
use crate::event::{CallErrorCode, CallEvent, CallState};
use crate::output::Output;
use crate::peer::tell;
use crate::session::{Lost, Session, Stay, Step};

/// Characters of what the server wants the user to read.
const LONGEST_NOTICE: usize = 1000;

impl Call {
    pub(super) fn on_signaling_opened(&mut self, now: Instant) {
        if self.session.is_at(Step::Connection) {
            self.session.advance(now, Step::Welcome);
            self.send(ClientMessage::Hello(Hello {
                protocol: PROTOCOL_VERSION,
                client: self.client.clone(),
                resume: self.conversation.as_ref().map(Conversation::resume),
                token: self.wish.as_ref().and_then(|wish| wish.token.clone()),
            }));
        }
    }

    pub(super) fn on_signaling_closed(&mut self, now: Instant) {
        let lost = match &self.session {
            Session::Off | Session::Pausing { .. } => return,
            Session::Entering { lost: None, .. } => return self.fail(CallErrorCode::ServerUnreachable),
            Session::Entering { lost: Some(lost), .. } => lost.clone(),
            Session::Staying(stay) => {
                let stay = stay.clone();
                tell(&mut self.out, CallEvent::Error { code: CallErrorCode::ServerLost });
                self.tell_state(CallState::Reconnecting);
                Lost { stay, tries: 0 }
            }
        };
        match Session::pausing(now, lost) {
            Some(session) => self.session = session,
            None => self.fail(CallErrorCode::ServerUnreachable),
        }
    }

    pub(super) fn on_welcome(
        &mut self,
        now: Instant,
        ice_servers: Vec<IceServer>,
        session: Option<SessionToken>,
        resumed: Option<Resumed>,
    ) {
        if !self.session.is_at(Step::Welcome) {
            return;
        }
        self.ice_servers = ice_servers;
        if resumed.is_some_and(|resumed| self.resume(now, session.as_ref(), resumed)) {
            return;
        }
        self.conversation = session.map(Conversation::new);
        self.session.advance(now, Step::Admission);
        if resumed.is_some() {
            // The server has kept a place that this client cannot take up again.
            self.send(ClientMessage::Leave);
        }
        self.enter(now);
    }

    /// The server has said who this client is to it, which holds for the connections that follow, too.
    pub(super) fn on_guest(&mut self, guest: Option<AccessToken>) {
        if let (Some(token), Some(wish)) = (guest, &mut self.wish)
            && self.session.is_at(Step::Welcome)
        {
            wish.token = Some(token.clone());
            self.out.push_back(Output::KeepGuest { token });
        }
    }

    /// Goes on where the last connection broke off, if that is possible: nothing has changed but what was missed.
    fn resume(&mut self, now: Instant, session: Option<&SessionToken>, resumed: Resumed) -> bool {
        let Session::Entering { lost: Some(lost), .. } = &self.session else { return false };
        let Some(conversation) = self.conversation.as_ref().filter(|known| known.is(session)) else {
            return false;
        };
        let (Some(missed), Some(wish)) = (conversation.after(resumed.received), &self.wish) else {
            return false;
        };
        let (room, stay) = (wish.room.clone(), lost.stay.clone());
        self.replay.extend(missed);
        self.stay(room, stay);
        for peer in self.peers.values_mut() {
            peer.handle_network_change(now);
        }
        self.handle_peer_timeouts(now);
        true
    }

    fn enter(&mut self, now: Instant) {
        let Some(wish) = self.wish.clone() else { return };
        self.session.advance(now, Step::Admission);
        self.send(ClientMessage::Join(Join { room: wish.room, name: wish.name, media: wish.media }));
    }

    /// The server has taken this client out of the room: a host wanted it, or it was away when somebody else needed the place.
    pub(super) fn on_taken_out(&mut self, now: Instant, reason: LeaveReason) {
        match reason {
            LeaveReason::Removed => self.fail(CallErrorCode::Removed),
            LeaveReason::Ended => self.fail(CallErrorCode::EndedByHost),
            LeaveReason::Left | LeaveReason::Disconnected => self.ask_for_another_place(now),
        }
    }

    fn ask_for_another_place(&mut self, now: Instant) {
        let Session::Staying(stay) = &self.session else { return };
        let lost = Lost { stay: stay.clone(), tries: 0 };
        self.tell_state(CallState::Reconnecting);
        self.session = Session::connecting(now, Some(lost));
        self.enter(now);
    }

    pub(super) fn on_joined(
        &mut self,
        now: Instant,
        room: RoomName,
        stay: Stay,
        participants: Vec<Participant>,
    ) {
        if !self.session.is_at(Step::Admission) && !self.session.is_waiting() {
            return;
        }
        self.begin_stay(room, stay);
        for participant in participants {
            self.on_participant_joined(now, participant);
        }
    }

    pub(super) fn on_waiting(&mut self, room: RoomName) {
        // Once more while it waits: who could have let it in is gone, and others are there to ask.
        if self.session.is_at(Step::Admission) || self.session.is_waiting() {
            self.begin_stay(room, Stay::Waiting);
        }
    }

    pub(super) fn on_turned_away(&mut self) {
        if self.session.is_waiting() {
            self.fail(CallErrorCode::TurnedAway);
        }
    }

    /// After a lost server everybody is somebody new; the media of the old stay is over now, not before.
    fn begin_stay(&mut self, room: RoomName, stay: Stay) {
        for (id, peer) in std::mem::take(&mut self.peers) {
            peer.close(&mut self.out);
            tell(
                &mut self.out,
                CallEvent::ParticipantLeft { participant: id, reason: LeaveReason::Disconnected },
            );
        }
        self.forget_knocks();
        self.stay(room, stay);
    }

    fn stay(&mut self, room: RoomName, stay: Stay) {
        self.tell_state(stay.state(room));
        self.session = Session::Staying(stay);
    }

    pub(super) fn on_refusal(&mut self, code: ErrorCode, message: &str) {
        match code {
            // The participant left while the message was on its way; or the server only takes its time, or keeps no
            // reports.
            ErrorCode::UnknownParticipant
            | ErrorCode::NotInRoom
            | ErrorCode::RateLimited
            | ErrorCode::Unavailable => {}
            ErrorCode::UnsupportedProtocol => self.fail(CallErrorCode::UnsupportedProtocol),
            ErrorCode::RoomFull => self.refuse(CallErrorCode::RoomFull),
            ErrorCode::RoomLocked => self.refuse(CallErrorCode::RoomLocked),
            ErrorCode::Unauthorized => self.fail(CallErrorCode::Unauthorized),
            ErrorCode::Forbidden => self.refuse(CallErrorCode::Forbidden),
            ErrorCode::Banned => {
                let text = message.chars().take(LONGEST_NOTICE).collect();
                tell(&mut self.out, CallEvent::Notice { text });
                self.fail(CallErrorCode::Banned);
            }
            // The connection is closed next, and that begins the way back.
            ErrorCode::ShuttingDown => {
                tell(&mut self.out, CallEvent::Error { code: CallErrorCode::ServerClosing })
            }
            ErrorCode::HelloExpected
            | ErrorCode::InvalidMessage
            | ErrorCode::MessageTooLarge
            | ErrorCode::UnexpectedMessage
            | ErrorCode::NotHost
            | ErrorCode::TooSlow
            | ErrorCode::Superseded => self.refuse(CallErrorCode::MessageRefused),
        }
    }

    /// On the way in that is the end; in the room it is what one message was told.
    fn refuse(&mut self, code: CallErrorCode) {
        match self.session {
            Session::Entering { .. } => self.fail(code),
            Session::Off | Session::Staying(_) | Session::Pausing { .. } => {
                tell(&mut self.out, CallEvent::Error { code })
            }
        }
    }
}
