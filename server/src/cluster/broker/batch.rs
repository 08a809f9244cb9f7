//! What is asked of Redis at once, and its answer.

use super::api::Ask;
use super::names::{NodeId, SessionKey, Ticket};
use super::post::{Life, Parcel};
use visavis_protocol::RoomName;

/// All that is asked at once: there is one batch at a time.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Number of a look at the registry, which renews the lease too.
    pub(super) look: Option<u64>,
    pub(super) directory: Vec<DirectoryOperation>,
    pub(super) queue: Vec<QueueOperation>,
    pub(super) parcels: Vec<Parcel>,
    pub(super) sweep: Option<Sweep>,
    /// The last thing that is asked.
    pub(super) resigns: bool,
}

/// In `scripts/directory.lua`.
#[derive(Debug)]
pub(super) enum DirectoryOperation {
    Claim(RoomName),
    /// A room is this node's, unless somebody else has it by now.
    Keep(RoomName, Option<String>),
    Remember(RoomName, String),
    Release(RoomName),
    /// A room that nobody here knows to have is nobody's; what its owner before has remembered is kept for a while.
    Abandon(RoomName),
    Settle(SessionKey),
    /// A session lives here, unless it lives elsewhere by now.
    Stay(SessionKey),
    Unsettle(SessionKey),
    Find(SessionKey),
}

/// In `scripts/queue.lua`.
#[derive(Debug)]
pub(super) enum QueueOperation {
    Seek(Box<Seek>),
    Withdraw(SessionKey),
    Places(Vec<SessionKey>),
}

#[derive(Debug)]
pub(super) struct Seek {
    pub(super) session: SessionKey,
    /// Which time this is that the session seeks, among all sessions of the node.
    pub(super) stint: u64,
    pub(super) ticket: Option<Ticket>,
    pub(super) identity: String,
    /// Joined by tabs.
    pub(super) blocks: String,
    /// Joined by newlines.
    pub(super) keys: String,
    /// It was queued over this connection, so that it was matched if it is not there.
    pub(super) is_known: bool,
}

/// A part of what is swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sweep {
    pub(super) what: Swept,
    /// Where to go on; "0" at the beginning.
    pub(super) cursor: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Swept {
    /// Records that do not count any more, whosever they are.
    Queue,
    RoomsOf(NodeId),
    SessionsOf(NodeId),
    /// All else of the node is swept.
    EndOf(NodeId),
}

/// What Redis says to a batch.
#[derive(Debug)]
pub(super) enum Reply {
    Done(Answers),
    /// The lease is over, or scripts are not known any more: nothing more is done over this connection.
    Fenced,
}

/// An answer to each thing that was asked, in order.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) look: Option<Look>,
    pub(super) directory: Vec<DirectoryAnswer>,
    /// How many wait, and numbers for what was asked.
    pub(super) waiting: u32,
    pub(super) queue: Vec<i64>,
    /// Whether each parcel has arrived.
    pub(super) parcels: Vec<bool>,
    /// Where to go on sweeping.
    pub(super) sweep: Option<String>,
}

#[derive(Debug)]
pub(super) struct DirectoryAnswer {
    pub(super) node: Option<NodeId>,
    pub(super) memory: Option<String>,
}

#[derive(Debug)]
pub(super) struct Look {
    /// Number of this node's latest matches.
    pub(super) matches: u64,
    pub(super) living: Vec<(NodeId, Life)>,
    /// Who has left something.
    pub(super) dead: Vec<NodeId>,
}

/// What stands in the mail of this node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Parcel(Parcel),
    Matches {
        number: u64,
        matches: Vec<Match>,
    },
    /// The first entry, which keeps the place.
    Birth,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) first: Matched,
    pub(super) second: Matched,
    pub(super) waited_us: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) node: NodeId,
    pub(super) session: SessionKey,
    pub(super) stint: u64,
    pub(super) ticket: Ticket,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.look.is_none()
            && self.directory.is_empty()
            && self.queue.is_empty()
            && self.parcels.is_empty()
            && self.sweep.is_none()
            && !self.resigns
    }
}

impl DirectoryOperation {
    /// What is asked, if something is.
    pub(super) fn into_ask(self) -> Option<Ask> {
        match self {
            Self::Claim(room) => Some(Ask::Claim(room)),
            Self::Find(session) => Some(Ask::Find(session)),
            Self::Keep(..)
            | Self::Remember(..)
            | Self::Release(_)
            | Self::Abandon(_)
            | Self::Settle(_)
            | Self::Stay(_)
            | Self::Unsettle(_) => None,
        }
    }
}
