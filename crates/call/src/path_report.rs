//! What the server's operator learns of the path to one peer: kinds and times, and nothing that says whose they are.

use std::time::{Duration, Instant};

use visavis_protocol::{MAX_CONNECT_MS, PathReport, SelectedPair};

use crate::event::PeerState;
use crate::input::CandidatePair;

/// Reports of one peer in a minute: a path that flaps says no more by more of them.
const MOST_A_MINUTE: u32 = 6;
const MINUTE: Duration = Duration::from_secs(60);

/// Turns what happens to the path into reports. What is too much is left out; the pair in use is told later, if it still is.
#[derive(Debug)]
pub(crate) struct PathReporter {
    /// When the present peer connection was begun.
    begun: Instant,
    stage: Stage,
    /// Whether media has got through, over this connection or one before.
    was_connected: bool,
    /// How many reports there were since then.
    reported: u32,
    since: Instant,
}

#[derive(Debug)]
enum Stage {
    Connecting,
    /// Connected after that time, over a pair that was not told yet.
    Connected {
        after: Duration,
    },
    Told {
        pair: SelectedPair,
    },
}

impl PathReporter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { begun: now, stage: Stage::Connecting, was_connected: false, reported: 0, since: now }
    }

    /// Another peer connection takes the place of the present one.
    pub(crate) fn begin_anew(&mut self, now: Instant) {
        (self.begun, self.stage) = (now, Stage::Connecting);
    }

    /// The path has got from one state to another.
    pub(crate) fn handle_state(
        &mut self,
        now: Instant,
        before: PeerState,
        after: PeerState,
    ) -> Option<PathReport> {
        match (before, after) {
            (PeerState::Connecting, PeerState::Connected) => {
                self.stage = Stage::Connected { after: now.saturating_duration_since(self.begun) };
                self.was_connected = true;
                None
            }
            (PeerState::Reconnecting, PeerState::Connected) => self.report(now, PathReport::Reconnected {}),
            _ => None,
        }
    }

    /// Media takes this pair.
    pub(crate) fn handle_pair(&mut self, now: Instant, pair: CandidatePair) -> Option<PathReport> {
        let pair = selected(pair);
        let report = match self.stage {
            Stage::Connecting => return None,
            Stage::Connected { after } => {
                let connect_ms = u32::try_from(after.as_millis()).unwrap_or(u32::MAX).min(MAX_CONNECT_MS);
                PathReport::Connected { connect_ms, pair }
            }
            Stage::Told { pair: told } if told == pair => return None,
            Stage::Told { .. } => PathReport::Changed { pair },
        };
        let report = self.report(now, report)?;
        self.stage = Stage::Told { pair };
        Some(report)
    }

    pub(crate) fn handle_restart(&mut self, now: Instant) -> Option<PathReport> {
        self.report(now, PathReport::Restarted {})
    }

    pub(crate) fn handle_failure(&mut self, now: Instant) -> Option<PathReport> {
        self.report(now, PathReport::Failed { was_connected: self.was_connected })
    }

    fn report(&mut self, now: Instant, report: PathReport) -> Option<PathReport> {
        if now >= self.since + MINUTE {
            (self.since, self.reported) = (now, 0);
        }
        if self.reported == MOST_A_MINUTE {
            return None;
        }
        self.reported += 1;
        Some(report)
    }
}

fn selected(CandidatePair { local, remote, relay_protocol, family }: CandidatePair) -> SelectedPair {
    SelectedPair { kind: local.max(remote), relay_protocol, family }
}
