//! Mail between this node and others: in order, once, or lost as a whole, which both ends learn. Pure.
//!
//! Two nodes share an *epoch*, from 0 as long as both live. Mail is numbered within it, each way. Who misses a number, or has
//! to drop what it cannot keep, begins the next epoch and says so; who hears of a later epoch than its own has lost something too. Mail
//! of former epochs, and of former lives of either node, counts for nothing.

mod peer;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use super::api::Event;
use super::names::NodeId;
use peer::{Peer, Standing};

/// One life of a node: it begins when the node registers, and ends with its lease. Later lives have higher numbers.
pub(super) type Life = u64;

/// Everything that is known of the other nodes.
#[derive(Debug)]
pub(super) struct Post {
    node: NodeId,
    life: Option<Life>,
    peers: HashMap<NodeId, Peer>,
    /// Looks at the registry that were begun.
    looks: u64,
    /// Whether to look before it is due.
    wants_look: bool,
}

/// Mail to one node that goes as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) life: Life,
    pub(super) to_life: Life,
    pub(super) epoch: u64,
    /// Number of the first one.
    pub(super) first: u64,
    pub(super) mail: Vec<String>,
}

impl Post {
    pub(super) fn new(node: NodeId) -> Self {
        Self { node, life: None, peers: HashMap::new(), looks: 0, wants_look: false }
    }

    /// This node begins another life: all others have lost it.
    pub(super) fn begin(&mut self, life: Life, events: &mut VecDeque<Event>) {
        let is_first = self.life.replace(life).is_none();
        self.wants_look = true;
        for (node, peer) in &mut self.peers {
            peer.handle_own_life(node, is_first, events);
        }
    }

    pub(super) fn send(&mut self, to: NodeId, mail: String, events: &mut VecDeque<Event>) {
        let peer = self.peers.entry(to.clone()).or_insert_with(|| {
            self.wants_look = true;
            Peer::new(Standing::Unknown)
        });
        self.wants_look |= peer.send(&to, mail, events);
    }

    pub(super) fn note(&mut self, node: &NodeId) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.note();
        }
    }

    /// What can go now, to at most so many nodes.
    pub(super) fn poll_parcels(&mut self, most: usize) -> Vec<Parcel> {
        let Some(life) = self.life else { return Vec::new() };
        let node = &self.node;
        let parcels = self.peers.iter_mut().filter_map(|(to, peer)| peer.poll_parcel(node, life, to));
        parcels.take(most).collect()
    }

    #[cfg(test)]
    pub(super) fn has_parcels(&self) -> bool {
        self.life.is_some() && self.peers.values().any(Peer::has_parcel)
    }

    /// A parcel was not sent, or it is not known that it was.
    pub(super) fn put_back(&mut self, parcel: Parcel) {
        if self.life == Some(parcel.life)
            && let Some(peer) = self.peers.get_mut(&parcel.to)
        {
            peer.put_back(parcel);
        }
    }

    /// There is no place for such a parcel.
    pub(super) fn handle_nowhere(&mut self, parcel: Parcel) {
        self.wants_look = true;
        if let Some(peer) = self.peers.get_mut(&parcel.to) {
            peer.handle_nowhere(parcel.to_life);
        }
        self.put_back(parcel);
    }

    pub(super) fn wants_look(&self) -> bool {
        self.wants_look
    }

    /// Begins a look at the registry, and gives it a number.
    pub(super) fn begin_look(&mut self) -> u64 {
        self.wants_look = false;
        self.looks += 1;
        self.looks
    }

    /// What a look has found: all nodes that are alive, this one among them.
    pub(super) fn handle_look(
        &mut self,
        look: u64,
        living: Vec<(NodeId, Life)>,
        events: &mut VecDeque<Event>,
    ) {
        let living: HashMap<_, _> = living.into_iter().filter(|(node, _)| *node != self.node).collect();
        for (node, peer) in &mut self.peers {
            peer.handle_look(node, look, living.get(node).copied(), events);
        }
        for (node, life) in living {
            self.peers.entry(node).or_insert_with(|| Peer::new(Standing::Alive(life)));
        }
        self.peers.retain(|_, peer| !peer.is_over(look));
    }

    /// Nodes besides this one that are alive as far as is known.
    pub(super) fn living(&self) -> impl Iterator<Item = &NodeId> {
        self.peers.iter().filter(|(_, peer)| peer.life().is_some()).map(|(node, _)| node)
    }

    pub(super) fn handle_parcel(&mut self, parcel: Parcel, events: &mut VecDeque<Event>) {
        if Some(parcel.to_life) != self.life {
            return;
        }
        let peer =
            self.peers.entry(parcel.from.clone()).or_insert_with(|| Peer::new(Standing::Alive(parcel.life)));
        peer.handle_parcel(self.looks, parcel, events);
    }
}
