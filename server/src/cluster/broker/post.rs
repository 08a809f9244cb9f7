//! Mail between this node and others: in order, once, or lost as a whole, which both ends learn. Pure.
//!
//! Two nodes share an *epoch*, from 0 as long as both live. Mail is numbered within it, each way. Who misses a number, or has
//! to drop what it cannot keep, begins the next epoch and says so; who hears of a later epoch than its own has lost something too. Mail
//! of former epochs, and of former lives of either node, counts for nothing.

use std::collections::{HashMap, VecDeque};

use super::api::Event;
use super::names::NodeId;

/// Mail that may wait for Redis, for one node.
const MOST_WAITING: usize = 16_384;
const MOST_WAITING_BYTES: usize = 8 << 20;
/// Mail that goes as one.
const MOST_TOGETHER: usize = 256;
const MOST_TOGETHER_BYTES: usize = 64 << 10;
/// For how many looks the lives of those who are gone are remembered.
const GONE_LOOKS: u64 = 120;

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

#[derive(Debug)]
struct Peer {
    standing: Standing,
    epoch: u64,
    /// Number of the first of `waiting`.
    next: u64,
    waiting: VecDeque<String>,
    bytes: usize,
    /// Number of the next mail that comes from it.
    expected: u64,
    /// It is to hear of this epoch, though there be no mail.
    greets: bool,
    /// Losses that were told and not taken note of.
    unnoted: u32,
    /// The last look that may not know of it.
    heard: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not found by a look yet.
    Unknown,
    Alive(Life),
    /// It has no place for mail: the next look tells why.
    Doubtful(Life),
    Gone {
        life: Life,
        look: u64,
    },
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
            if !matches!(peer.standing, Standing::Gone { .. }) && !is_first {
                peer.lose(node, events);
            }
            peer.epoch = 0;
            peer.greets = false;
        }
    }

    pub(super) fn send(&mut self, to: NodeId, mail: String, events: &mut VecDeque<Event>) {
        let peer = self.peers.entry(to.clone()).or_insert_with(|| {
            self.wants_look = true;
            Peer::new(Standing::Unknown)
        });
        if peer.unnoted > 0 {
            return;
        }
        if let Standing::Gone { .. } = peer.standing {
            // It may be there again, and this mail may know.
            peer.standing = Standing::Unknown;
            self.wants_look = true;
        }
        if peer.waiting.len() >= MOST_WAITING || peer.bytes + mail.len() > MOST_WAITING_BYTES {
            peer.lose(&to, events);
            return;
        }
        peer.bytes += mail.len();
        peer.waiting.push_back(mail);
    }

    pub(super) fn note(&mut self, node: &NodeId) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.unnoted = peer.unnoted.saturating_sub(1);
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
        let Some(peer) = self.peers.get_mut(&parcel.to) else { return };
        let is_of_now = peer.epoch == parcel.epoch
            && peer.next == parcel.first + parcel.mail.len() as u64
            && self.life == Some(parcel.life)
            && peer.life() == Some(parcel.to_life);
        if is_of_now {
            peer.next = parcel.first;
            peer.bytes += parcel.mail.iter().map(String::len).sum::<usize>();
            peer.greets |= parcel.mail.is_empty();
            parcel.mail.into_iter().rev().for_each(|mail| peer.waiting.push_front(mail));
        }
    }

    /// There is no place for such a parcel.
    pub(super) fn handle_nowhere(&mut self, parcel: Parcel) {
        self.wants_look = true;
        if let Some(peer) = self.peers.get_mut(&parcel.to)
            && peer.standing == Standing::Alive(parcel.to_life)
        {
            peer.standing = Standing::Doubtful(parcel.to_life);
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
            if peer.heard >= look {
                continue;
            }
            match living.get(node) {
                Some(&life) => peer.handle_alive(node, life, events),
                None => peer.handle_gone(node, look, events),
            }
        }
        for (node, life) in living {
            self.peers.entry(node).or_insert_with(|| Peer::new(Standing::Alive(life)));
        }
        self.peers.retain(|_, peer| {
            let is_over =
                matches!(peer.standing, Standing::Gone { look: then, .. } if look > then + GONE_LOOKS);
            peer.unnoted > 0 || !is_over
        });
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
        let known = match peer.standing {
            Standing::Unknown => parcel.life,
            Standing::Alive(life) | Standing::Doubtful(life) => life,
            Standing::Gone { life, .. } => life + 1,
        };
        if parcel.life < known {
            return;
        }
        peer.heard = self.looks;
        peer.handle_alive(&parcel.from, parcel.life, events);
        peer.handle_parcel(parcel, events);
    }
}

impl Peer {
    fn new(standing: Standing) -> Self {
        Self {
            standing,
            epoch: 0,
            next: 0,
            waiting: VecDeque::new(),
            bytes: 0,
            expected: 0,
            greets: false,
            unnoted: 0,
            heard: 0,
        }
    }

    fn life(&self) -> Option<Life> {
        match self.standing {
            Standing::Alive(life) | Standing::Doubtful(life) => Some(life),
            Standing::Unknown | Standing::Gone { .. } => None,
        }
    }

    fn has_parcel(&self) -> bool {
        matches!(self.standing, Standing::Alive(_)) && (self.greets || !self.waiting.is_empty())
    }

    fn poll_parcel(&mut self, from: &NodeId, life: Life, to: &NodeId) -> Option<Parcel> {
        let Standing::Alive(to_life) = self.standing else { return None };
        if !self.has_parcel() {
            return None;
        }
        self.greets = false;
        let (mut mail, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.waiting.front()
            && (mail.is_empty() || bytes + next.len() <= MOST_TOGETHER_BYTES)
            && mail.len() < MOST_TOGETHER
        {
            bytes += next.len();
            mail.extend(self.waiting.pop_front());
        }
        let first = self.next;
        self.next += mail.len() as u64;
        self.bytes -= bytes;
        Some(Parcel { from: from.clone(), to: to.clone(), life, to_life, epoch: self.epoch, first, mail })
    }

    /// Nothing that was said before counts.
    fn lose(&mut self, node: &NodeId, events: &mut VecDeque<Event>) {
        self.epoch += 1;
        (self.next, self.expected, self.bytes) = (0, 0, 0);
        self.waiting.clear();
        self.greets = true;
        self.unnoted += 1;
        events.push_back(Event::NodeLost { node: node.clone() });
    }

    fn handle_alive(&mut self, node: &NodeId, life: Life, events: &mut VecDeque<Event>) {
        match self.standing {
            Standing::Alive(known) if life <= known => {}
            // It says that it is alive, and has no place for mail.
            Standing::Doubtful(known) if life == known => {
                self.lose(node, events);
                self.standing = Standing::Alive(life);
            }
            Standing::Doubtful(known) if life < known => {}
            Standing::Alive(_) | Standing::Doubtful(_) => {
                self.lose(node, events);
                self.begin(life);
            }
            Standing::Unknown => self.begin(life),
            Standing::Gone { life: known, .. } if life <= known => {}
            Standing::Gone { .. } => self.begin(life),
        }
    }

    /// It is alive, and nothing was said to or by this life of it.
    fn begin(&mut self, life: Life) {
        self.standing = Standing::Alive(life);
        (self.epoch, self.greets) = (0, false);
    }

    fn handle_gone(&mut self, node: &NodeId, look: u64, events: &mut VecDeque<Event>) {
        let life = match self.standing {
            Standing::Gone { .. } => return,
            Standing::Unknown => 0,
            Standing::Alive(life) | Standing::Doubtful(life) => life,
        };
        self.lose(node, events);
        self.standing = Standing::Gone { life, look };
    }

    fn handle_parcel(&mut self, parcel: Parcel, events: &mut VecDeque<Event>) {
        if parcel.epoch < self.epoch {
            return;
        }
        if parcel.epoch > self.epoch {
            self.lose(&parcel.from, events);
            (self.epoch, self.greets) = (parcel.epoch, false);
        }
        if parcel.first > self.expected {
            self.lose(&parcel.from, events);
            return;
        }
        let known = usize::try_from(self.expected - parcel.first).unwrap_or(usize::MAX);
        for mail in parcel.mail.into_iter().skip(known) {
            self.expected += 1;
            events.push_back(Event::Mail { from: parcel.from.clone(), mail });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node {
        post: Post,
        events: VecDeque<Event>,
    }

    fn id(name: &str) -> NodeId {
        NodeId::try_from(format!("{name:0>12}")).expect("a node")
    }

    fn node(name: &str, life: Life) -> Node {
        let mut node = Node { post: Post::new(id(name)), events: VecDeque::new() };
        node.post.begin(life, &mut node.events);
        node
    }

    /// Two that know of each other.
    fn two() -> (Node, Node) {
        let (mut ann, mut ben) = (node("ann", 1), node("ben", 1));
        ann.look(&[("ann", 1), ("ben", 1)]);
        ben.look(&[("ann", 1), ("ben", 1)]);
        (ann, ben)
    }

    impl Node {
        fn look(&mut self, living: &[(&str, Life)]) {
            let look = self.post.begin_look();
            let living = living.iter().map(|&(node, life)| (id(node), life)).collect();
            self.post.handle_look(look, living, &mut self.events);
        }

        fn send(&mut self, to: &str, mail: &str) {
            self.post.send(id(to), mail.to_owned(), &mut self.events);
        }

        fn parcel(&mut self) -> Parcel {
            self.post.poll_parcels(1).pop().expect("a parcel")
        }

        fn receive(&mut self, parcel: &Parcel) {
            self.post.handle_parcel(parcel.clone(), &mut self.events);
        }

        fn note(&mut self, node: &str) {
            self.post.note(&id(node));
        }

        /// What it has heard: mail, or `-` for a loss.
        fn heard(&mut self) -> Vec<String> {
            let word = |event| {
                if let Event::Mail { mail, .. } = event {
                    return mail;
                }
                assert!(matches!(event, Event::NodeLost { .. }), "{event:?}");
                "-".to_owned()
            };
            self.events.drain(..).map(word).collect()
        }
    }

    #[test]
    fn mail_arrives_in_order_and_once_however_often_it_is_carried() {
        let (mut ann, mut ben) = two();
        ann.send("ben", "1");
        let first = ann.parcel();
        ann.send("ben", "2");
        ann.send("ben", "3");
        let second = ann.parcel();
        assert_eq!((second.first, second.mail.len()), (1, 2));
        for parcel in [&first, &first, &second, &first, &second] {
            ben.receive(parcel);
        }
        assert_eq!(ben.heard(), ["1", "2", "3"]);
    }

    #[test]
    fn what_was_put_back_goes_again_before_what_came_later() {
        let (mut ann, mut ben) = two();
        ann.send("ben", "1");
        let lost = ann.parcel();
        ann.send("ben", "2");
        ann.post.put_back(lost);
        let parcel = ann.parcel();
        ben.receive(&parcel);
        assert_eq!((parcel.first, ben.heard()), (0, vec!["1".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn both_hear_of_a_gap_once_and_go_on_after_it() {
        let (mut ann, mut ben) = two();
        ann.send("ben", "1");
        drop(ann.parcel());
        ann.send("ben", "2");
        let late = ann.parcel();
        ben.receive(&late);
        ben.receive(&late);
        assert_eq!(ben.heard(), ["-"]);
        let greeting = ben.parcel();
        ann.receive(&greeting);
        assert_eq!(ann.heard(), ["-"]);
        assert!(!ann.post.has_parcels() && !ben.post.has_parcels(), "nobody answers a greeting");
        ann.note("ben");
        ben.note("ann");
        ann.send("ben", "3");
        ben.send("ann", "4");
        let (to_ben, to_ann) = (ann.parcel(), ben.parcel());
        ben.receive(&to_ben);
        ann.receive(&to_ann);
        assert_eq!((ben.heard(), ann.heard()), (vec!["3".to_owned()], vec!["4".to_owned()]));
    }

    #[test]
    fn both_may_lose_something_at_once() {
        let (mut ann, mut ben) = two();
        for (one, other) in [(&mut ann, "ben"), (&mut ben, "ann")] {
            one.send(other, "lost");
            drop(one.parcel());
            one.send(other, "late");
        }
        let (to_ben, to_ann) = (ann.parcel(), ben.parcel());
        ben.receive(&to_ben);
        ann.receive(&to_ann);
        let (to_ben, to_ann) = (ann.parcel(), ben.parcel());
        ben.receive(&to_ben);
        ann.receive(&to_ann);
        assert_eq!((ann.heard(), ben.heard()), (vec!["-".to_owned()], vec!["-".to_owned()]));
        assert!(!ann.post.has_parcels() && !ben.post.has_parcels());
    }

    #[test]
    fn what_is_sent_before_a_loss_is_noted_goes_nowhere() {
        let (mut ann, mut ben) = two();
        ann.look(&[("ann", 1), ("ben", 2)]);
        assert_eq!(ann.heard(), ["-"]);
        ann.send("ben", "old");
        ann.note("ben");
        ann.send("ben", "new");
        ben.post.begin(2, &mut ben.events);
        let parcel = ann.parcel();
        ben.receive(&parcel);
        assert_eq!(ben.heard(), ["-", "new"]);
    }

    #[test]
    fn more_than_can_wait_is_a_loss() {
        let (mut ann, mut ben) = two();
        for _ in 0..=MOST_WAITING {
            ann.send("ben", "x");
        }
        assert_eq!(ann.heard(), ["-"]);
        let greeting = ann.parcel();
        assert!(greeting.mail.is_empty());
        ben.receive(&greeting);
        assert_eq!(ben.heard(), ["-"]);
        ann.note("ben");
        ann.send("ben", &"x".repeat(MOST_WAITING_BYTES + 1));
        assert_eq!(ann.heard(), ["-"]);
    }

    #[test]
    fn mail_of_a_former_life_or_for_one_counts_for_nothing() {
        let (mut ann, mut ben) = two();
        ann.send("ben", "1");
        let old = ann.parcel();
        ann.post.begin(2, &mut ann.events);
        ann.look(&[("ann", 2), ("ben", 1)]);
        assert_eq!(ann.heard(), ["-"]);
        ann.note("ben");
        ann.send("ben", "2");
        let new = ann.parcel();
        ben.receive(&new);
        ben.receive(&old);
        assert_eq!(ben.heard(), ["-", "2"]);
        ben.post.begin(2, &mut ben.events);
        ben.receive(&new);
        assert_eq!(ben.heard(), ["-"]);
    }

    #[test]
    fn who_is_gone_is_lost_once_and_may_come_back() {
        let (mut ann, _) = two();
        ann.look(&[("ann", 1)]);
        ann.look(&[("ann", 1)]);
        assert_eq!((ann.heard(), ann.post.living().count()), (vec!["-".to_owned()], 0));
        ann.note("ben");
        ann.look(&[("ann", 1), ("ben", 2)]);
        ann.send("ben", "1");
        assert_eq!((ann.parcel().to_life, ann.heard()), (2, vec![]));
    }

    #[test]
    fn mail_for_who_is_not_known_waits_for_a_look() {
        let mut ann = node("ann", 1);
        ann.look(&[("ann", 1)]);
        ann.send("ben", "1");
        assert!(ann.post.wants_look() && !ann.post.has_parcels());
        ann.look(&[("ann", 1), ("ben", 7)]);
        assert_eq!(ann.parcel().to_life, 7);
        ann.send("cat", "1");
        ann.look(&[("ann", 1), ("ben", 7)]);
        assert_eq!(ann.heard(), ["-"]);
    }

    #[test]
    fn a_look_that_was_begun_before_a_node_was_heard_of_does_not_bury_it() {
        let (mut ann, mut cat) = (node("ann", 1), node("cat", 1));
        let look = ann.post.begin_look();
        cat.look(&[("ann", 1), ("cat", 1)]);
        cat.send("ann", "1");
        let parcel = cat.parcel();
        ann.receive(&parcel);
        ann.post.handle_look(look, vec![(id("ann"), 1)], &mut ann.events);
        assert_eq!(ann.heard(), ["1"]);
    }

    #[test]
    fn a_node_without_a_place_for_mail_is_looked_for() {
        let (mut ann, _) = two();
        ann.send("ben", "1");
        let parcel = ann.parcel();
        ann.post.handle_nowhere(parcel);
        assert!(ann.post.wants_look() && !ann.post.has_parcels());
        ann.look(&[("ann", 1), ("ben", 2)]);
        assert_eq!(ann.heard(), ["-"]);
    }
}
