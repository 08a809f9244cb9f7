//! One other participant: what is known of them, and the negotiation with them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use visavis_protocol::{
    Candidate, ClientMessage, Description, DescriptionKind, IceMode, IceServer, Participant, PathReport, Role,
};

use crate::event::{CallErrorCode, CallEvent, PeerState};
use crate::input::{CandidatePair, PathState};
use crate::negotiation::{Negotiation, Offer, Step};
use crate::output::Output;
use crate::path::{Path, PathAction};
use crate::path_report::PathReporter;
use crate::relayed;
use crate::remote_end::RemoteEnd;
use crate::trickle::{self, Trickle, Trickled};

/// How long somebody who was here before the server was lost may take to come back, too.
const RETURN_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a connection to one peer may begin anew; beyond that somebody plays with it.
const MOST_RENEWALS: u32 = 8;

/// Where paths are found, and which of them media may take.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ice {
    pub(crate) servers: Vec<IceServer>,
    pub(crate) mode: Option<IceMode>,
}

#[derive(Debug)]
pub(crate) struct Peer {
    participant: Participant,
    /// What the connection was opened with, and which paths its media may take.
    ice: Ice,
    /// Whether that may mean nothing any more: relays end with their server.
    is_ice_old: bool,
    remote_end: RemoteEnd,
    renewals: u32,
    negotiation: Negotiation,
    path: Path,
    reporter: PathReporter,
    /// What the user was last told of the path.
    told: PeerState,
    local: Trickle,
    remote: Trickle,
    /// Until when it has to be back, if the server has lost it.
    missing_until: Option<Instant>,
}

impl Peer {
    /// Opens the peer connection; the offerer makes its first offer at once.
    pub(crate) fn open(now: Instant, participant: Participant, ice: Ice, out: &mut VecDeque<Output>) -> Self {
        let role = participant.role;
        let mut peer = Self {
            negotiation: Negotiation::new(role),
            path: Path::new(now, role),
            reporter: PathReporter::new(now),
            told: PeerState::Connecting,
            local: Trickle::default(),
            remote: Trickle::default(),
            missing_until: None,
            is_ice_old: false,
            remote_end: RemoteEnd::default(),
            renewals: 0,
            ice,
            participant,
        };
        tell(out, CallEvent::ParticipantJoined { participant: peer.participant.clone() });
        peer.open_connection(out);
        match role {
            Role::Offerer => {
                let steps = peer.negotiation.want(Offer::Media);
                peer.take(steps, out);
            }
            Role::Answerer => {}
        }
        peer
    }

    /// The server, which had forgotten both, knows both again: the connection goes on. It is negotiated anew only if it is
    /// down, or if what was said of it may be lost.
    pub(crate) fn go_on(
        &mut self,
        now: Instant,
        participant: Participant,
        ice: &Ice,
        out: &mut VecDeque<Output>,
    ) {
        self.missing_until = None;
        self.negotiation.set_role(participant.role);
        self.path.handle_return(now, participant.role);
        self.is_ice_old |= self.ice != *ice;
        tell(out, CallEvent::ParticipantChanged { participant: participant.clone() });
        self.participant = participant;
        if !self.is_open() {
            self.offer_anew(now, ice, out);
        } else if self.negotiation.is_unanswered() {
            let steps = self.negotiation.want(Offer::IceRestart);
            self.take(steps, out);
        }
    }

    /// The server knows this client again, and not this peer yet.
    pub(crate) fn handle_missing(&mut self, now: Instant) {
        self.missing_until = Some(now + RETURN_TIMEOUT);
    }

    /// Whether it has had the time to come back. `reachable` says whether the server could tell: without it there is time.
    pub(crate) fn has_missed_return(&mut self, now: Instant, reachable: bool) -> bool {
        let is_due = self.missing_until.is_some_and(|due| due <= now);
        if is_due && !reachable {
            self.handle_missing(now);
        }
        is_due && reachable
    }

    /// Closes the peer connection, unless that is done already.
    pub(crate) fn close(&self, out: &mut VecDeque<Output>) {
        if self.is_open() {
            out.push_back(Output::ClosePeer { peer: self.participant.id.clone() });
        }
    }

    /// From here on media may take these paths, which are more; the offerer sees to it.
    pub(crate) fn widen(&mut self, mode: Option<IceMode>, out: &mut VecDeque<Output>) {
        self.ice.mode = mode;
        if !self.is_open() {
            return;
        }
        let ice_mode = mode.unwrap_or(IceMode::All);
        out.push_back(Output::SetIceMode { peer: self.participant.id.clone(), ice_mode });
        match self.participant.role {
            Role::Offerer => {
                let steps = self.negotiation.want(Offer::IceRestart);
                self.take(steps, out);
            }
            Role::Answerer => {}
        }
    }

    pub(crate) fn handle_description(
        &mut self,
        now: Instant,
        description: Description,
        ice: &Ice,
        out: &mut VecDeque<Output>,
    ) {
        if !self.is_open() {
            return;
        }
        if self.remote_end.handle_description(&description.sdp) {
            return self.handle_other_end(now, description, ice, out);
        }
        match description.kind {
            DescriptionKind::Offer => self.path.handle_remote_offer(now),
            DescriptionKind::Answer => {}
        }
        self.negotiate(description, out);
    }

    pub(crate) fn handle_remote_trickle(&mut self, trickled: Trickled, out: &mut VecDeque<Output>) {
        if let Some(trickled) = self.trickle_on_the_wire(trickled)
            && self.is_open()
        {
            let ready = self.remote.handle(trickled);
            trickle::add(&self.participant.id, ready.into_iter().collect(), out);
        }
    }

    pub(crate) fn handle_local_candidate(&mut self, candidate: Candidate, out: &mut VecDeque<Output>) {
        self.handle_local_trickle(Trickled::Candidate(candidate), out);
    }

    pub(crate) fn handle_local_candidates_end(&mut self, ufrag: String, out: &mut VecDeque<Output>) {
        self.handle_local_trickle(Trickled::End { ufrag }, out);
    }

    pub(crate) fn handle_offer_created(&mut self, sdp: String, out: &mut VecDeque<Output>) {
        let steps = self.negotiation.handle_offer_created(sdp);
        self.take(steps, out);
    }

    pub(crate) fn handle_answer_created(&mut self, sdp: String, out: &mut VecDeque<Output>) {
        let steps = self.negotiation.handle_answer_created(sdp);
        self.take(steps, out);
    }

    pub(crate) fn handle_answer_accepted(&mut self, out: &mut VecDeque<Output>) {
        let steps = self.negotiation.handle_answer_accepted();
        self.take(steps, out);
    }

    pub(crate) fn handle_negotiation_needed(&mut self, out: &mut VecDeque<Output>) {
        if self.is_open() {
            let steps = self.negotiation.want(Offer::Media);
            self.take(steps, out);
        }
    }

    /// A path that works outlives a negotiation that does not.
    pub(crate) fn handle_negotiation_failed(&mut self, out: &mut VecDeque<Output>) {
        if !self.is_open() {
            return;
        }
        tell(out, CallEvent::Error { code: CallErrorCode::NegotiationFailed });
        match self.path.state() {
            PeerState::Connected | PeerState::Reconnecting => {
                let steps = self.negotiation.handle_failure();
                self.take(steps, out);
            }
            PeerState::Connecting | PeerState::Failed => self.give_up(out),
        }
    }

    pub(crate) fn handle_path(
        &mut self,
        now: Instant,
        state: PathState,
        out: &mut VecDeque<Output>,
    ) -> Option<PathReport> {
        let before = self.path.state();
        self.path.handle(now, state);
        self.tell_state(out);
        self.reporter.handle_state(now, before, self.path.state())
    }

    pub(crate) fn handle_selected_pair(&mut self, now: Instant, pair: CandidatePair) -> Option<PathReport> {
        if self.is_connected() { self.reporter.handle_pair(now, pair) } else { None }
    }

    pub(crate) fn handle_network_change(&mut self, now: Instant) {
        self.path.handle_network_change(now);
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        reachable: bool,
        ice: &Ice,
        out: &mut VecDeque<Output>,
    ) -> Option<PathReport> {
        let reachable = reachable && self.missing_until.is_none();
        match self.path.handle_timeout(now, reachable)? {
            PathAction::RestartIce => {
                if self.is_ice_old {
                    self.offer_anew(now, ice, out);
                } else {
                    let steps = self.negotiation.want(Offer::IceRestart);
                    self.take(steps, out);
                }
                self.reporter.handle_restart(now)
            }
            PathAction::GiveUp => {
                tell(out, CallEvent::Error { code: CallErrorCode::PathFailed });
                self.give_up(out);
                self.reporter.handle_failure(now)
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.path.poll_timeout(), self.missing_until].into_iter().flatten().min()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.path.state() == PeerState::Connected
    }

    /// The far side has another connection than before: what there is here is of no use to it.
    fn handle_other_end(
        &mut self,
        now: Instant,
        description: Description,
        ice: &Ice,
        out: &mut VecDeque<Output>,
    ) {
        match description.kind {
            DescriptionKind::Offer => {
                if self.begin_anew(now, ice, out) {
                    self.remote_end.handle_description(&description.sdp);
                    self.negotiate(description, out);
                }
            }
            // It answers to the old connection.
            DescriptionKind::Answer => self.offer_anew(now, ice, out),
        }
    }

    fn negotiate(&mut self, description: Description, out: &mut VecDeque<Output>) {
        let sdp = self.on_the_wire(description.sdp);
        let steps = self.negotiation.handle_description(Description { sdp, ..description });
        self.take(steps, out);
    }

    fn offer_anew(&mut self, now: Instant, ice: &Ice, out: &mut VecDeque<Output>) {
        if self.begin_anew(now, ice, out) {
            let steps = self.negotiation.want(Offer::Media);
            self.take(steps, out);
        }
    }

    /// Opens another connection in place of the present one. Whether that may be.
    fn begin_anew(&mut self, now: Instant, ice: &Ice, out: &mut VecDeque<Output>) -> bool {
        if self.renewals == MOST_RENEWALS {
            return false;
        }
        self.renewals += 1;
        self.close(out);
        self.negotiation = self.negotiation.anew();
        self.path = Path::new(now, self.participant.role);
        self.reporter.begin_anew(now);
        (self.local, self.remote) = (Trickle::default(), Trickle::default());
        self.remote_end = RemoteEnd::default();
        self.ice = ice.clone();
        self.is_ice_old = false;
        self.open_connection(out);
        self.tell_state(out);
        true
    }

    fn open_connection(&self, out: &mut VecDeque<Output>) {
        let Ice { servers, mode } = self.ice.clone();
        let peer = self.participant.id.clone();
        out.push_back(Output::OpenPeer { peer, ice_servers: servers, ice_mode: mode });
    }

    fn is_open(&self) -> bool {
        self.told != PeerState::Failed
    }

    fn handle_local_trickle(&mut self, trickled: Trickled, out: &mut VecDeque<Output>) {
        let Some(trickled) = self.trickle_on_the_wire(trickled) else { return };
        let ready = self.local.handle(trickled);
        trickle::send(&self.participant.id, ready.into_iter().collect(), out);
    }

    /// Turns steps of the negotiation into outputs, each description followed by the candidates that waited for it.
    fn take(&mut self, steps: Vec<Step>, out: &mut VecDeque<Output>) {
        let id = self.participant.id.clone();
        for step in steps {
            let peer = id.clone();
            match step {
                Step::CreateOffer { ice_restart } => out.push_back(Output::CreateOffer { peer, ice_restart }),
                Step::AcceptOffer { sdp, rollback } => {
                    let waited = self.remote.handle_description(&sdp);
                    out.push_back(Output::AcceptOffer { peer, sdp, rollback });
                    trickle::add(&id, waited, out);
                }
                Step::AcceptAnswer { sdp } => {
                    let waited = self.remote.handle_description(&sdp);
                    out.push_back(Output::AcceptAnswer { peer, sdp });
                    trickle::add(&id, waited, out);
                }
                Step::SendDescription(description) => {
                    let sdp = self.on_the_wire(description.sdp);
                    let description = Description { sdp, ..description };
                    let waited = self.local.handle_description(&description.sdp);
                    out.push_back(Output::Send {
                        message: ClientMessage::Description { to: peer, description },
                    });
                    trickle::send(&id, waited, out);
                }
            }
        }
    }

    /// What of a description goes to the other side, or is taken from it: no address but a relay's, where media is relayed.
    fn on_the_wire(&self, sdp: String) -> String {
        match self.ice.mode {
            Some(IceMode::Relay) => relayed::description(&sdp),
            Some(IceMode::All) | None => sdp,
        }
    }

    /// And of what is trickled.
    fn trickle_on_the_wire(&self, trickled: Trickled) -> Option<Trickled> {
        match (self.ice.mode, trickled) {
            (Some(IceMode::Relay), Trickled::Candidate(candidate)) => {
                let text = relayed::candidate(&candidate.candidate)?;
                Some(Trickled::Candidate(Candidate { candidate: text, ..candidate }))
            }
            (Some(IceMode::Relay), end @ Trickled::End { .. }) => Some(end),
            (Some(IceMode::All) | None, trickled) => Some(trickled),
        }
    }

    fn give_up(&mut self, out: &mut VecDeque<Output>) {
        self.close(out);
        self.path.give_up();
        self.tell_state(out);
    }

    fn tell_state(&mut self, out: &mut VecDeque<Output>) {
        let state = self.path.state();
        if state != self.told {
            self.told = state;
            tell(out, CallEvent::Peer { participant: self.participant.id.clone(), state });
        }
    }
}

pub(crate) fn tell(out: &mut VecDeque<Output>, event: CallEvent) {
    out.push_back(Output::Event { event });
}
