//! How this client stands with the server.

use std::time::{Duration, Instant};

use visavis_protocol::{
    AccessToken, Again, ClientMessage, Door, Join, MediaState, ParticipantId, RoomName, Seek,
};

use crate::backoff;
use crate::event::{CallState, Consent};

/// How long the server may take to accept a connection, to welcome, and to let the client in.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Before it asks again, whatever the server says.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// What the user wants; kept while the call lasts, to enter the room again after the server was lost.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) meeting: Meeting,
    /// Who the user is to the server.
    pub(crate) token: Option<AccessToken>,
}

/// Whom the user wants to meet.
#[derive(Debug, Clone)]
pub(crate) enum Meeting {
    /// Whoever is in a room.
    Join(Join),
    /// A stranger.
    Seek(Seek),
}

impl Meeting {
    pub(crate) fn message(&self) -> ClientMessage {
        match self {
            Self::Join(join) => ClientMessage::Join(join.clone()),
            Self::Seek(seek) => ClientMessage::Seek(seek.clone()),
        }
    }

    /// The way back into a room that was entered this way.
    pub(crate) fn return_message(&self, room: RoomName, again: Again) -> ClientMessage {
        let (name, media) = match self {
            Self::Join(join) => (join.name.clone(), join.media),
            Self::Seek(seek) => (seek.name.clone(), seek.media),
        };
        ClientMessage::Join(Join { room, name, media, again: Some(again) })
    }

    pub(crate) fn media_mut(&mut self) -> &mut MediaState {
        match self {
            Self::Join(join) => &mut join.media,
            Self::Seek(seek) => &mut seek.media,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Session {
    /// Nothing is wanted, or the call is over.
    Off,
    /// On the way in, or back.
    Entering {
        step: Step,
        deadline: Instant,
        lost: Option<Lost>,
    },
    Staying(Stay),
    /// The server is lost; the next try begins at `retry_at`.
    Pausing {
        retry_at: Instant,
        lost: Lost,
    },
}

/// Where the client has got to.
#[derive(Debug, Clone)]
pub(crate) enum Stay {
    /// The queue of those who seek strangers.
    Queued { place: u32, waiting: u32 },
    /// The lobby of the room.
    Waiting { room: RoomName },
    InRoom {
        room: RoomName,
        you: ParticipantId,
        host: bool,
        door: Door,
        /// Where media is relayed until both want it otherwise.
        consent: Option<Consent>,
    },
}

impl Stay {
    /// The same for the user.
    pub(crate) fn state(&self) -> CallState {
        match self.clone() {
            Self::Queued { place, waiting } => CallState::Queued { place, waiting },
            Self::Waiting { room } => CallState::Waiting { room },
            Self::InRoom { room, you, host, door, consent } => {
                CallState::InRoom { room, you, host, door, consent }
            }
        }
    }
}

/// A stay whose connection to the server broke.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub(crate) stay: Stay,
    /// How often it has tried to come back.
    pub(crate) tries: usize,
    /// Whether the others know that the stay is over: there is none to go on with.
    pub(crate) is_over: bool,
}

/// What the client waits for on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Connection,
    Welcome,
    Admission,
    /// The time to ask once more to be let in: the server could not say.
    AnotherTry,
}

impl Session {
    pub(crate) fn connecting(now: Instant, lost: Option<Lost>) -> Self {
        Self::Entering { step: Step::Connection, deadline: now + ANSWER_TIMEOUT, lost }
    }

    /// The next step of the way in, with a deadline of its own; other sessions stay as they are.
    pub(crate) fn advance(&mut self, now: Instant, next: Step) {
        if let Self::Entering { step, deadline, .. } = self {
            *step = next;
            *deadline = now + ANSWER_TIMEOUT;
        }
    }

    /// The server cannot say at the moment whether it lets the client in, which is to ask again after that pause.
    pub(crate) fn ask_later(&mut self, now: Instant, pause: Duration) {
        if let Self::Entering { step: step @ Step::Admission, deadline, .. } = self {
            *step = Step::AnotherTry;
            *deadline = now + pause.clamp(LEAST_PAUSE, ANSWER_TIMEOUT);
        }
    }

    /// There is another network: what waits for a try does not wait any longer, and what is on its way over the old one
    /// begins anew. True if a connection is to be opened.
    pub(crate) fn handle_network_change(&mut self, now: Instant) -> bool {
        let lost = match self {
            Self::Pausing { lost, .. } => Some(Lost { tries: 0, ..lost.clone() }),
            Self::Entering { step: Step::Connection, lost, .. } => lost.clone(),
            Self::Off
            | Self::Entering { step: Step::Welcome | Step::Admission | Step::AnotherTry, .. }
            | Self::Staying(_) => {
                return false;
            }
        };
        *self = Self::connecting(now, lost);
        true
    }

    /// Whether the client is in the room or its lobby, or was and is on its way back.
    pub(crate) fn is_stay(&self) -> bool {
        match self {
            Self::Staying(_) | Self::Pausing { .. } | Self::Entering { lost: Some(_), .. } => true,
            Self::Off | Self::Entering { lost: None, .. } => false,
        }
    }

    pub(crate) fn is_in_room(&self) -> bool {
        matches!(self, Self::Staying(Stay::InRoom { .. }))
    }

    /// Whether the client waits for somebody else to have it come in.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Staying(Stay::Queued { .. } | Stay::Waiting { .. }))
    }

    /// Whether the client waits for the welcome, and was not here before.
    pub(crate) fn is_first_hello(&self) -> bool {
        matches!(self, Self::Entering { step: Step::Welcome, lost: None, .. })
    }

    pub(crate) fn is_at(&self, wanted: Step) -> bool {
        matches!(self, Self::Entering { step, .. } if *step == wanted)
    }

    /// The room that was lost and may be gone on with, who the client was there, and its door.
    pub(crate) fn lost_room(&self) -> Option<(&RoomName, &ParticipantId, Door)> {
        match self {
            Self::Entering {
                lost: Some(Lost { stay: Stay::InRoom { room, you, door, .. }, is_over: false, .. }),
                ..
            } => Some((room, you, *door)),
            Self::Entering { .. } | Self::Off | Self::Staying(_) | Self::Pausing { .. } => None,
        }
    }

    /// Who would have a direct path where the client is, or was and is on its way back to.
    pub(crate) fn consent(&self) -> Option<Consent> {
        let stay = match self {
            Self::Staying(stay) => stay,
            Self::Entering { lost, .. } => &lost.as_ref()?.stay,
            Self::Pausing { lost, .. } => &lost.stay,
            Self::Off => return None,
        };
        match stay {
            Stay::InRoom { consent, .. } => *consent,
            Stay::Queued { .. } | Stay::Waiting { .. } => None,
        }
    }

    /// Whether the server will not have the client back as it was, and there are tries left in which that may change.
    pub(crate) fn may_try_again(&self) -> bool {
        matches!(self, Self::Entering { lost: Some(lost), .. } if !lost.is_over && lost.tries < backoff::TRIES)
    }

    /// There is nothing to go on with any more.
    pub(crate) fn give_stay_up(&mut self) {
        if let Self::Entering { lost: Some(lost), .. } = self {
            lost.is_over = true;
        }
    }

    /// The pause before the next try, which depends on the seed, or `None` when there were enough. `persists`: there are
    /// never enough.
    pub(crate) fn pausing(now: Instant, lost: Lost, seed: &str, persists: bool) -> Option<Self> {
        if lost.tries >= backoff::TRIES && !persists {
            return None;
        }
        let pause = backoff::pause(lost.tries, seed);
        let lost = Lost { tries: lost.tries + 1, ..lost };
        Some(Self::Pausing { retry_at: now + pause, lost })
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Off | Self::Staying(_) => None,
            Self::Entering { deadline, .. } => Some(*deadline),
            Self::Pausing { retry_at, .. } => Some(*retry_at),
        }
    }
}
