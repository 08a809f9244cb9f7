//! What several nodes share through Redis: who of them is alive, mail between them, which of them owns a room and where a
//! session lives, and the queue of those who seek a stranger.
//!
//! The broker is an actor that knows nothing of what rooms and sessions are. It keeps what its node has said ([`ledger`], pure), so that
//! Redis may lose all of it: whenever a connection begins, all of it is told anew. At most one batch is on its way to Redis
//! ([`link`]); what is said meanwhile goes with the next. Another task reads the node's mail.
//!
//! A node lives as long as its *lease*. Each connection has a *stamp*, which stands in the lease and which every script looks at
//! first: what an older connection has left on its way does nothing.

mod api;
mod batch;
mod fuzz;
mod ledger;
mod link;
mod measure;
mod names;
mod post;
mod reader;
mod scripts;
#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "they wait for one kind of event and pass over the others"
)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Client, RedisError, RedisResult};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use tracing::{info, warn};

use crate::config::{ClusterConfig, RedisUrl};
use crate::metrics::{Metrics, gauged};
pub(crate) use api::{Ask, Command, Event, Party, SeekerRecord};
use batch::{Batch, Reply};
pub(crate) use fuzz::fuzz_entries;
use ledger::Ledger;
use link::{Connected, Link, Position, Speaking};
pub use measure::{Load, MeasureError, measure_pairing};
pub(crate) use names::{BucketKey, IdentityKey, NodeId, SessionKey, Ticket};
use reader::Reader;

/// Commands that may wait for the broker, which takes them whether Redis is there or not.
const COMMANDS_QUEUED: usize = 16_384;
/// Commands that are taken at once.
const COMMANDS_TOGETHER: usize = 1024;
/// Between two looks at the registry at most.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Before the first and the last of several attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// The actor.
pub(crate) struct Broker {
    link: Arc<Link>,
    ledger: Ledger,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
    /// Connections that were tried.
    attempts: u64,
    /// What has failed since Redis answered last.
    failures: u32,
    /// How far the mail of this life was read.
    position: Option<Position>,
    connection: Option<Connection>,
    /// The one thing that is on its way to Redis.
    work: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
}

struct Connection {
    speaking: Speaking,
    reader: Reader,
    /// It is of no use any more, as soon as what is on its way is back.
    is_over: bool,
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Outcome {
    Connected(RedisResult<Box<Connected>>),
    Answered { batch: Batch, reply: RedisResult<Reply>, took: Duration },
}

/// How everybody else talks to the broker.
#[derive(Debug, Clone)]
pub(crate) struct BrokerHandle {
    commands: mpsc::Sender<Command>,
}

/// The broker is behind by more than it can be: what it was told was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the broker is behind")]
pub(crate) struct Full;

impl BrokerHandle {
    /// A handle, and what comes over it and its clones.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS_QUEUED);
        (Self { commands }, receiver)
    }

    /// Never waits.
    pub(crate) fn send(&self, command: Command) -> Result<(), Full> {
        self.commands.try_send(command).map_err(|_| Full)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").finish_non_exhaustive()
    }
}

impl Broker {
    /// A broker for `node` over the Redis at `url`, which need not be there yet, and for what comes over a handle. Two who have met are
    /// kept `apart` so long; `events` is where this node hears of everything. Redis is spoken to when it runs.
    pub(crate) fn new(
        url: &RedisUrl,
        config: &ClusterConfig,
        apart: Duration,
        node: NodeId,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        let client = Client::open(url.reveal())?;
        let between_looks = BETWEEN_LOOKS.min(config.lease / 5);
        Ok(Self {
            ledger: Ledger::new(Instant::now(), node.clone(), between_looks),
            link: Arc::new(Link::new(client, node, config.prefix.clone(), config.lease, apart)),
            commands,
            events,
            metrics,
            attempts: 0,
            failures: 0,
            position: None,
            connection: None,
            work: None,
        })
    }

    /// Serves until this node resigns, which it also does when nobody has a handle any more, or nobody wants to hear any more. Events
    /// have to be taken as long as somebody does: a node that does not listen is as good as dead, and its lease ends.
    pub(crate) async fn run(mut self) {
        let mut taken = Vec::with_capacity(COMMANDS_TOGETHER);
        loop {
            while let Some(event) = self.ledger.poll_event() {
                self.count(&event);
                if self.events.send(event).await.is_err() {
                    self.ledger.handle_command(Command::Resign);
                }
            }
            if self.ledger.has_resigned() {
                return;
            }
            self.begin_work();
            let timeout = self.ledger.poll_timeout().filter(|_| self.work.is_none());
            tokio::select! {
                count = self.commands.recv_many(&mut taken, COMMANDS_TOGETHER) => {
                    if count == 0 {
                        self.ledger.handle_command(Command::Resign);
                        // Nothing comes any more.
                        self.finish().await;
                        return;
                    }
                    taken.drain(..).for_each(|command| self.ledger.handle_command(command));
                }
                outcome = work(&mut self.work) => {
                    self.work = None;
                    self.on_outcome(outcome);
                }
                news = news(&mut self.connection) => self.on_news(news),
                () = sleep_until(timeout.unwrap_or_else(Instant::now).into()), if timeout.is_some() => {}
            }
        }
    }

    /// What is left to do after the last command.
    async fn finish(&mut self) {
        while !self.ledger.has_resigned() {
            self.begin_work();
            if self.work.is_none() {
                return;
            }
            let outcome = work(&mut self.work).await;
            self.work = None;
            self.on_outcome(outcome);
        }
    }

    fn begin_work(&mut self) {
        if self.work.is_some() {
            return;
        }
        let Some(Connection { speaking, .. }) =
            self.connection.as_ref().filter(|connection| !connection.is_over)
        else {
            self.connection = None;
            self.connect();
            return;
        };
        let (Some(batch), Some(read)) = (self.ledger.poll_batch(Instant::now()), self.position.clone())
        else {
            return;
        };
        let (link, mut speaking) = (Arc::clone(&self.link), speaking.clone());
        self.work = Some(Box::pin(async move {
            let began = Instant::now();
            let reply = link.perform(&mut speaking, &batch, &read).await;
            Outcome::Answered { batch, reply, took: began.elapsed() }
        }));
    }

    fn connect(&mut self) {
        let link = Arc::clone(&self.link);
        let former = self.ledger.life().zip(self.position.clone());
        let pause = match self.failures {
            0 => Duration::ZERO,
            failures => LAST_PAUSE.min(FIRST_PAUSE * 2_u32.saturating_pow(failures - 1)),
        };
        self.attempts += 1;
        let number = self.attempts;
        self.work = Some(Box::pin(async move {
            sleep(pause).await;
            Outcome::Connected(link.connect(number, former).await.map(Box::new))
        }));
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Connected(Ok(connected)) => self.on_connected(*connected),
            Outcome::Connected(Err(error)) => {
                if self.failures == 0 {
                    warn!(%error, "Redis cannot be reached");
                }
                self.failures = self.failures.saturating_add(1);
                self.metrics.broker.errors.inc();
            }
            Outcome::Answered { batch, reply: Ok(reply), took } => {
                self.failures = 0;
                self.metrics.broker.exchange.observe(took.as_secs_f64());
                self.metrics
                    .broker
                    .mail_sent
                    .inc_by(batch.parcels.iter().map(|parcel| parcel.mail.len() as u64).sum());
                if !self.ledger.handle_reply(Instant::now(), batch, reply) {
                    self.give_up("this node was away for too long");
                }
            }
            Outcome::Answered { batch, reply: Err(error), .. } => {
                warn!(%error, "Redis does not answer");
                self.failures = self.failures.saturating_add(1);
                self.metrics.broker.errors.inc();
                self.ledger.handle_cut(Some(batch));
                self.drop_connection();
            }
        }
        if self.connection.as_ref().is_some_and(|connection| connection.is_over) {
            self.ledger.handle_cut(None);
            self.drop_connection();
        }
        self.metrics.broker.nodes.set(gauged(self.ledger.nodes()));
    }

    fn on_connected(&mut self, Connected { registration, speaking, reading }: Connected) {
        info!("connected to Redis");
        self.metrics.broker.up.set(1);
        self.position = Some(reading.position().clone());
        self.ledger.handle_connected(Instant::now(), registration);
        let reader = Reader::start(Arc::clone(&self.link), reading);
        self.connection = Some(Connection { speaking, reader, is_over: false });
    }

    fn on_news(&mut self, news: RedisResult<reader::News>) {
        match news {
            Ok(reader::News { entries, position }) => {
                self.position = Some(position);
                if !self.ledger.handle_entries(entries) {
                    self.give_up("something is missing in the mail");
                }
            }
            Err(error) => {
                warn!(%error, "mail cannot be read");
                self.metrics.broker.errors.inc();
                self.give_up("mail cannot be read");
            }
        }
    }

    /// The connection is of no use any more, as soon as what is on its way is back.
    fn give_up(&mut self, reason: &str) {
        warn!(reason, "connecting to Redis anew");
        let is_idle = self.work.is_none();
        if let Some(connection) = &mut self.connection {
            connection.is_over = true;
            if is_idle {
                self.ledger.handle_cut(None);
                self.drop_connection();
            }
        }
    }

    fn drop_connection(&mut self) {
        self.connection = None;
        self.metrics.broker.up.set(0);
    }

    fn count(&self, event: &Event) {
        if let Event::Mail { .. } = event {
            self.metrics.broker.mail_received.inc();
        }
    }
}

async fn work(work: &mut Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>) -> Outcome {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

async fn news(connection: &mut Option<Connection>) -> RedisResult<reader::News> {
    match connection {
        Some(Connection { reader, is_over: false, .. }) => reader.next().await,
        Some(_) | None => std::future::pending().await,
    }
}
