//! What is said to Redis, and read from it. It keeps nothing.

mod answers;

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::time::timeout;

use super::batch::{Batch, DirectoryOperation, Entry, QueueOperation, Reply, Seek, Sweep, Swept};
use super::ledger::Registration;
use super::names::{NodeId, Ticket};
use super::post::{Life, Parcel};
use super::scripts::{Script, Scripts};
pub(super) use answers::entry;
use answers::{answers, unexpected};

/// Entries of mail that are read at once.
const ENTRIES_TOGETHER: usize = 512;
/// Entries that wait for a node at most, about: more than it can miss within its lease.
const MAIL_LENGTH: usize = 65_536;
/// For how long the memory of a room outlives its owner.
const MEMORY: Duration = Duration::from_secs(10 * 60);
/// For how long a read of mail waits for some.
const READ: Duration = Duration::from_secs(2);

/// How to speak with Redis, for one node.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    node: NodeId,
    prefix: String,
    lease: Duration,
    /// For an answer.
    patience: Duration,
    /// For which two who have met are apart.
    apart: Duration,
    scripts: Scripts,
}

/// A connection over which this node is registered, and another to read its mail over.
pub(super) struct Connected {
    pub(super) registration: Registration,
    pub(super) speaking: Speaking,
    pub(super) reading: Reading,
}

/// What batches are asked over.
#[derive(Clone)]
pub(super) struct Speaking {
    connection: MultiplexedConnection,
    stamp: String,
}

/// What mail is read over.
pub(super) struct Reading {
    connection: MultiplexedConnection,
    position: Position,
}

/// Id of the latest entry that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position(String);

impl Link {
    pub(super) fn new(
        client: Client,
        node: NodeId,
        prefix: String,
        lease: Duration,
        apart: Duration,
    ) -> Self {
        let patience = lease / 4;
        Self { client, node, prefix, lease, patience, apart, scripts: Scripts::new() }
    }

    /// Registers over new connections: the `number`th, in the life that was lived so far, whose mail was read up to a position.
    pub(super) async fn connect(
        &self,
        number: u64,
        former: Option<(Life, Position)>,
    ) -> RedisResult<Connected> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(READ + self.patience));
        let open = || self.client.get_multiplexed_async_connection_with_config(&config);
        let (mut connection, reading) = (open().await?, open().await?);
        self.within(self.scripts.load(&mut connection)).await?;

        let (known_life, read_to) = former.unzip();
        let mut register = self.call(&self.scripts.register, &[self.node.as_str()]);
        register.arg(millis(self.lease)).arg(known_life.map(|life| life.to_string()).unwrap_or_default());
        let (life, stamp, latest, matches): (String, String, String, u64) =
            self.within(register.arg(number).query_async(&mut connection)).await?;
        let life: Life = life.parse().map_err(|_| unexpected())?;

        // A new life has no mail yet, but its first entry.
        let position = read_to.filter(|_| known_life == Some(life)).unwrap_or(Position(latest.clone()));
        let mut reading = Reading { connection: reading, position };
        let mut entries = Vec::new();
        while reading.position.is_before(&latest) {
            let before = reading.position.clone();
            entries.extend(reading.read(self, Duration::ZERO).await?);
            if reading.position == before {
                break;
            }
        }
        let registration = Registration { life, entries, matches };
        Ok(Connected { registration, speaking: Speaking { connection, stamp }, reading })
    }

    pub(super) async fn perform(
        &self,
        speaking: &mut Speaking,
        batch: &Batch,
        read: &Position,
    ) -> RedisResult<Reply> {
        let pipeline = self.pipeline(&speaking.stamp, batch, read);
        let values: Vec<Value> = self.within(pipeline.query_async(&mut speaking.connection)).await?;
        answers(batch, values.into_iter())
    }

    fn pipeline(&self, stamp: &str, batch: &Batch, read: &Position) -> Pipeline {
        let mut pipeline = redis::pipe();
        let who = [self.node.as_str(), stamp];
        if batch.look.is_some() {
            let mut look = self.call(&self.scripts.look, &who);
            look.arg(millis(self.lease)).arg(&read.0);
            pipeline.add_command(look);
        }
        if !batch.directory.is_empty() {
            let mut directory = self.call(&self.scripts.directory, &who);
            batch.directory.iter().for_each(|operation| directory_args(&mut directory, operation));
            pipeline.add_command(directory);
        }
        if !batch.queue.is_empty() {
            let mut queue = self.call(&self.scripts.queue, &who);
            queue.arg(millis(self.apart));
            batch.queue.iter().for_each(|operation| queue_args(&mut queue, operation));
            pipeline.add_command(queue);
        }
        if let Some(Sweep { what, cursor }) = &batch.sweep {
            let (dead, what) = match what {
                Swept::Queue => ("", "queue"),
                Swept::RoomsOf(node) => (node.as_str(), "rooms"),
                Swept::SessionsOf(node) => (node.as_str(), "sessions"),
                Swept::EndOf(node) => (node.as_str(), "end"),
            };
            let mut sweep = self.call(&self.scripts.sweep, &who);
            sweep.arg(dead).arg(what).arg(cursor).arg(millis(MEMORY));
            pipeline.add_command(sweep);
        }
        for parcel in &batch.parcels {
            pipeline.add_command(self.mail_of(parcel));
        }
        if batch.resigns {
            pipeline.add_command(self.call(&self.scripts.resign, &who));
        }
        pipeline
    }

    fn mail_of(&self, parcel: &Parcel) -> Cmd {
        let Parcel { from, to, life, to_life, epoch, first, mail } = parcel;
        let mut add = redis::cmd("XADD");
        add.arg(format!("{}mail:{to}", self.prefix)).arg("NOMKSTREAM");
        add.arg("MAXLEN").arg("~").arg(MAIL_LENGTH).arg("*");
        add.arg("h").arg(format!("{from} {life} {to_life} {epoch} {first}"));
        for mail in mail {
            add.arg("m").arg(mail);
        }
        add
    }

    fn call(&self, script: &Script, arguments: &[&str]) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(script.hash()).arg(0).arg(&self.prefix).arg(arguments);
        cmd
    }

    async fn within<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        timeout(self.patience, answer).await.unwrap_or_else(|_| Err(too_late()))
    }
}

impl Reading {
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// What comes next, as soon as there is some; nothing after a while.
    pub(super) async fn next(&mut self, link: &Link) -> RedisResult<Vec<Entry>> {
        self.read(link, READ).await
    }

    async fn read(&mut self, link: &Link, wait: Duration) -> RedisResult<Vec<Entry>> {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(ENTRIES_TOGETHER);
        if !wait.is_zero() {
            read.arg("BLOCK").arg(millis(wait));
        }
        read.arg("STREAMS").arg(format!("{}mail:{}", link.prefix, link.node)).arg(&self.position.0);
        type Streams = Option<Vec<(String, Vec<(String, Vec<String>)>)>>;
        let answer = read.query_async::<Streams>(&mut self.connection);
        let streams = timeout(wait + link.patience, answer).await.unwrap_or_else(|_| Err(too_late()))?;
        let entries = streams.into_iter().flatten().flat_map(|(_, entries)| entries);
        Ok(entries
            .filter_map(|(id, fields)| {
                self.position = Position(id);
                entry(&link.node, fields)
            })
            .collect())
    }
}

impl Position {
    fn is_before(&self, id: &str) -> bool {
        let parts = |id: &str| {
            let (ms, number) = id.split_once('-')?;
            Some((ms.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
        };
        parts(&self.0) < parts(id)
    }
}

fn directory_args(cmd: &mut Cmd, operation: &DirectoryOperation) {
    let memory_ms = millis(MEMORY).to_string();
    let (code, name, text) = match operation {
        DirectoryOperation::Claim(room) => ("claim", room.as_str(), ""),
        DirectoryOperation::Keep(room, memory) => {
            ("keep", room.as_str(), memory.as_deref().unwrap_or_default())
        }
        DirectoryOperation::Remember(room, memory) => ("remember", room.as_str(), memory.as_str()),
        DirectoryOperation::Release(room) => ("release", room.as_str(), ""),
        DirectoryOperation::Abandon(room) => ("abandon", room.as_str(), memory_ms.as_str()),
        DirectoryOperation::Settle(session) => ("settle", session.as_str(), ""),
        DirectoryOperation::Stay(session) => ("stay", session.as_str(), ""),
        DirectoryOperation::Unsettle(session) => ("unsettle", session.as_str(), ""),
        DirectoryOperation::Find(session) => ("find", session.as_str(), ""),
    };
    cmd.arg(code).arg(name).arg(text);
}

fn queue_args(cmd: &mut Cmd, operation: &QueueOperation) {
    match operation {
        QueueOperation::Seek(seek) => {
            let Seek { session, stint, ticket, identity, blocks, keys, is_known } = &**seek;
            cmd.arg("seek").arg(session.as_str()).arg(stint);
            match ticket {
                Some(Ticket(ticket)) => cmd.arg(ticket),
                None => cmd.arg(""),
            };
            cmd.arg(identity).arg(blocks).arg(keys).arg(if *is_known { "known" } else { "" });
        }
        QueueOperation::Withdraw(session) => {
            cmd.arg("withdraw").arg(session.as_str());
        }
        QueueOperation::Places(sessions) => {
            for session in sessions {
                cmd.arg("place").arg(session.as_str());
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn too_late() -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "no answer in time"))
}
