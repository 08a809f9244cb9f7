//! How this client stands with the server.

use std::time::{Duration, Instant};

use visavis_protocol::{DisplayName, MediaState, ParticipantId, RoomName};

/// How long the server may take to accept a connection, to welcome, and to let the client in.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Pauses before each new try to reach a lost server; after the last one the call ends.
const RETRY_PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(8),
];

/// What the user wants; kept while the call lasts, to enter the room again after the server was lost.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) room: RoomName,
    pub(crate) name: DisplayName,
    pub(crate) media: MediaState,
}

#[derive(Debug)]
pub(crate) enum Session {
    /// Nothing is wanted, or the call is over.
    Off,
    /// On the way in. `tries` counts the failures since the client was last in the room, `None` before the first stay.
    Entering {
        step: Step,
        deadline: Instant,
        tries: Option<usize>,
    },
    InRoom {
        you: ParticipantId,
    },
    /// The server is lost; the next try begins at `retry_at`.
    Pausing {
        retry_at: Instant,
        tries: usize,
    },
}

/// What the client waits for on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Connection,
    Welcome,
    Admission,
}

impl Session {
    pub(crate) fn connecting(now: Instant, tries: Option<usize>) -> Self {
        Self::Entering { step: Step::Connection, deadline: now + ANSWER_TIMEOUT, tries }
    }

    /// The next step of the way in, with a deadline of its own; other sessions stay as they are.
    pub(crate) fn advance(&mut self, now: Instant, next: Step) {
        if let Self::Entering { step, deadline, .. } = self {
            *step = next;
            *deadline = now + ANSWER_TIMEOUT;
        }
    }

    /// There is another network: what waits for a try does not wait any longer, and what is on its way over the old one
    /// begins anew. True if a connection is to be opened.
    pub(crate) fn handle_network_change(&mut self, now: Instant) -> bool {
        let tries = match self {
            Self::Pausing { .. } => Some(0),
            Self::Entering { step: Step::Connection, tries, .. } => *tries,
            Self::Off
            | Self::Entering { step: Step::Welcome | Step::Admission, .. }
            | Self::InRoom { .. } => {
                return false;
            }
        };
        *self = Self::connecting(now, tries);
        true
    }

    pub(crate) fn is_at(&self, wanted: Step) -> bool {
        matches!(self, Self::Entering { step, .. } if *step == wanted)
    }

    /// The pause before the next try after this many failed ones, or `None` when there were enough.
    pub(crate) fn pausing(now: Instant, tries: usize) -> Option<Self> {
        RETRY_PAUSES.get(tries).map(|pause| Self::Pausing { retry_at: now + *pause, tries: tries + 1 })
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Off | Self::InRoom { .. } => None,
            Self::Entering { deadline, .. } => Some(*deadline),
            Self::Pausing { retry_at, .. } => Some(*retry_at),
        }
    }
}
