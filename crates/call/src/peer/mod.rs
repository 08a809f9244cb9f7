//! One other participant: what is known of them, and the connection to them.

mod exchange;
mod renewal;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use visavis_protocol::{IceMode, IceServer, Participant, PathReport, Role};

use crate::event::{CallErrorCode, CallEvent, PeerState};
use crate::input::{CandidatePair, PathState};
use crate::negotiation::{Negotiation, Offer};
use crate::output::Output;
use crate::path::{Path, PathAction};
use crate::path_report::PathReporter;
use crate::remote_end::RemoteEnd;
use crate::trickle::Trickle;

/// How long somebody who was here before the server was lost may take to come back, too.
const RETURN_TIMEOUT: Duration = Duration::from_secs(15);

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

    fn open_connection(&self, out: &mut VecDeque<Output>) {
        let Ice { servers, mode } = self.ice.clone();
        let peer = self.participant.id.clone();
        out.push_back(Output::OpenPeer { peer, ice_servers: servers, ice_mode: mode });
    }

    fn is_open(&self) -> bool {
        self.told != PeerState::Failed
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
