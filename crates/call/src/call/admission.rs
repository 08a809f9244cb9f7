//! The way into the room, and back after the server was lost.

use std::time::Instant;

use visavis_protocol::{
    ClientMessage, ErrorCode, Hello, IceServer, Join, LeaveReason, PROTOCOL_VERSION, Participant,
    ParticipantId, Resumed, RoomName, SessionToken,
};

use super::Call;
use crate::conversation::Conversation;
use crate::event::{CallErrorCode, CallEvent, CallState};
use crate::peer::tell;
use crate::session::{Lost, Session, Step};

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
            }));
        }
    }

    pub(super) fn on_signaling_closed(&mut self, now: Instant) {
        let lost = match &self.session {
            Session::Off | Session::Pausing { .. } => return,
            Session::Entering { lost: None, .. } => return self.fail(CallErrorCode::ServerUnreachable),
            Session::Entering { lost: Some(lost), .. } => lost.clone(),
            Session::InRoom { you } => {
                let you = you.clone();
                tell(&mut self.out, CallEvent::Error { code: CallErrorCode::ServerLost });
                self.tell_state(CallState::Reconnecting);
                Lost { you, tries: 0 }
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

    /// Goes on where the last connection broke off, if that is possible: nothing has changed but what was missed.
    fn resume(&mut self, now: Instant, session: Option<&SessionToken>, resumed: Resumed) -> bool {
        let Session::Entering { lost: Some(lost), .. } = &self.session else { return false };
        let Some(conversation) = self.conversation.as_ref().filter(|known| known.is(session)) else {
            return false;
        };
        let (Some(missed), Some(wish)) = (conversation.after(resumed.received), &self.wish) else {
            return false;
        };
        let (room, you) = (wish.room.clone(), lost.you.clone());
        self.session = Session::InRoom { you: you.clone() };
        self.replay.extend(missed);
        self.tell_state(CallState::InRoom { room, you });
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

    /// The server has taken this client out of the room, as it does with one that was away when somebody else needed the
    /// place. It asks for another.
    pub(super) fn on_place_lost(&mut self, now: Instant) {
        let Session::InRoom { you } = &self.session else { return };
        let lost = Lost { you: you.clone(), tries: 0 };
        self.tell_state(CallState::Reconnecting);
        self.session = Session::connecting(now, Some(lost));
        self.enter(now);
    }

    pub(super) fn on_joined(
        &mut self,
        now: Instant,
        room: RoomName,
        you: ParticipantId,
        participants: Vec<Participant>,
    ) {
        if !self.session.is_at(Step::Admission) {
            return;
        }
        // After a lost server everybody is somebody new; the media of the old stay is over now, not before.
        for (id, peer) in std::mem::take(&mut self.peers) {
            peer.close(&mut self.out);
            tell(
                &mut self.out,
                CallEvent::ParticipantLeft { participant: id, reason: LeaveReason::Disconnected },
            );
        }
        self.session = Session::InRoom { you: you.clone() };
        self.tell_state(CallState::InRoom { room, you });
        for participant in participants {
            self.on_participant_joined(now, participant);
        }
    }

    pub(super) fn on_refusal(&mut self, code: ErrorCode, message: &str) {
        let entering = matches!(self.session, Session::Entering { .. });
        match code {
            // The participant left while the message was on its way; or the server only takes its time, or keeps no
            // reports.
            ErrorCode::UnknownParticipant
            | ErrorCode::NotInRoom
            | ErrorCode::RateLimited
            | ErrorCode::Unavailable => {}
            ErrorCode::UnsupportedProtocol => self.fail(CallErrorCode::UnsupportedProtocol),
            ErrorCode::RoomFull => self.fail(CallErrorCode::RoomFull),
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
            | ErrorCode::TooSlow
            | ErrorCode::Superseded => {
                if entering {
                    self.fail(CallErrorCode::MessageRefused);
                } else {
                    tell(&mut self.out, CallEvent::Error { code: CallErrorCode::MessageRefused });
                }
            }
        }
    }
}
