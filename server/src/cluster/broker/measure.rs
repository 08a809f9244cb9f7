//! What the queue can do: brokers of several nodes in one process, each with a thread of its own, over a real Redis. For
//! `examples/pairing.rs` and nobody else.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use tokio::runtime;
use tokio::sync::{Barrier, mpsc};
use visavis_protocol::{Interest, MatchKind};

use super::{Broker, BrokerHandle, BucketKey, Command, Event, IdentityKey, NodeId, SeekerRecord, SessionKey};
use crate::access::Identity;
use crate::config::{ClusterConfig, RedisUrl};
use crate::metrics::Metrics;

/// Seekers that a node has on their way at most.
const ON_THEIR_WAY: usize = 1500;
const EVENTS_QUEUED: usize = 4096;
const APART: Duration = Duration::from_secs(300);

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    #[error("the queue cannot be used")]
    Queue(#[from] redis::RedisError),
    #[error("no runtime")]
    Runtime(#[from] std::io::Error),
    #[error("a thread has panicked")]
    Panicked,
    #[error("the broker has ended")]
    Ended,
    #[error("a made-up name is none")]
    Name,
}

/// What to measure.
#[derive(Debug, Clone)]
pub struct Load {
    pub redis: RedisUrl,
    pub nodes: usize,
    /// Others who wait all the time, and suit nobody.
    pub waiting: usize,
    pub seconds: f64,
}

/// Brings strangers together as fast as it goes; gives the pairs in a second. `on_begin` is called when those wait who suit nobody.
pub fn measure_pairing(load: &Load, on_begin: fn()) -> Result<f64, MeasureError> {
    let all_wait = Arc::new(Barrier::new(load.nodes));
    let threads: Vec<_> = (0..load.nodes)
        .map(|index| {
            let (load, all_wait) = (load.clone(), Arc::clone(&all_wait));
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(drive(index, &load, &all_wait, on_begin))
            })
        })
        .collect();
    let pairs = threads.into_iter().map(|thread| thread.join().map_err(|_| MeasureError::Panicked)?);
    pairs.sum()
}

/// One node; gives the pairs in a second whose first is its own.
async fn drive(index: usize, load: &Load, all_wait: &Barrier, on_begin: fn()) -> Result<f64, MeasureError> {
    let (sender, mut events) = mpsc::channel(EVENTS_QUEUED);
    let node = NodeId::draw(&mut rand::make_rng::<StdRng>());
    let (handle, commands) = BrokerHandle::new();
    let broker = Broker::new(
        &load.redis,
        &ClusterConfig::default(),
        APART,
        node.clone(),
        commands,
        sender,
        Arc::new(Metrics::new()),
    )?;
    let running = tokio::spawn(broker.run());
    let mut people = People { node: index, next: 0 };
    while next(&mut events).await? != Event::Back {}

    for _ in 0..load.waiting / load.nodes {
        // So many are on their way at most that the broker follows.
        say(&handle, people.lonely()?);
        if people.next.is_multiple_of(ON_THEIR_WAY) {
            settle(&handle, &mut events).await?;
        }
    }
    settle(&handle, &mut events).await?;
    if all_wait.wait().await.is_leader() {
        on_begin();
    }

    (0..ON_THEIR_WAY).try_for_each(|_| people.one().map(|one| say(&handle, one)))?;
    let (mut pairs, began) = (0_u32, Instant::now());
    while began.elapsed().as_secs_f64() < load.seconds {
        let Event::Matched { first, second, .. } = next(&mut events).await? else { continue };
        pairs += u32::from(first.node == node);
        for party in [first, second] {
            if party.node == node {
                say(&handle, people.one()?);
            }
        }
    }
    let rate = f64::from(pairs) / began.elapsed().as_secs_f64();
    say(&handle, Command::Resign);
    while events.recv().await.is_some() {}
    running.await.map_err(|_| MeasureError::Panicked)?;
    Ok(rate)
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Result<Event, MeasureError> {
    events.recv().await.ok_or(MeasureError::Ended)
}

/// Waits until all that was said is done.
async fn settle(handle: &BrokerHandle, events: &mut mpsc::Receiver<Event>) -> Result<(), MeasureError> {
    say(handle, Command::Places { sessions: Vec::new() });
    while !matches!(next(events).await?, Event::Places { .. }) {}
    Ok(())
}

/// A broker that does not follow is part of what is measured: what it did not take is not counted.
fn say(handle: &BrokerHandle, command: Command) {
    handle.send(command).ok();
}

/// As many as are wanted, each another.
struct People {
    node: usize,
    next: usize,
}

impl People {
    fn one(&mut self) -> Result<Command, MeasureError> {
        self.seeker(BucketKey::new(MatchKind::Video, None, None))
    }

    /// Somebody who meets nobody.
    fn lonely(&mut self) -> Result<Command, MeasureError> {
        let interest =
            Interest::new(format!("{} {}", self.node, self.next)).map_err(|_| MeasureError::Name)?;
        self.seeker(BucketKey::new(MatchKind::Video, Some(&interest), None))
    }

    fn seeker(&mut self, key: BucketKey) -> Result<Command, MeasureError> {
        self.next += 1;
        let name = format!("{:04}-{:017}", self.node, self.next);
        let identity = name.parse::<Identity>().map_err(|_| MeasureError::Name)?;
        let record = SeekerRecord {
            session: SessionKey::try_from(name).map_err(|_| MeasureError::Name)?,
            identity: IdentityKey::of(&identity),
            ticket: None,
            keys: vec![key],
            blocks: Vec::new(),
        };
        Ok(Command::Seek(Box::new(record)))
    }
}
