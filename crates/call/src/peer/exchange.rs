//! What is said to the far side, and taken from it.

use std::collections::VecDeque;
use std::time::Instant;

use visavis_protocol::{Candidate, ClientMessage, Description, DescriptionKind, IceMode};

use super::{Ice, Peer, tell};
use crate::event::{CallErrorCode, CallEvent, PeerState};
use crate::negotiation::{Offer, Step};
use crate::output::Output;
use crate::relayed;
use crate::trickle::{self, Trickled};

impl Peer {
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

    pub(super) fn negotiate(&mut self, description: Description, out: &mut VecDeque<Output>) {
        let sdp = self.on_the_wire(description.sdp);
        let steps = self.negotiation.handle_description(Description { sdp, ..description });
        self.take(steps, out);
    }

    fn handle_local_trickle(&mut self, trickled: Trickled, out: &mut VecDeque<Output>) {
        let Some(trickled) = self.trickle_on_the_wire(trickled) else { return };
        let ready = self.local.handle(trickled);
        trickle::send(&self.participant.id, ready.into_iter().collect(), out);
    }

    /// Turns steps of the negotiation into outputs, each description followed by the candidates that waited for it.
    pub(super) fn take(&mut self, steps: Vec<Step>, out: &mut VecDeque<Output>) {
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
}
