//! The way into the room, and back after the server was lost.

use std::time::Instant;

use visavis_protocol::{
    AccessToken, Again, ClientMessage, ErrorCode, Hello, LeaveReason, PROTOCOL_VERSION, Participant, Resumed,
    RoomName, SessionToken,
};

use super::Call;
use crate::conversation::Conversation;
use crate::event::{CallErrorCode, CallEvent, CallState, Consent, NotKept};
use crate::output::Output;
use crate::peer::{Ice, Peer, tell};
use crate::session::{Lost, Meeting, Session, Stay, Step};

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
                Lost { stay, tries: 0, is_over: false }
            }
        };
        let seed = self.conversation.as_ref().map_or("", Conversation::seed);
        let media_flows = self.peers.values().any(Peer::is_connected);
        match Session::pausing(now, lost, seed, media_flows) {
            Some(session) => self.session = session,
            None => self.fail(CallErrorCode::ServerUnreachable),
        }
    }

    pub(super) fn on_welcome(
        &mut self,
        now: Instant,
        ice: Ice,
        path_reports: bool,
        session: Option<SessionToken>,
        resumed: Option<Resumed>,
    ) {
        if !self.session.is_at(Step::Welcome) {
            return;
        }
        (self.ice, self.path_reports) = (ice, path_reports);
        if resumed.is_some_and(|resumed| self.resume(now, session.as_ref(), resumed)) {
            return;
        }
        self.conversation = session.map(Conversation::new);
        self.forget_unanswered();
        self.session.advance(now, Step::Admission);
        if resumed.is_some() {
            // The server has kept a place that this client cannot take up again.
            self.send(ClientMessage::Leave);
            self.session.give_stay_up();
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
        let Some(missed) = conversation.after(resumed.received) else { return false };
        let stay = lost.stay.clone();
        self.replay.extend(missed);
        self.stay(stay);
        for peer in self.peers.values_mut() {
            peer.handle_network_change(now);
        }
        self.handle_peer_timeouts(now);
        true
    }

    pub(super) fn enter(&mut self, now: Instant) {
        let Some(wish) = self.wish.clone() else { return };
        self.session.advance(now, Step::Admission);
        let lost = self.session.lost_room().map(|(room, you, door)| (room.clone(), you.clone(), door));
        let message = match lost {
            Some((room, you, door)) => {
                let others = self.peers.keys().cloned().collect();
                wish.meeting.return_message(room, Again { you, others, door })
            }
            None => wish.meeting.message(),
        };
        self.is_sought = matches!(message, ClientMessage::Seek(_));
        self.send(message);
    }

    /// The server has no place in the lost room for this client.
    fn on_no_return(&mut self, now: Instant, code: CallErrorCode) {
        let seeks = self.wish.as_ref().is_some_and(|wish| matches!(wish.meeting, Meeting::Seek(_)));
        if seeks && self.session.lost_room().is_some() {
            self.session.give_stay_up();
            self.enter(now);
        } else {
            self.refuse(code);
        }
    }

    /// Who may open the room is perhaps not back yet.
    fn on_forbidden(&mut self, now: Instant) {
        if self.session.lost_room().is_some() && self.session.may_try_again() {
            self.out.push_back(Output::CloseSignaling);
            self.on_signaling_closed(now);
        } else {
            self.refuse(CallErrorCode::Forbidden);
        }
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
        let lost = Lost { stay: stay.clone(), tries: 0, is_over: true };
        self.tell_state(CallState::Reconnecting);
        self.session = Session::connecting(now, Some(lost));
        self.enter(now);
    }

    pub(super) fn on_joined(&mut self, now: Instant, stay: Stay, participants: Vec<Participant>) {
        if !self.session.is_at(Step::Admission) && !self.session.is_waiting() {
            return;
        }
        if self.is_same_stay(&stay) {
            self.go_on(now, stay, &participants);
        } else {
            self.begin_stay(stay);
        }
        for participant in participants {
            self.on_participant_joined(now, participant);
        }
    }

    /// Whether the client is who it was before the server was lost, so that the others know it, too.
    fn is_same_stay(&self, stay: &Stay) -> bool {
        let Stay::InRoom { you, .. } = stay else { return false };
        self.session.lost_room().is_some_and(|(_, lost, _)| lost == you)
    }

    /// The stay goes on, with those who were there before; who is not back yet has some time for it.
    fn go_on(&mut self, now: Instant, mut stay: Stay, participants: &[Participant]) {
        self.forget_knocks();
        let mut consents = false;
        if let Stay::InRoom { consent, .. } = &mut stay {
            let asked_for = *consent;
            *consent = self.consent_kept(asked_for);
            consents = asked_for.is_some() && matches!(consent, Some(Consent::Own | Consent::Both));
        }
        self.stay(stay);
        if consents {
            self.send(ClientMessage::Consent);
        }
        for (id, peer) in &mut self.peers {
            if !participants.iter().any(|participant| participant.id == *id) {
                peer.handle_missing(now);
            }
        }
    }

    pub(super) fn on_waiting(&mut self, room: RoomName) {
        // Once more while it waits: who could have let it in is gone, and others are there to ask.
        if self.session.is_at(Step::Admission) || self.session.is_waiting() {
            self.begin_stay(Stay::Waiting { room });
        }
    }

    pub(super) fn on_queued(&mut self, place: u32, waiting: u32) {
        if self.session.is_at(Step::Admission) || self.session.is_waiting() {
            self.begin_stay(Stay::Queued { place, waiting });
        }
    }

    /// Leaves the stranger at once; the next one comes as the first did.
    pub(super) fn next(&mut self, now: Instant) {
        let seeks = self.wish.as_ref().is_some_and(|wish| matches!(wish.meeting, Meeting::Seek(_)));
        if seeks && self.session.is_in_room() {
            self.leave_peers(LeaveReason::Left);
            self.session = Session::connecting(now, None);
            self.session.advance(now, Step::Admission);
            self.tell_state(CallState::Joining);
            if self.is_sought {
                self.send(ClientMessage::Next);
            } else {
                self.send(ClientMessage::Leave);
                self.enter(now);
            }
        }
    }

    pub(super) fn on_turned_away(&mut self) {
        if self.session.is_waiting() {
            self.fail(CallErrorCode::TurnedAway);
        }
    }

    /// Everybody is somebody new; the media of an old stay is over now, not before.
    fn begin_stay(&mut self, stay: Stay) {
        self.leave_peers(LeaveReason::Disconnected);
        self.forget_knocks();
        self.stay(stay);
    }

    fn leave_peers(&mut self, reason: LeaveReason) {
        for (participant, peer) in std::mem::take(&mut self.peers) {
            peer.close(&mut self.out);
            tell(&mut self.out, CallEvent::ParticipantLeft { participant, reason });
        }
    }

    fn stay(&mut self, stay: Stay) {
        self.tell_state(stay.state());
        self.session = Session::Staying(stay);
    }

    pub(super) fn on_refusal(&mut self, now: Instant, code: ErrorCode, message: &str) {
        match code {
            // Nothing but the hello was said: it is refused. Who is on the way back tries again later.
            ErrorCode::RateLimited if self.session.is_first_hello() => {
                self.fail(CallErrorCode::TooManyConnections);
            }
            // The participant left while the message was on its way; or the server only takes its time. Or that was a
            // report's or a block's answer.
            ErrorCode::UnknownParticipant => self.on_not_kept(NotKept::TooLate),
            ErrorCode::RateLimited => self.on_not_kept(NotKept::TooMany),
            ErrorCode::Unavailable => self.on_not_kept(NotKept::Unavailable),
            ErrorCode::NotInRoom => {}
            ErrorCode::UnsupportedProtocol => self.fail(CallErrorCode::UnsupportedProtocol),
            ErrorCode::RoomFull => self.on_no_return(now, CallErrorCode::RoomFull),
            ErrorCode::RoomLocked => self.on_no_return(now, CallErrorCode::RoomLocked),
            ErrorCode::MatchingOff => self.refuse(CallErrorCode::MatchingOff),
            ErrorCode::Unauthorized => self.fail(CallErrorCode::Unauthorized),
            ErrorCode::Forbidden => self.on_forbidden(now),
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
