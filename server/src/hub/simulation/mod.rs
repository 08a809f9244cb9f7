//! Three hubs and a model of their broker in virtual time, with clients that come and go, and all that can go wrong between
//! them. Whatever happens, when it is over nobody is stuck, nobody is in two rooms, and nobody has heard anything twice.

#![expect(clippy::wildcard_enum_match_arm, reason = "a client passes over what is not its matter")]

mod broker;
mod client;
mod rest;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::{mpsc, watch};
use visavis_protocol::{Door, RoomName};

use super::handle::Event;
use super::{Cluster, Hub, HubHandle, Parting};
use crate::cluster::{BrokerHandle, Command, NodeId};
use crate::config::MatchingConfig;
use crate::matchmaking::Strangers;
use crate::metrics::Metrics;
use crate::moderation::Register;
use crate::rooms::Rooms;
use crate::sessions::Sessions;
use broker::Broker;
use client::{ALONE_TIMEOUT, Client, Wish};

const GRACE: Duration = Duration::from_secs(30);
/// For how long a node that does not reach Redis waits at most before it tries again.
const LONGEST_PAUSE_MS: u64 = 1_000;
/// Within which everything is as it has to be after Redis was away: who has lost its connection last may take 3 s to come back.
const SETTLED_WITHIN: Duration = Duration::from_secs(4);
const ROOMS: [&str; 4] = ["owl", "fox", "elk", "hen"];

struct Node {
    id: NodeId,
    hub: Hub,
    _handle: HubHandle,
    commands: mpsc::Receiver<Command>,
}

struct World {
    seed: u64,
    now: Instant,
    rng: StdRng,
    room_size: NonZeroUsize,
    nodes: Vec<Node>,
    cut: HashSet<NodeId>,
    /// When nodes reach Redis again that was away from all of them.
    returns: Vec<(Instant, NodeId)>,
    broker: Broker,
    clients: Vec<Client>,
}

/// What may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faults {
    None,
    Mail,
    Cuts,
    Deaths,
    Everything,
    /// Redis forgets, or a node does not reach it, which is done from outside. Nobody ends its session meanwhile: a goodbye that is
    /// lost would keep a place for the whole grace period.
    Forgetting,
}

impl World {
    fn new(seed: u64, clients: usize) -> Self {
        let now = Instant::now();
        let rng = StdRng::seed_from_u64(seed);
        let mut world = Self {
            seed,
            now,
            rng,
            room_size: NonZeroUsize::new(clients.max(8)).expect("some"),
            nodes: Vec::new(),
            cut: HashSet::new(),
            returns: Vec::new(),
            broker: Broker::default(),
            clients: Vec::new(),
        };
        (0..3).for_each(|_| world.start_node());
        for number in 0..clients {
            let wish = world.draw_wish();
            world.clients.push(Client::new(now, number, wish));
        }
        world
    }

    fn start_node(&mut self) {
        let id = NodeId::draw(&mut self.rng);
        let (broker, commands) = BrokerHandle::new();
        let (_, events) = mpsc::channel(1);
        let rng = |world: &mut Self| StdRng::seed_from_u64(world.rng.random());
        let cluster = Cluster::new(id.clone(), broker, events, watch::channel(false).0, GRACE);
        let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
        let (hub, handle) = Hub::new(
            Rooms::new(self.room_size, Door::Open, false, rng(self)),
            Sessions::new(GRACE, rng(self)),
            Some(Strangers::shared(matching)),
            Register::new(String::new()),
            None,
            Some(cluster),
            Arc::new(Metrics::new()),
        );
        self.broker.add(self.now, &mut self.rng, id.clone());
        self.nodes.push(Node { id, hub, _handle: handle, commands });
    }

    fn draw_wish(&mut self) -> Wish {
        if self.rng.random_bool(0.5) {
            return Wish::Stranger;
        }
        Wish::Room(RoomName::new(ROOMS[self.rng.random_range(0..ROOMS.len())]).expect("a name"))
    }

    /// Goes on until then, and does something at random that often.
    fn run(&mut self, until: Duration, faults: Option<Faults>) {
        let end = self.now + until;
        let mut act_at = self.now;
        while self.now < end {
            let nodes = self.nodes.iter().filter_map(|node| node.hub.poll_timeout());
            let clients = self.clients.iter().filter_map(Client::poll_timeout);
            let act = faults.map(|_| act_at);
            let returns = self.returns.iter().map(|(at, _)| *at);
            let others = returns.chain(self.broker.poll_timeout()).chain(act);
            let next = nodes.chain(clients).chain(others).min().unwrap_or(end);
            self.now = next.max(self.now).min(end);
            if let Some(faults) = faults
                && act_at <= self.now
            {
                self.act(faults);
                act_at = self.now + Duration::from_millis(self.rng.random_range(1..400));
            }
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now;
        for (_, node) in self.returns.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.broker.heal(now, &mut self.rng, &node);
        }
        for index in 0..self.nodes.len() {
            if self.nodes[index].hub.poll_timeout().is_some_and(|at| at <= now) {
                self.nodes[index].hub.handle_timeout(now);
                self.drain(index);
            }
        }
        self.broker.handle_timeout(now, &mut self.rng);
        while let Some((to, event)) = self.broker.poll_arrival(now, &mut self.rng) {
            if let Some(index) = self.index(&to) {
                self.nodes[index].hub.handle_broker_event(now, event);
                self.drain(index);
            }
        }
        for number in 0..self.clients.len() {
            if self.clients[number].poll_timeout().is_some_and(|at| at <= now) {
                let node = self.rng.random_range(0..self.nodes.len());
                let id = self.nodes[node].id.clone();
                let connection = self.nodes[node].hub.cluster.as_ref().expect("a cluster").ids().draw();
                let said = self.clients[number].handle_timeout(now, &id, connection);
                self.tell(said);
            }
            while let Some(said) = self.clients[number].poll(now) {
                self.tell(said);
            }
        }
    }

    fn tell(&mut self, said: Vec<(NodeId, Event)>) {
        for (node, event) in said {
            if let Some(index) = self.index(&node) {
                self.nodes[index].hub.handle_event(self.now, event);
                self.drain(index);
            }
        }
    }

    fn drain(&mut self, index: usize) {
        while let Ok(command) = self.nodes[index].commands.try_recv() {
            let id = self.nodes[index].id.clone();
            self.broker.handle(self.now, &mut self.rng, &id, command);
        }
    }

    fn index(&self, id: &NodeId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == *id)
    }

    fn act(&mut self, faults: Faults) {
        let now = self.now;
        let number = self.rng.random_range(0..self.clients.len());
        let wish = self.draw_wish();
        let pause = Duration::from_millis(self.rng.random_range(0..3_000));
        let said = match self.rng.random_range(0..100) {
            0..10 => self.clients[number].hang_up(now, Parting::Lost, pause),
            10..13 if faults != Faults::Forgetting => {
                self.clients[number].hang_up(now, Parting::Closed, pause)
            }
            10..25 => self.clients[number].change_wish(now, wish),
            25..32 => self.clients[number].next(now),
            32..90 => self.clients[number].chat(),
            _ => {
                self.break_something(faults);
                Vec::new()
            }
        };
        self.tell(said);
    }

    fn break_something(&mut self, faults: Faults) {
        let [one, other] = [0, 1].map(|_| self.rng.random_range(0..self.nodes.len()));
        let [one_id, other_id] = [one, other].map(|index| self.nodes[index].id.clone());
        let what = self.rng.random_range(0..10);
        let is = |wanted| faults == wanted || faults == Faults::Everything;
        if is(Faults::Mail) && what < 3 && one != other {
            self.broker.lose(self.now, &mut self.rng, &one_id, &other_id);
        } else if is(Faults::Cuts) && what < 6 {
            if self.cut.remove(&one_id) {
                self.broker.heal(self.now, &mut self.rng, &one_id);
            } else {
                self.cut.insert(one_id.clone());
                self.broker.cut(self.now, &mut self.rng, &one_id);
            }
        } else if is(Faults::Cuts) && what < 7 && self.cut.is_empty() {
            self.broker.wipe(self.now, &mut self.rng);
        } else if is(Faults::Deaths) && what < 8 {
            self.kill(one);
        }
    }

    /// Redis is away for a while, and may have forgotten everything then; the nodes find it again one after the other.
    fn lose_redis(&mut self, away: Duration, forgets: bool) {
        let nodes: Vec<_> = self.nodes.iter().map(|node| node.id.clone()).collect();
        for node in &nodes {
            self.broker.cut(self.now, &mut self.rng, node);
        }
        self.run(away, Some(Faults::Forgetting));
        if forgets {
            self.broker.forget();
        }
        for node in nodes {
            let pause = Duration::from_millis(self.rng.random_range(0..=LONGEST_PAUSE_MS));
            self.returns.push((self.now + pause, node));
        }
    }

    /// One node does not reach Redis for a while, which is longer than its lease.
    fn cut_off(&mut self, away: Duration) {
        let node = self.nodes[0].id.clone();
        self.broker.cut(self.now, &mut self.rng, &node);
        self.run(away, Some(Faults::Forgetting));
        self.broker.heal(self.now, &mut self.rng, &node);
    }

    fn kill(&mut self, index: usize) {
        let node = self.nodes.remove(index);
        self.broker.kill(self.now, &node.id);
        self.cut.remove(&node.id);
        for client in &mut self.clients {
            client.handle_death(self.now, &node.id);
        }
        self.start_node();
    }

    /// Lets everything come to rest.
    fn settle(&mut self) {
        for node in std::mem::take(&mut self.cut) {
            self.broker.heal(self.now, &mut self.rng, &node);
        }
        self.run(GRACE * 4, None);
    }
}

fn try_seeds(faults: Faults, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut world = World::new(seed, 9);
        world.run(Duration::from_secs(60), Some(faults));
        world.settle();
        world.check();
    }
}

/// Seeds to try; more with `VISAVIS_SEEDS`.
fn seeds() -> u64 {
    std::env::var("VISAVIS_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(100)
}

#[test]
fn several_nodes_are_like_one() {
    try_seeds(Faults::None, 0..seeds());
}

#[test]
fn lost_mail_leaves_nobody_behind() {
    try_seeds(Faults::Mail, 1_000_000..1_000_000 + seeds());
}

#[test]
fn cut_off_nodes_come_back() {
    try_seeds(Faults::Cuts, 2_000_000..2_000_000 + seeds());
}

#[test]
fn dead_nodes_free_their_people() {
    try_seeds(Faults::Deaths, 3_000_000..3_000_000 + seeds());
}

#[test]
fn everything_at_once() {
    try_seeds(Faults::Everything, 4_000_000..4_000_000 + seeds());
}

#[test]
fn whether_redis_has_forgotten_everything_or_not_everybody_is_back_in_seconds() {
    for (forgets, first) in [(false, 5_000_000), (true, 6_000_000)] {
        for seed in first..first + seeds() {
            let mut world = World::new(seed, 24);
            world.run(Duration::from_secs(10), Some(Faults::Forgetting));
            world.lose_redis(Duration::from_secs(3), forgets);
            world.run(Duration::from_secs(2), Some(Faults::Forgetting));
            let (time, last) = world.time_to_settle();
            assert!(time <= SETTLED_WITHIN, "seed {seed}: after {time:?} {last:?}");
        }
    }
}

#[test]
fn who_begins_anew_while_a_node_is_cut_off_is_nowhere_else_when_that_is_back() {
    for seed in 7_000_000..7_000_000 + seeds() {
        let mut world = World::new(seed, 24);
        world.run(Duration::from_secs(10), Some(Faults::Forgetting));
        world.cut_off(Duration::from_secs(20));
        world.run(Duration::from_secs(2), Some(Faults::Forgetting));
        let (time, last) = world.time_to_settle();
        // Whoever is back in a room of two may wait for somebody who has left at the node that was cut off.
        assert!(time <= ALONE_TIMEOUT + SETTLED_WITHIN, "seed {seed}: after {time:?} {last:?}");
    }
}
