//! What the broker does for several nodes, without Redis: with delays, cuts and losses that the test wants.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use visavis_protocol::RoomName;

use crate::cluster::{Ask, Command, Event, NodeId, Party, SeekerRecord, SessionKey, Ticket};

/// How long a node counts as alive that is not heard of.
pub(super) const LEASE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Broker {
    nodes: BTreeMap<NodeId, Member>,
    rooms: HashMap<RoomName, Owned>,
    sessions: HashMap<SessionKey, NodeId>,
    queue: BTreeMap<Ticket, (NodeId, SeekerRecord)>,
    /// Of two nodes, how often something was lost between them.
    losses: HashMap<(NodeId, NodeId), u32>,
    /// What is on its way to nodes, in order for each.
    on_the_way: BTreeMap<(Instant, u64), (NodeId, Delivery)>,
    next: u64,
    tickets: u64,
    /// Pairs that it has made.
    pub(super) pairs: u64,
}

#[derive(Debug)]
struct Member {
    cut_since: Option<Instant>,
    /// Its lease is over, and others have heard of it.
    is_fenced: bool,
    /// Up to which loss each other node is taken note of.
    noted: HashMap<NodeId, u32>,
    last_arrival: Instant,
    /// What its half of the broker keeps, so that Redis may forget.
    rooms: HashMap<RoomName, Option<String>>,
    sessions: HashSet<SessionKey>,
    seekers: HashMap<SessionKey, SeekerRecord>,
    /// Sent while it was cut off.
    held: Vec<Command>,
}

#[derive(Debug)]
struct Owned {
    owner: NodeId,
    memory: Option<String>,
}

#[derive(Debug)]
enum Delivery {
    Told(Event),
    Mail { from: NodeId, losses: u32, mail: String },
}

impl Broker {
    pub(super) fn add(&mut self, now: Instant, rng: &mut StdRng, node: NodeId) {
        let member = Member {
            cut_since: None,
            is_fenced: false,
            noted: HashMap::new(),
            last_arrival: now,
            rooms: HashMap::new(),
            sessions: HashSet::new(),
            seekers: HashMap::new(),
            held: Vec::new(),
        };
        self.nodes.insert(node.clone(), member);
        self.tell(now, rng, &node, Event::Back);
    }

    /// A node is dead: others hear of it when its lease is over.
    pub(super) fn kill(&mut self, now: Instant, node: &NodeId) {
        if let Some(member) = self.nodes.get_mut(node) {
            member.cut_since.get_or_insert(now);
        }
        self.on_the_way.retain(|_, (to, _)| to != node);
    }

    pub(super) fn cut(&mut self, now: Instant, rng: &mut StdRng, node: &NodeId) {
        if let Some(member) = self.nodes.get_mut(node).filter(|member| member.cut_since.is_none()) {
            member.cut_since = Some(now);
            self.tell(now, rng, node, Event::CutOff);
        }
    }

    pub(super) fn heal(&mut self, now: Instant, rng: &mut StdRng, node: &NodeId) {
        let Some(member) = self.nodes.get_mut(node) else { return };
        if member.cut_since.take().is_none() {
            return;
        }
        let (was_fenced, held) = (std::mem::take(&mut member.is_fenced), std::mem::take(&mut member.held));
        if was_fenced {
            let others: Vec<_> = self.nodes.keys().filter(|other| *other != node).cloned().collect();
            for other in others {
                self.lose(now, rng, node, &other);
            }
            self.assert(now, rng, node);
        }
        let is_fresh = |command: &Command| !was_fenced || !matches!(command, Command::Send { .. });
        for command in held.into_iter().filter(is_fresh) {
            self.handle(now, rng, node, command);
        }
        self.tell(now, rng, node, Event::Back);
    }

    /// Redis, which no node reaches at the moment, forgets everything: each node begins another life when it comes back.
    pub(super) fn forget(&mut self) {
        self.clear();
        for member in self.nodes.values_mut() {
            member.is_fenced = true;
        }
    }

    /// Redis forgets everything, and nobody was away.
    pub(super) fn wipe(&mut self, now: Instant, rng: &mut StdRng) {
        self.clear();
        for (_, delivery) in self.on_the_way.values_mut() {
            if let Delivery::Told(Event::Claimed { room, .. }) = delivery {
                let what = Ask::Claim(room.clone());
                *delivery = Delivery::Told(Event::Failed { what });
            }
        }
        let nodes: Vec<_> = self.nodes.keys().cloned().collect();
        for (index, one) in nodes.iter().enumerate() {
            for other in &nodes[index + 1..] {
                self.lose(now, rng, one, other);
            }
        }
        for node in &nodes {
            self.tell(now, rng, node, Event::CutOff);
            self.assert(now, rng, node);
            self.tell(now, rng, node, Event::Back);
        }
    }

    fn clear(&mut self) {
        self.rooms.clear();
        self.sessions.clear();
        self.queue.clear();
    }

    /// Something between two nodes is lost.
    pub(super) fn lose(&mut self, now: Instant, rng: &mut StdRng, one: &NodeId, other: &NodeId) {
        for (to, from) in [(one, other), (other, one)] {
            *self.losses.entry((to.clone(), from.clone())).or_default() += 1;
            self.tell(now, rng, to, Event::NodeLost { node: from.clone() });
        }
    }

    /// Leases that are over.
    pub(super) fn handle_timeout(&mut self, now: Instant, rng: &mut StdRng) {
        let is_over = |it: &Member| !it.is_fenced && it.cut_since.is_some_and(|since| since + LEASE <= now);
        let over: Vec<_> =
            self.nodes.iter().filter(|(_, it)| is_over(it)).map(|(node, _)| node.clone()).collect();
        for node in over {
            if let Some(member) = self.nodes.get_mut(&node) {
                member.is_fenced = true;
            }
            self.queue.retain(|_, (of, _)| *of != node);
            self.sessions.retain(|_, of| *of != node);
            let others: Vec<_> = self.nodes.keys().filter(|other| **other != node).cloned().collect();
            for other in others {
                *self.losses.entry((other.clone(), node.clone())).or_default() += 1;
                *self.losses.entry((node.clone(), other.clone())).or_default() += 1;
                self.tell(now, rng, &other, Event::NodeLost { node: node.clone() });
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let leases = self.nodes.values().filter(|it| !it.is_fenced).filter_map(|it| it.cut_since);
        let arrival = self.on_the_way.keys().map(|(at, _)| *at).next();
        leases.map(|since| since + LEASE).chain(arrival).min()
    }

    /// What reaches a node by `now`.
    pub(super) fn poll_arrival(&mut self, now: Instant, rng: &mut StdRng) -> Option<(NodeId, Event)> {
        loop {
            let key = *self.on_the_way.keys().next().filter(|(at, _)| *at <= now)?;
            let (to, delivery) = self.on_the_way.remove(&key)?;
            if !self.nodes.contains_key(&to) {
                continue;
            }
            match delivery {
                Delivery::Told(Event::Matched { first, second, waited }) => {
                    if let Some(event) = self.match_at(now, rng, &to, (first, second), waited) {
                        return Some((to, event));
                    }
                }
                Delivery::Told(Event::Claimed { room, owner, memory }) => {
                    if let Some(member) = self.nodes.get_mut(&to).filter(|_| owner == to) {
                        member.rooms.entry(room.clone()).or_insert_with(|| memory.clone());
                    }
                    return Some((to, Event::Claimed { room, owner, memory }));
                }
                Delivery::Told(event) => return Some((to, event)),
                Delivery::Mail { from, losses, mail } if losses == self.losses_between(&to, &from) => {
                    return Some((to, Event::Mail { from, mail }));
                }
                Delivery::Mail { .. } => {}
            }
        }
    }

    pub(super) fn handle(&mut self, now: Instant, rng: &mut StdRng, from: &NodeId, command: Command) {
        self.keep(from, &command);
        let Some(member) = self.nodes.get_mut(from) else { return };
        if member.cut_since.is_some() {
            match command {
                Command::Claim { room } => {
                    self.tell(now, rng, from, Event::Failed { what: Ask::Claim(room) });
                }
                Command::Find { session } => {
                    self.tell(now, rng, from, Event::Failed { what: Ask::Find(session) });
                }
                Command::Noted { node } => self.note(from, node),
                Command::Places { .. } => {}
                command => member.held.push(command),
            }
            return;
        }
        match command {
            Command::Send { to, mail } => {
                let losses = self.losses_between(&to, from);
                let is_noted = self.nodes[from].noted.get(&to).copied().unwrap_or(0) == losses;
                if is_noted && self.nodes.contains_key(&to) {
                    self.send(now, rng, &to, Delivery::Mail { from: from.clone(), losses, mail });
                } else if is_noted {
                    self.tell(now, rng, from, Event::NodeLost { node: to });
                }
            }
            Command::Noted { node } => self.note(from, node),
            Command::Claim { room } => {
                let (owner, memory) = self.claim(from, &room);
                self.tell(now, rng, from, Event::Claimed { room, owner, memory });
            }
            Command::Remember { room, memory } => {
                if let Some(owned) = self.rooms.get_mut(&room).filter(|it| it.owner == *from) {
                    owned.memory = Some(memory);
                }
            }
            Command::Release { room } => {
                if self.rooms.get(&room).is_some_and(|it| it.owner == *from) {
                    self.rooms.remove(&room);
                }
            }
            Command::Settle { session } => {
                self.sessions.insert(session, from.clone());
            }
            Command::Unsettle { session } => {
                if self.sessions.get(&session) == Some(from) {
                    self.sessions.remove(&session);
                }
            }
            Command::Find { session } => {
                let node = self.sessions.get(&session).filter(|node| self.is_alive(node)).cloned();
                self.tell(now, rng, from, Event::Found { session, node });
            }
            Command::Seek(record) => self.seek(now, rng, from, *record),
            Command::Widen(record) => {
                if self.queue.values().any(|(of, it)| of == from && it.session == record.session) {
                    self.seek(now, rng, from, *record);
                }
            }
            Command::Withdraw { session } => {
                self.queue.retain(|_, (of, it)| *of != *from || it.session != session);
            }
            Command::Places { .. } | Command::Resign => {}
        }
    }

    fn keep(&mut self, from: &NodeId, command: &Command) {
        let Some(member) = self.nodes.get_mut(from) else { return };
        match command {
            Command::Remember { room, memory } => {
                member.rooms.insert(room.clone(), Some(memory.clone()));
            }
            Command::Release { room } => {
                member.rooms.remove(room);
            }
            Command::Settle { session } => {
                member.sessions.insert(session.clone());
            }
            Command::Unsettle { session } => {
                member.sessions.remove(session);
            }
            Command::Widen(record) if !member.seekers.contains_key(&record.session) => {}
            Command::Seek(record) | Command::Widen(record) => {
                member.seekers.insert(record.session.clone(), (**record).clone());
            }
            Command::Withdraw { session } => {
                member.seekers.remove(session);
            }
            Command::Send { .. }
            | Command::Noted { .. }
            | Command::Claim { .. }
            | Command::Find { .. }
            | Command::Places { .. }
            | Command::Resign => {}
        }
    }

    /// A node says again what is its own; what others have by now it loses.
    fn assert(&mut self, now: Instant, rng: &mut StdRng, node: &NodeId) {
        let Some(member) = self.nodes.get(node) else { return };
        let (rooms, sessions) = (member.rooms.clone(), member.sessions.clone());
        let seekers: Vec<_> = member.seekers.values().cloned().collect();
        for (room, memory) in rooms {
            let (owner, _) = self.claim(node, &room);
            if owner == *node {
                self.rooms.insert(room, Owned { owner, memory });
            } else {
                if let Some(member) = self.nodes.get_mut(node) {
                    member.rooms.remove(&room);
                }
                self.tell(now, rng, node, Event::RoomLost { room, owner });
            }
        }
        for session in sessions {
            match self.sessions.get(&session).filter(|of| **of != *node && self.is_alive(of)).cloned() {
                Some(other) => {
                    if let Some(member) = self.nodes.get_mut(node) {
                        member.sessions.remove(&session);
                    }
                    self.tell(now, rng, node, Event::SessionLost { session, node: other });
                }
                None => {
                    self.sessions.insert(session, node.clone());
                }
            }
        }
        for record in seekers {
            self.seek(now, rng, node, record);
        }
    }

    fn claim(&mut self, from: &NodeId, room: &RoomName) -> (NodeId, Option<String>) {
        match self.rooms.get(room) {
            Some(owned) if owned.owner == *from => (from.clone(), None),
            Some(owned) if self.is_alive(&owned.owner) => (owned.owner.clone(), None),
            taken => {
                let memory = taken.and_then(|owned| owned.memory.clone());
                let owned = Owned { owner: from.clone(), memory: memory.clone() };
                self.rooms.insert(room.clone(), owned);
                (from.clone(), memory)
            }
        }
    }

    fn seek(&mut self, now: Instant, rng: &mut StdRng, from: &NodeId, record: SeekerRecord) {
        self.queue.retain(|_, (_, it)| it.session != record.session);
        let ticket = record.ticket.unwrap_or_else(|| {
            self.tickets += 1;
            Ticket(self.tickets)
        });
        let suits = |other: &SeekerRecord| {
            other.identity != record.identity && other.keys.iter().any(|key| record.keys.contains(key))
        };
        let other = self.queue.iter().find(|(_, (of, it))| self.is_alive(of) && suits(it));
        let Some((other_ticket, (other_node, other))) = other.map(|(ticket, it)| (*ticket, it.clone()))
        else {
            let session = record.session.clone();
            self.queue.insert(ticket, (from.clone(), record));
            let waiting = u32::try_from(self.queue.len()).expect("few wait");
            return self.tell(now, rng, from, Event::Queued { session, ticket, place: waiting, waiting });
        };
        self.queue.remove(&other_ticket);
        self.pairs += 1;
        let own = Party { session: record.session, node: from.clone(), ticket };
        let other = Party { session: other.session, node: other_node.clone(), ticket: other_ticket };
        let (first, second) = if other_ticket < ticket { (other, own) } else { (own, other) };
        let waited = Duration::ZERO;
        if *from != other_node {
            let event = Event::Matched { first: first.clone(), second: second.clone(), waited };
            self.tell(now, rng, &other_node, event);
        }
        self.tell(now, rng, from, Event::Matched { first, second, waited });
    }

    /// What a node hears of two who are matched: its half of the broker knows who does not seek any more.
    fn match_at(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        node: &NodeId,
        (first, second): (Party, Party),
        waited: Duration,
    ) -> Option<Event> {
        let member = self.nodes.get_mut(node)?;
        let mut take = |party: &Party| (party.node == *node).then(|| member.seekers.remove(&party.session));
        match (take(&first), take(&second)) {
            (Some(None), Some(None)) => None,
            (Some(None), Some(Some(other))) | (Some(Some(other)), Some(None)) => {
                self.keep(node, &Command::Seek(Box::new(other.clone())));
                self.seek(now, rng, node, other);
                None
            }
            (Some(None), None) => Some(Event::Missed { session: first.session, other: second }),
            (None, Some(None)) => Some(Event::Missed { session: second.session, other: first }),
            (Some(Some(_)) | None, Some(Some(_)) | None) => Some(Event::Matched { first, second, waited }),
        }
    }

    fn note(&mut self, node: &NodeId, other: NodeId) {
        let losses = self.losses_between(&other, node);
        if let Some(member) = self.nodes.get_mut(node) {
            member.noted.insert(other, losses);
        }
    }

    fn losses_between(&self, to: &NodeId, from: &NodeId) -> u32 {
        self.losses.get(&(to.clone(), from.clone())).copied().unwrap_or(0)
    }

    fn is_alive(&self, node: &NodeId) -> bool {
        self.nodes.get(node).is_some_and(|member| !member.is_fenced)
    }

    fn tell(&mut self, now: Instant, rng: &mut StdRng, to: &NodeId, event: Event) {
        self.send(now, rng, to, Delivery::Told(event));
    }

    fn send(&mut self, now: Instant, rng: &mut StdRng, to: &NodeId, delivery: Delivery) {
        let Some(member) = self.nodes.get_mut(to) else { return };
        let at = (now + Duration::from_micros(rng.random_range(50..5_000))).max(member.last_arrival);
        member.last_arrival = at;
        self.next += 1;
        self.on_the_way.insert((at, self.next), (to.clone(), delivery));
    }
}
