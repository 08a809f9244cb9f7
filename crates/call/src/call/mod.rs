//! The call as a whole: the session with the server, and a peer for each other participant.

mod admission;
mod consent;
mod hosting;
mod moderation;
mod paths;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use visavis_protocol::{
    ClientMessage, ErrorCode, Join, Knock, LeaveReason, MediaState, Participant, ParticipantId, ServerMessage,
};

use crate::conversation::Conversation;
use crate::event::{CallErrorCode, CallEvent, CallState};
use crate::input::Input;
use crate::output::Output;
use crate::peer::{Ice, Peer, tell};
use crate::session::{Meeting, Session, Stay, Step, Wish};
use crate::trickle::Trickled;

/// One client's stay in one room at a time. Feed it with [`handle`](Self::handle), then take everything from
/// [`poll_output`](Self::poll_output); call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) has come.
#[derive(Debug)]
pub struct Call {
    /// Program name and version, said in the hello.
    client: String,
    session: Session,
    /// There once the server has named a session.
    conversation: Option<Conversation>,
    wish: Option<Wish>,
    /// Whether the server knows what stranger is sought.
    is_sought: bool,
    ice: Ice,
    /// Whether the server wants to know how media gets through.
    path_reports: bool,
    peers: BTreeMap<ParticipantId, Peer>,
    /// Who waits in the lobby, as far as this client, a host, knows.
    knocks: Vec<Knock>,
    /// Reports and blocks that the server has not answered.
    unanswered: usize,
    /// Own messages that the server has missed; they have their numbers already.
    replay: VecDeque<ClientMessage>,
    out: VecDeque<Output>,
}

impl Call {
    /// A call that is idle. `client` names the program and its version.
    pub fn new(client: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            session: Session::Off,
            conversation: None,
            wish: None,
            is_sought: false,
            ice: Ice::default(),
            path_reports: false,
            peers: BTreeMap::new(),
            knocks: Vec::new(),
            unanswered: 0,
            replay: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Join { room, name, media, token } => {
                self.begin(
                    now,
                    Wish { meeting: Meeting::Join(Join { room, name, media, again: None }), token },
                );
            }
            Input::Seek { seek, token } => self.begin(now, Wish { meeting: Meeting::Seek(seek), token }),
            Input::Next => self.next(now),
            Input::Leave => self.leave(),
            Input::SetMedia { media } => self.set_media(media),
            Input::Consent => self.consent(),
            Input::Report { report } => self.ask_moderators(ClientMessage::Report(report)),
            Input::Block { participant } => self.ask_moderators(ClientMessage::Block { participant }),
            Input::Host { action } => self.act_as_host(action),
            Input::SignalingOpened => self.on_signaling_opened(now),
            Input::SignalingClosed => self.on_signaling_closed(now),
            Input::Received { message } => self.on_message(now, message),
            Input::ReceivedUnknown => self.count_received(),
            Input::ReceivedGarbage => self.on_garbage(),
            Input::OfferCreated { peer, sdp } => {
                self.with_peer(&peer, |peer, out| peer.handle_offer_created(sdp, out))
            }
            Input::AnswerCreated { peer, sdp } => {
                self.with_peer(&peer, |peer, out| peer.handle_answer_created(sdp, out))
            }
            Input::AnswerAccepted { peer } => self.with_peer(&peer, Peer::handle_answer_accepted),
            Input::NegotiationFailed { peer } => self.with_peer(&peer, Peer::handle_negotiation_failed),
            Input::NegotiationNeeded { peer } => self.with_peer(&peer, Peer::handle_negotiation_needed),
            Input::LocalCandidate { peer, candidate } => {
                self.with_peer(&peer, |peer, out| peer.handle_local_candidate(candidate, out));
            }
            Input::LocalCandidatesEnded { peer, ufrag } => {
                self.with_peer(&peer, |peer, out| peer.handle_local_candidates_end(ufrag, out));
            }
            Input::Path { peer, state } => self.on_path(now, &peer, state),
            Input::SelectedPair { peer, pair } => self.on_selected_pair(now, &peer, pair),
            Input::NetworkChanged => self.on_network_changed(now),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.session.poll_timeout().is_some_and(|due| due <= now) {
            match &self.session {
                Session::Entering { step: Step::AnotherTry, .. } => self.enter(now),
                Session::Entering { .. } => {
                    self.out.push_back(Output::CloseSignaling);
                    self.on_signaling_closed(now);
                }
                Session::Pausing { lost, .. } => {
                    self.session = Session::connecting(now, Some(lost.clone()));
                    self.out.push_back(Output::OpenSignaling);
                }
                Session::Off | Session::Staying(_) => {}
            }
        }
        self.handle_peer_timeouts(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.peers.values().filter_map(Peer::poll_timeout).chain(self.session.poll_timeout()).min()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(message) = self.replay.pop_front() {
            return Some(Output::Send { message });
        }
        loop {
            let output = self.out.pop_front()?;
            let Output::Send { message } = output else { return Some(output) };
            if let Some(message) = self.say(message) {
                return Some(Output::Send { message });
            }
        }
    }

    fn begin(&mut self, now: Instant, wish: Wish) {
        if !matches!(self.session, Session::Off) {
            return;
        }
        self.wish = Some(wish);
        self.session = Session::connecting(now, None);
        self.tell_state(CallState::Joining);
        self.out.push_back(Output::OpenSignaling);
    }

    fn leave(&mut self) {
        if matches!(self.session, Session::Off) {
            return;
        }
        if matches!(self.session, Session::Staying(_)) {
            self.send(ClientMessage::Leave);
        }
        self.end();
    }

    fn set_media(&mut self, media: MediaState) {
        if let Some(wish) = &mut self.wish
            && *wish.meeting.media_mut() != media
        {
            *wish.meeting.media_mut() = media;
            if self.session.is_stay() {
                self.send(ClientMessage::Media(media));
            }
        }
    }

    fn on_network_changed(&mut self, now: Instant) {
        if self.session.handle_network_change(now) {
            self.out.push_back(Output::CloseSignaling);
            self.out.push_back(Output::OpenSignaling);
        }
        for peer in self.peers.values_mut() {
            peer.handle_network_change(now);
        }
    }

    fn on_garbage(&mut self) {
        self.count_received();
        match self.session {
            Session::Entering { .. } => self.fail(CallErrorCode::ServerGarbage),
            Session::Staying(_) => {
                tell(&mut self.out, CallEvent::Error { code: CallErrorCode::ServerGarbage })
            }
            Session::Off | Session::Pausing { .. } => {}
        }
    }

    fn on_message(&mut self, now: Instant, message: ServerMessage) {
        if message.is_counted() {
            self.count_received();
        }
        match message {
            ServerMessage::Welcome {
                ice_servers, ice_mode, session, resumed, guest, path_reports, ..
            } => {
                self.on_guest(guest);
                let ice = Ice { servers: ice_servers, mode: ice_mode };
                self.on_welcome(now, ice, path_reports, session, resumed);
            }
            ServerMessage::Joined { room, you, participants, host, door, ice_mode } => {
                let consent = self.asked_for(ice_mode);
                self.on_joined(now, Stay::InRoom { room, you, host, door, consent }, participants);
            }
            ServerMessage::Consent { from } => self.on_consent(&from),
            ServerMessage::Direct => self.on_direct(),
            ServerMessage::Queued { place, waiting } => self.on_queued(place, waiting),
            ServerMessage::Waiting { room, .. } => self.on_waiting(room),
            ServerMessage::TurnedAway => self.on_turned_away(),
            ServerMessage::Knock(knock) => self.on_knock(knock),
            ServerMessage::KnockEnded { participant } => self.on_knock_ended(&participant),
            ServerMessage::Door { door } => self.on_door(door),
            ServerMessage::Host { participant } => self.on_host(participant),
            ServerMessage::Muted { by } => self.on_muted(by),
            ServerMessage::ParticipantJoined { participant } => self.on_participant_joined(now, participant),
            ServerMessage::ParticipantLeft { participant, reason } if self.is_me(&participant) => {
                self.on_taken_out(now, reason);
            }
            ServerMessage::ParticipantLeft { participant, reason } => {
                self.on_participant_left(&participant, reason)
            }
            ServerMessage::Description { from, description } => {
                let ice = self.ice_here();
                self.with_peer(&from, |peer, out| peer.handle_description(now, description, &ice, out));
            }
            ServerMessage::Candidates { from, candidates } => self.with_peer(&from, |peer, out| {
                for candidate in candidates {
                    peer.handle_remote_trickle(Trickled::Candidate(candidate), out);
                }
            }),
            ServerMessage::EndOfCandidates { from, ufrag } => {
                self.with_peer(&from, |peer, out| peer.handle_remote_trickle(Trickled::End { ufrag }, out));
            }
            ServerMessage::Media { from, media } => {
                if self.peers.contains_key(&from) {
                    tell(&mut self.out, CallEvent::Media { participant: from, media });
                }
            }
            ServerMessage::Reported { report } => self.on_kept(CallEvent::Reported { report }),
            ServerMessage::Blocked { participant } => self.on_kept(CallEvent::Blocked { participant }),
            ServerMessage::Error { code: ErrorCode::Unavailable, retry_after_ms: Some(pause), .. }
                if self.session.is_at(Step::Admission) =>
            {
                self.session.ask_later(now, Duration::from_millis(pause.into()));
            }
            ServerMessage::Error { code, message, .. } => self.on_refusal(now, code, &message),
        }
    }

    fn is_me(&self, id: &ParticipantId) -> bool {
        matches!(&self.session, Session::Staying(Stay::InRoom { you, .. }) if you == id)
    }

    fn on_participant_joined(&mut self, now: Instant, participant: Participant) {
        let id = participant.id.clone();
        if !self.session.is_in_room() || self.is_me(&id) {
            return;
        }
        let ice = self.ice_here();
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.go_on(now, participant, &ice, &mut self.out);
            let report = peer.handle_timeout(now, true, &ice, &mut self.out);
            return self.report(report);
        }
        let peer = Peer::open(now, participant, ice, &mut self.out);
        self.peers.insert(id, peer);
    }

    fn on_participant_left(&mut self, id: &ParticipantId, reason: LeaveReason) {
        if let Some(peer) = self.peers.remove(id) {
            peer.close(&mut self.out);
            tell(&mut self.out, CallEvent::ParticipantLeft { participant: id.clone(), reason });
        }
    }

    fn fail(&mut self, code: CallErrorCode) {
        if matches!(self.session, Session::Off) {
            return;
        }
        tell(&mut self.out, CallEvent::Error { code });
        self.end();
    }

    fn end(&mut self) {
        for peer in std::mem::take(&mut self.peers).into_values() {
            peer.close(&mut self.out);
        }
        self.out.push_back(Output::CloseSignaling);
        self.session = Session::Off;
        self.wish = None;
        self.conversation = None;
        self.knocks.clear();
        self.unanswered = 0;
        self.tell_state(CallState::Ended);
    }

    fn handle_peer_timeouts(&mut self, now: Instant) {
        let (reachable, ice) = (self.session.is_in_room(), self.ice_here());
        let (mut gone, mut reports) = (Vec::new(), Vec::new());
        for (id, peer) in &mut self.peers {
            reports.extend(peer.handle_timeout(now, reachable, &ice, &mut self.out));
            if peer.has_missed_return(now, reachable) {
                gone.push(id.clone());
            }
        }
        for id in gone {
            self.on_participant_left(&id, LeaveReason::Disconnected);
        }
        for report in reports {
            self.report(Some(report));
        }
    }

    /// Gives a message a number in its session; it is to be sent, unless it has to wait for the session to go on.
    fn say(&mut self, message: ClientMessage) -> Option<ClientMessage> {
        if let Some(conversation) = &mut self.conversation {
            conversation.handle_said(&message);
        }
        match self.session {
            Session::Off
            | Session::Staying(_)
            | Session::Entering { step: Step::Admission | Step::AnotherTry, .. } => Some(message),
            Session::Pausing { .. } | Session::Entering { step: Step::Connection | Step::Welcome, .. } => {
                matches!(message, ClientMessage::Hello(_)).then_some(message)
            }
        }
    }

    fn count_received(&mut self) {
        if let Some(conversation) = &mut self.conversation {
            conversation.handle_received();
        }
    }

    fn with_peer(&mut self, id: &ParticipantId, act: impl FnOnce(&mut Peer, &mut VecDeque<Output>)) {
        if let Some(peer) = self.peers.get_mut(id) {
            act(peer, &mut self.out);
        }
    }

    fn send(&mut self, message: ClientMessage) {
        self.out.push_back(Output::Send { message });
    }

    /// The stay has changed in a way that the user is told.
    fn tell_stay(&mut self) {
        if let Session::Staying(stay) = &self.session {
            let state = stay.state();
            self.tell_state(state);
        }
    }

    fn tell_state(&mut self, state: CallState) {
        tell(&mut self.out, CallEvent::State { state });
    }
}
