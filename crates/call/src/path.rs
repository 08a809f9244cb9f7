//! Whether media gets through to a peer, and when to try an ICE restart (RFC 8445 section 2.4, RFC 8839 section 4.4.3).

use std::time::{Duration, Instant};

use visavis_protocol::Role;

use crate::event::PeerState;
use crate::input::PathState;

/// How long the first connection may take before it is tried anew.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a disconnected path may come back by itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much longer the answerer waits, so that one side restarts and not both.
const ANSWERER_DELAY: Duration = Duration::from_secs(3);
/// Between two ICE restarts for changes of the network: a network that flaps does not keep the call in restarts.
const CHANGE_PAUSE: Duration = Duration::from_secs(1);
/// Pauses after each ICE restart; after the last one the path is given up.
const RESTART_PAUSES: [Duration; 5] = [
    Duration::from_secs(4),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(16),
];

#[derive(Debug)]
pub(crate) struct Path {
    role: Role,
    phase: Phase,
    ever_connected: bool,
    /// When ICE was last restarted from here.
    restarted_at: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    /// Not connected; at `act_at` an ICE restart is due, or, when there were enough, the path is given up.
    Down {
        act_at: Instant,
        restarts: usize,
    },
    Up,
    GivenUp,
}

/// What is to be done when the time has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathAction {
    RestartIce,
    GiveUp,
}

impl Path {
    pub(crate) fn new(now: Instant, role: Role) -> Self {
        let act_at = now + CONNECT_TIMEOUT + delay(role);
        Self { role, phase: Phase::Down { act_at, restarts: 0 }, ever_connected: false, restarted_at: None }
    }

    pub(crate) fn state(&self) -> PeerState {
        match self.phase {
            Phase::Up => PeerState::Connected,
            Phase::GivenUp => PeerState::Failed,
            Phase::Down { .. } if self.ever_connected => PeerState::Reconnecting,
            Phase::Down { .. } => PeerState::Connecting,
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, state: PathState) {
        match (state, &mut self.phase) {
            (_, Phase::GivenUp) => {}
            (PathState::Connected, _) => {
                self.phase = Phase::Up;
                self.ever_connected = true;
            }
            (PathState::Disconnected, Phase::Up) => {
                self.phase = Phase::Down { act_at: now + PATIENCE + delay(self.role), restarts: 0 };
            }
            (PathState::Failed, Phase::Up) => {
                self.phase = Phase::Down { act_at: now + delay(self.role), restarts: 0 };
            }
            // Whoever notices restarts; should both do, negotiation takes care of it.
            (PathState::Moved, Phase::Up) => {
                self.phase = Phase::Down { act_at: self.after_change(now), restarts: 0 };
            }
            (PathState::Moved, Phase::Down { .. }) => self.handle_network_change(now),
            // Waiting any longer is pointless, but a restart under way keeps its pause.
            (PathState::Failed, Phase::Down { act_at, restarts: 0 }) => {
                *act_at = (*act_at).min(now + delay(self.role));
            }
            (PathState::Disconnected | PathState::Failed, Phase::Down { .. }) => {}
        }
    }

    /// There is another network, or there are messages to the peer again: what is down is tried anew at once.
    pub(crate) fn handle_network_change(&mut self, now: Instant) {
        let after_change = self.after_change(now);
        if let Phase::Down { act_at, restarts } = &mut self.phase {
            *act_at = (*act_at).min(after_change);
            *restarts = 0;
        }
    }

    /// Both sides are back after the server was lost: what was said meanwhile is lost with it, so what is down is tried anew,
    /// by the offerer at once.
    pub(crate) fn handle_return(&mut self, now: Instant, role: Role) {
        self.role = role;
        let due = self.after_change(now) + delay(role);
        if let Phase::Down { act_at, restarts } = &mut self.phase {
            *act_at = due;
            *restarts = 0;
        }
    }

    /// The other side offers, which may restart ICE: its attempt gets the time that an own one would.
    pub(crate) fn handle_remote_offer(&mut self, now: Instant) {
        if let Phase::Down { act_at, restarts } = &mut self.phase {
            let pause = RESTART_PAUSES.get(*restarts).or(RESTART_PAUSES.last()).copied().unwrap_or(PATIENCE);
            *act_at = (*act_at).max(now + pause + delay(self.role));
        }
    }

    pub(crate) fn give_up(&mut self) {
        self.phase = Phase::GivenUp;
    }

    /// What is due now. `reachable` says whether messages reach the peer: without them there is nothing to try, and
    /// no try is counted.
    pub(crate) fn handle_timeout(&mut self, now: Instant, reachable: bool) -> Option<PathAction> {
        let Phase::Down { act_at, restarts } = &mut self.phase else { return None };
        if now < *act_at {
            return None;
        }
        if !reachable {
            *act_at = now + PATIENCE;
            return None;
        }
        match RESTART_PAUSES.get(*restarts) {
            Some(pause) => {
                *restarts += 1;
                *act_at = now + *pause;
                self.restarted_at = Some(now);
                Some(PathAction::RestartIce)
            }
            None => {
                self.phase = Phase::GivenUp;
                Some(PathAction::GiveUp)
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Down { act_at, .. } => Some(act_at),
            Phase::Up | Phase::GivenUp => None,
        }
    }

    /// When a restart for a change of the network may begin.
    fn after_change(&self, now: Instant) -> Instant {
        self.restarted_at.map_or(now, |at| now.max(at + CHANGE_PAUSE))
    }
}

fn delay(role: Role) -> Duration {
    match role {
        Role::Offerer => Duration::ZERO,
        Role::Answerer => ANSWERER_DELAY,
    }
}
