//! What a node says to the broker, and hears from it.

use std::time::Duration;

use visavis_protocol::RoomName;

use super::names::{BucketKey, IdentityKey, NodeId, SessionKey, Ticket};

/// Others that somebody who seeks must not meet; of more, those beyond are not looked at.
pub(super) const MOST_BLOCKS: usize = 256;

/// What a node says. What is of one room, one session or to one node is done in the order in which it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Arrives once and in order, or [`NodeLost`](Event::NodeLost) is told at both ends.
    Send { to: NodeId, mail: String },
    /// The loss of that node is taken note of: what is sent to it from here on is meant for it as it is then. What is sent
    /// between a [`NodeLost`](Event::NodeLost) and this goes nowhere.
    Noted { node: NodeId },
    /// Who owns this room; this node does from then on if nobody alive does. Answered by [`Claimed`](Event::Claimed).
    Claim { room: RoomName },
    /// What a next owner has to know of a room of this node's, until it is released. The latest counts.
    Remember { room: RoomName, memory: String },
    /// A room of this node's is nobody's any more, and forgotten.
    Release { room: RoomName },
    /// A session lives here, wherever it has been.
    Settle { session: SessionKey },
    /// A session does not live here any more.
    Unsettle { session: SessionKey },
    /// Where a session lives. Answered by [`Found`](Event::Found).
    Find { session: SessionKey },
    /// A session of this node's seeks a stranger, until it is withdrawn or matched, however long Redis is away meanwhile. Each time
    /// it is queued that is told in [`Queued`](Event::Queued).
    Seek(Box<SeekerRecord>),
    /// A session that seeks does so with other keys or blocks; nothing, if it was matched meanwhile.
    Widen(Box<SeekerRecord>),
    /// A session seeks no longer.
    Withdraw { session: SessionKey },
    /// At which place sessions wait. Answered by [`Places`](Event::Places).
    Places { sessions: Vec<SessionKey> },
    /// This node goes away: others may have its rooms, with what it has remembered. Nothing is done after it.
    Resign,
}

/// Somebody who seeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeekerRecord {
    pub(crate) session: SessionKey,
    pub(crate) identity: IdentityKey,
    /// Since when, if it has waited before.
    pub(crate) ticket: Option<Ticket>,
    /// What it would meet somebody over.
    pub(crate) keys: Vec<BucketKey>,
    /// Whom it must never meet; the first 256 count.
    pub(crate) blocks: Vec<IdentityKey>,
}

/// One of two who are matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) session: SessionKey,
    pub(crate) node: NodeId,
    /// To wait with again, if nothing comes of it.
    pub(crate) ticket: Ticket,
}

/// What a node hears.
///
/// It begins cut off. When Redis is away comes [`CutOff`](Self::CutOff), and a [`Failed`](Self::Failed) for all that was asked. When it
/// is back come [`NodeLost`](Self::NodeLost), [`RoomLost`](Self::RoomLost) and [`SessionLost`](Self::SessionLost) for what
/// happened meanwhile, and then [`Back`](Self::Back): what the node holds then is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Mail {
        from: NodeId,
        mail: String,
    },
    /// `owner` has the room. If that is this node since this claim, `memory` is what its owner before has remembered.
    Claimed {
        room: RoomName,
        owner: NodeId,
        memory: Option<String>,
    },
    /// Another node has a room that was this one's.
    RoomLost {
        room: RoomName,
        owner: NodeId,
    },
    /// The node where a session lives; `None` if it lives nowhere.
    Found {
        session: SessionKey,
        node: Option<NodeId>,
    },
    /// A session that was this node's lives elsewhere.
    SessionLost {
        session: SessionKey,
        node: NodeId,
    },
    /// A session waits, at this place (from 1) of so many.
    Queued {
        session: SessionKey,
        ticket: Ticket,
        place: u32,
        waiting: u32,
    },
    /// Two have met, of whom one or both live here and do not wait any more. Both nodes are told.
    Matched {
        /// Waited longer.
        first: Party,
        second: Party,
        /// How long the first has waited.
        waited: Duration,
    },
    /// A session that did not wait any more was matched: the other, of another node, is to be told.
    Missed {
        session: SessionKey,
        other: Party,
    },
    /// Those of the asked who wait, with their places (from 1), and how many wait on all nodes.
    Places {
        places: Vec<(SessionKey, u32)>,
        waiting: u32,
    },
    /// A node is gone, or something between it and this one was lost: nothing said before counts. It may be heard of again.
    /// [`Noted`](Command::Noted) is wanted.
    NodeLost {
        node: NodeId,
    },
    /// Redis is away, or this node was away for too long: others may take over what it has.
    CutOff,
    Back,
    /// What was asked is not answered.
    Failed {
        what: Ask,
    },
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Claim(RoomName),
    Find(SessionKey),
    Places(Vec<SessionKey>),
}
