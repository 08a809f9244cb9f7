//! Brokers over a real Redis. They need the program `redis-server`, or the one that `VISAVIS_TEST_REDIS` names, so they are left out
//! unless they are asked for: `cargo test -p visavis-server --lib broker::tests -- --include-ignored`.

mod directory;
mod faults;
mod mail;
mod model;
mod pairing;
mod redis_server;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use visavis_protocol::RoomName;

use super::*;
use redis_server::RedisServer;

/// Nothing here takes long; what takes longer does not come any more.
const PATIENCE: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(3);
/// For who must not be taken for dead, however slow the machine is.
const LONG_LEASE: Duration = Duration::from_secs(40);
const APART: Duration = Duration::from_secs(300);

/// A node as the broker sees it.
struct Node {
    id: NodeId,
    handle: BrokerHandle,
    events: mpsc::Receiver<Event>,
    running: JoinHandle<()>,
}

impl Node {
    /// One that is registered.
    async fn start(redis: &RedisServer) -> Self {
        Self::start_for(redis, LEASE).await
    }

    async fn start_for(redis: &RedisServer, lease: Duration) -> Self {
        let mut node = Self::begin(redis, lease);
        node.back().await;
        node
    }

    fn begin(redis: &RedisServer, lease: Duration) -> Self {
        let (sender, events) = mpsc::channel(1024);
        let id = NodeId::draw(&mut StdRng::seed_from_u64(rand::random()));
        let config = ClusterConfig { lease, ..ClusterConfig::default() };
        let metrics = Arc::new(Metrics::new());
        let (handle, commands) = BrokerHandle::new();
        let broker = Broker::new(&redis.url(), &config, APART, id.clone(), commands, sender, metrics);
        let broker = broker.expect("a URL");
        Self { id, handle, events, running: tokio::spawn(broker.run()) }
    }

    fn say(&self, command: Command) {
        self.handle.send(command).expect("the broker follows");
    }

    async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("the broker runs")
    }

    /// The first event that is one of those; others before it do not matter.
    async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.event().await) {
                return found;
            }
        }
    }

    async fn expect(&mut self, wanted: Event) {
        self.until(|event| (*event == wanted).then_some(())).await;
    }

    /// What came before `end`, which comes too.
    async fn before(&mut self, end: Event) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.event().await {
                event if event == end => return events,
                event => events.push(event),
            }
        }
    }

    async fn back(&mut self) {
        self.expect(Event::Back).await;
    }

    async fn claim(&mut self, name: &str) -> (NodeId, Option<String>) {
        self.say(Command::Claim { room: room(name) });
        self.until(|event| match event {
            Event::Claimed { room, owner, memory } if room.as_str() == name => {
                Some((owner.clone(), memory.clone()))
            }
            _ => None,
        })
        .await
    }

    async fn find(&mut self, name: &str) -> Option<NodeId> {
        self.say(Command::Find { session: session(name) });
        self.until(|event| match event {
            Event::Found { session: found, node } if *found == session(name) => Some(node.clone()),
            _ => None,
        })
        .await
    }

    /// Dies without a word.
    fn die(self) {
        self.running.abort();
    }

    async fn resign(mut self) {
        self.say(Command::Resign);
        while timeout(PATIENCE, self.events.recv()).await.expect("an end in time").is_some() {}
        within(self.running).await.expect("no panic");
    }
}

async fn three(redis: &RedisServer) -> [Node; 3] {
    [Node::start(redis).await, Node::start(redis).await, Node::start(redis).await]
}

async fn lasting_three(redis: &RedisServer) -> [Node; 3] {
    [
        Node::start_for(redis, LONG_LEASE).await,
        Node::start_for(redis, LONG_LEASE).await,
        Node::start_for(redis, LONG_LEASE).await,
    ]
}

async fn within<T: Debug>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it is done in time")
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a name")
}

fn session(name: &str) -> SessionKey {
    SessionKey::try_from(format!("{name:0>22}")).expect("a key")
}
