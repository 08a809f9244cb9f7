//! Offer and answer with one peer, safe against glare: the perfect negotiation of the WebRTC specification (section
//! 10.7), as a state machine. The offerer is impolite: it ignores an offer that collides with its own. The answerer is
//! polite: it rolls its own offer back.

use visavis_protocol::{Description, DescriptionKind, Role};

#[derive(Debug)]
pub(crate) struct Negotiation {
    role: Role,
    state: State,
    /// Number of the own last offer.
    own_number: u32,
    /// Number of the peer's last offer that was taken up.
    peer_number: u32,
    /// An own offer that is wanted as soon as the state allows it.
    wanted: Option<Offer>,
    /// The peer's offer that came while another exchange was being worked on.
    waiting: Option<Description>,
}

/// Why an offer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Offer {
    Media,
    IceRestart,
}

#[derive(Debug, PartialEq)]
enum State {
    Stable,
    CreatingOffer {
        purpose: Offer,
        /// The peer's colliding offer, which goes first.
        yields_to: Option<Description>,
    },
    AwaitingAnswer {
        purpose: Offer,
    },
    AcceptingOffer,
    AcceptingAnswer,
}

/// What is to be done next, in this order of the exchange.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    CreateOffer { ice_restart: bool },
    AcceptOffer { sdp: String, rollback: bool },
    AcceptAnswer { sdp: String },
    SendDescription(Description),
}

impl Negotiation {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, state: State::Stable, own_number: 0, peer_number: 0, wanted: None, waiting: None }
    }

    /// Between two new connections; what was counted goes on, so that nothing old is taken for new.
    pub(crate) fn anew(&self) -> Self {
        Self { own_number: self.own_number, ..Self::new(self.role) }
    }

    /// The server says who offers first from now on.
    pub(crate) fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// Whether an own offer, or what the peer says to it, may have been lost with the server.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.state, State::AwaitingAnswer { .. })
    }

    /// Asks for an offer; it is made when the state allows it.
    pub(crate) fn want(&mut self, offer: Offer) -> Vec<Step> {
        self.wanted = self.wanted.max(Some(offer));
        // An offer that nobody answers may be lost; a restart replaces it, as RFC 9429 section 5.5 allows.
        if let (State::AwaitingAnswer { .. }, Offer::IceRestart) = (&self.state, offer) {
            self.state = State::Stable;
        }
        self.proceed()
    }

    /// The peer's description came.
    pub(crate) fn handle_description(&mut self, description: Description) -> Vec<Step> {
        match description.kind {
            DescriptionKind::Offer => self.handle_offer(description),
            DescriptionKind::Answer => self.handle_answer(description),
        }
    }

    /// The own offer is the local description now.
    pub(crate) fn handle_offer_created(&mut self, sdp: String) -> Vec<Step> {
        let State::CreatingOffer { purpose, yields_to } = &mut self.state else { return Vec::new() };
        match yields_to.take() {
            Some(offer) => self.accept_offer(offer, true),
            None => {
                self.state = State::AwaitingAnswer { purpose: *purpose };
                self.own_number += 1;
                let description =
                    Description { kind: DescriptionKind::Offer, negotiation: self.own_number, sdp };
                vec![Step::SendDescription(description)]
            }
        }
    }

    /// The answer to the peer's offer is the local description now.
    pub(crate) fn handle_answer_created(&mut self, sdp: String) -> Vec<Step> {
        if self.state != State::AcceptingOffer {
            return Vec::new();
        }
        self.state = State::Stable;
        let description = Description { kind: DescriptionKind::Answer, negotiation: self.peer_number, sdp };
        let mut steps = vec![Step::SendDescription(description)];
        steps.extend(self.proceed());
        steps
    }

    /// The peer's answer is the remote description now.
    pub(crate) fn handle_answer_accepted(&mut self) -> Vec<Step> {
        if self.state != State::AcceptingAnswer {
            return Vec::new();
        }
        self.state = State::Stable;
        self.proceed()
    }

    /// The work last asked for failed; what else waited is taken up.
    pub(crate) fn handle_failure(&mut self) -> Vec<Step> {
        self.state = State::Stable;
        self.proceed()
    }

    fn handle_offer(&mut self, offer: Description) -> Vec<Step> {
        if offer.negotiation <= self.peer_number {
            return Vec::new();
        }
        match (&mut self.state, self.role) {
            (State::Stable, _) => self.accept_offer(offer, false),
            (State::CreatingOffer { .. } | State::AwaitingAnswer { .. }, Role::Offerer) => Vec::new(),
            (State::CreatingOffer { yields_to, .. }, Role::Answerer) => {
                *yields_to = Some(offer);
                Vec::new()
            }
            (State::AwaitingAnswer { .. }, Role::Answerer) => self.accept_offer(offer, true),
            (State::AcceptingOffer | State::AcceptingAnswer, _) => {
                self.waiting = Some(offer);
                Vec::new()
            }
        }
    }

    fn handle_answer(&mut self, answer: Description) -> Vec<Step> {
        if !matches!(self.state, State::AwaitingAnswer { .. }) || answer.negotiation != self.own_number {
            return Vec::new();
        }
        self.state = State::AcceptingAnswer;
        vec![Step::AcceptAnswer { sdp: answer.sdp }]
    }

    fn accept_offer(&mut self, offer: Description, rollback: bool) -> Vec<Step> {
        // What the own offer was to bring is still wanted after the peer's; a restart is what the peer's may bring.
        if let State::CreatingOffer { purpose: Offer::Media, .. }
        | State::AwaitingAnswer { purpose: Offer::Media } = self.state
        {
            self.wanted = self.wanted.max(Some(Offer::Media));
        }
        self.state = State::AcceptingOffer;
        self.peer_number = offer.negotiation;
        vec![Step::AcceptOffer { sdp: offer.sdp, rollback }]
    }

    /// Takes up what waited for a stable state: the peer's offer first.
    fn proceed(&mut self) -> Vec<Step> {
        if self.state != State::Stable {
            return Vec::new();
        }
        if let Some(offer) = self.waiting.take() {
            return self.accept_offer(offer, false);
        }
        let Some(purpose) = self.wanted.take() else { return Vec::new() };
        self.state = State::CreatingOffer { purpose, yields_to: None };
        vec![Step::CreateOffer { ice_restart: purpose == Offer::IceRestart }]
    }
}
