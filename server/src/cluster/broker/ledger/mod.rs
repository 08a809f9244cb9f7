//! What this node has said, and what Redis has to know of it. Pure: what is done over a connection is handed out as
//! [`Batch`]es, one at a time, and comes back with an answer or as lost.

mod directory;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tracing::{debug, info};

use super::api::{Ask, Command, Event};
use super::batch::{Answers, Batch, Entry, Look, Reply, Sweep, Swept};
use super::names::NodeId;
use super::post::{Life, Post};
use directory::Directory;
use queue::Queue;

/// Most that is asked at once, so that nobody else waits long for Redis.
const DIRECTORY_TOGETHER: usize = 512;
const QUEUE_TOGETHER: usize = 512;
const PARCELS_TOGETHER: usize = 64;
/// Asks that may wait for an answer; more fail at once.
const MOST_ASKS: usize = 65_536;
/// Matches that were told, and have not arrived after so long, do not arrive.
const MATCHES_PATIENCE: Duration = Duration::from_secs(5);

/// The pure part of a broker.
#[derive(Debug)]
pub(super) struct Ledger {
    node: NodeId,
    between_looks: Duration,
    standing: Standing,
    life: Option<Life>,
    post: Post,
    directory: Directory,
    queue: Queue,
    events: VecDeque<Event>,
    look_at: Instant,
    /// Operations of directory and queue that were handed out, those that came to nothing among them.
    polled: (usize, usize),
    /// Number of the matches that were read last.
    matches: u64,
    /// Matches that are known to be on their way, and since when.
    awaited: Option<(u64, Instant)>,
    /// What is swept at the moment, and who is next.
    sweep: Option<Sweep>,
    dead: BTreeSet<NodeId>,
    resigning: Resigning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    CutOff,
    /// What this node holds is told to Redis: so many operations are left.
    Asserting {
        directory: usize,
        queue: usize,
    },
    Up,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resigning {
    Not,
    Wanted,
    Done,
}

/// What a new connection begins with.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) life: Life,
    /// All that came in this life before it.
    pub(super) entries: Vec<Entry>,
    /// Number of the latest matches before it.
    pub(super) matches: u64,
}

impl Ledger {
    pub(super) fn new(now: Instant, node: NodeId, between_looks: Duration) -> Self {
        Self {
            post: Post::new(node.clone()),
            directory: Directory::new(node.clone()),
            queue: Queue::new(node.clone()),
            node,
            between_looks,
            standing: Standing::CutOff,
            life: None,
            events: VecDeque::new(),
            look_at: now,
            polled: (0, 0),
            matches: 0,
            awaited: None,
            sweep: None,
            dead: BTreeSet::new(),
            resigning: Resigning::Not,
        }
    }

    /// The life to go on with, if Redis knows it still.
    pub(super) fn life(&self) -> Option<Life> {
        self.life
    }

    pub(super) fn nodes(&self) -> usize {
        self.post.living().count() + usize::from(self.standing != Standing::CutOff)
    }

    /// Whether this node has gone away, as it wanted to.
    pub(super) fn has_resigned(&self) -> bool {
        match (self.resigning, self.standing) {
            (Resigning::Done, _) | (Resigning::Wanted, Standing::CutOff) => true,
            (Resigning::Not | Resigning::Wanted, _) => false,
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When there is something to do though nothing happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (self.standing != Standing::CutOff).then_some(self.look_at)
    }

    pub(super) fn handle_command(&mut self, command: Command) {
        if self.resigning != Resigning::Not {
            return;
        }
        match command {
            Command::Send { to, mail } => self.post.send(to, mail, &mut self.events),
            Command::Noted { node } => self.post.note(&node),
            Command::Claim { room } if self.can_ask() => self.directory.claim(room),
            Command::Claim { room } => self.fail(Ask::Claim(room)),
            Command::Remember { room, memory } => self.directory.remember(room, memory, self.is_connected()),
            Command::Release { room } => self.directory.release(room, self.is_connected()),
            Command::Settle { session } => self.directory.settle(session, self.is_connected()),
            Command::Unsettle { session } => self.directory.unsettle(session, self.is_connected()),
            Command::Find { session } if self.can_ask() => self.directory.find(session),
            Command::Find { session } => self.fail(Ask::Find(session)),
            Command::Seek(record) => self.queue.seek(*record, self.is_connected()),
            Command::Widen(record) => self.queue.widen(*record, self.is_connected()),
            Command::Withdraw { session } => self.queue.withdraw(session, self.is_connected()),
            Command::Places { sessions } if self.can_ask() => self.queue.places(sessions),
            Command::Places { sessions } => self.fail(Ask::Places(sessions)),
            Command::Resign => self.resigning = Resigning::Wanted,
        }
    }

    /// A connection has begun: what this node holds is told over it.
    pub(super) fn handle_connected(&mut self, now: Instant, registration: Registration) {
        let Registration { life, entries, matches } = registration;
        if self.life != Some(life) {
            info!(node = %self.node, "registered");
            self.life = Some(life);
            self.post.begin(life, &mut self.events);
        }
        self.handle_entries(entries);
        (self.matches, self.awaited) = (matches, None);
        self.directory.assert();
        self.queue.assert();
        self.standing = Standing::Asserting { directory: self.directory.len(), queue: self.queue.len() };
        self.look_at = now;
        // Records of this node that it has not told anew do not count any more.
        self.sweep = None;
        self.dead.clear();
        self.queue.wants_sweep = true;
        self.polled = (0, 0);
        self.advance();
    }

    /// The connection is lost, and the batch on its way with it.
    pub(super) fn handle_cut(&mut self, batch: Option<Batch>) {
        let Batch { directory, queue, parcels, .. } = batch.unwrap_or_default();
        for parcel in parcels.into_iter().rev() {
            self.post.put_back(parcel);
        }
        self.directory.handle_cut(directory, &mut self.events);
        self.queue.handle_cut(queue, &mut self.events);
        if self.standing == Standing::Up {
            self.events.push_back(Event::CutOff);
        }
        self.standing = Standing::CutOff;
    }

    /// What came in the mail, in order. Whether all matches did: if not, a new connection brings the seekers back.
    pub(super) fn handle_entries(&mut self, entries: Vec<Entry>) -> bool {
        let mut is_whole = true;
        for entry in entries {
            match entry {
                Entry::Parcel(parcel) => self.post.handle_parcel(parcel, &mut self.events),
                Entry::Matches { number, matches } => {
                    is_whole &= number == self.matches + 1;
                    self.matches = number;
                    let relists = self.is_connected();
                    for matched in matches {
                        self.queue.handle_match(matched, relists, &mut self.events);
                    }
                }
                Entry::Birth => {}
            }
        }
        is_whole
    }

    /// What is to be asked now, while nothing else is on its way.
    pub(super) fn poll_batch(&mut self, now: Instant) -> Option<Batch> {
        if !self.is_connected() {
            return None;
        }
        let mut batch = Batch::default();
        if now >= self.look_at || self.post.wants_look() {
            batch.look = Some(self.post.begin_look());
            self.look_at = now + self.between_looks;
        }
        let before = (self.directory.len(), self.queue.len());
        batch.directory = self.directory.poll(DIRECTORY_TOGETHER);
        batch.queue = self.queue.poll(QUEUE_TOGETHER);
        self.polled = (before.0 - self.directory.len(), before.1 - self.queue.len());
        batch.parcels = self.post.poll_parcels(PARCELS_TOGETHER);
        batch.sweep = self.poll_sweep();
        if batch.is_empty() && self.resigning == Resigning::Wanted {
            batch.resigns = true;
        }
        if batch.is_empty() {
            self.advance();
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// What was said to a batch. Whether the connection is of use any more.
    pub(super) fn handle_reply(&mut self, now: Instant, batch: Batch, reply: Reply) -> bool {
        let answers = match reply {
            Reply::Done(answers) => answers,
            Reply::Fenced => {
                self.handle_cut(Some(batch));
                return false;
            }
        };
        if batch.resigns {
            self.resigning = Resigning::Done;
        }
        let Answers { look, directory, waiting, queue, parcels, sweep } = answers;
        self.directory.handle_answers(batch.directory, directory, &mut self.events);
        self.queue.handle_answers(batch.queue, queue, waiting, &mut self.events);
        for (parcel, has_arrived) in batch.parcels.into_iter().zip(parcels) {
            if !has_arrived {
                self.post.handle_nowhere(parcel);
            }
        }
        let is_whole = match (batch.look, look) {
            (Some(number), Some(look)) => self.handle_look(now, number, look),
            (Some(_) | None, _) => true,
        };
        if let Some(cursor) = sweep {
            self.handle_swept(cursor);
        }
        self.advance();
        is_whole
    }

    fn handle_look(&mut self, now: Instant, number: u64, look: Look) -> bool {
        let Look { matches, living, dead } = look;
        // One sweeps for all.
        if living.iter().map(|(node, _)| node).min() == Some(&self.node) {
            self.dead.extend(dead);
        }
        self.post.handle_look(number, living, &mut self.events);
        match self.awaited {
            Some((awaited, _)) if self.matches >= awaited => self.awaited = None,
            Some((_, since)) if now > since + MATCHES_PATIENCE => return false,
            Some(_) | None => {}
        }
        if self.awaited.is_none() && matches > self.matches {
            self.awaited = Some((matches, now));
        }
        true
    }

    fn poll_sweep(&mut self) -> Option<Sweep> {
        if self.standing != Standing::Up || self.resigning != Resigning::Not {
            return None;
        }
        if self.sweep.is_none() {
            let what = if std::mem::take(&mut self.queue.wants_sweep) {
                Swept::Queue
            } else {
                let node = self.dead.first()?.clone();
                debug!(%node, "what a node has left is swept");
                Swept::RoomsOf(node)
            };
            self.sweep = Some(Sweep { what, cursor: "0".to_owned() });
        }
        self.sweep.clone()
    }

    fn handle_swept(&mut self, cursor: String) {
        let Some(Sweep { what, .. }) = self.sweep.take() else { return };
        if cursor != "0" {
            self.sweep = Some(Sweep { what, cursor });
            return;
        }
        let next = match what {
            Swept::Queue => return,
            Swept::RoomsOf(node) => Swept::SessionsOf(node),
            Swept::SessionsOf(node) => Swept::EndOf(node),
            Swept::EndOf(node) => {
                self.dead.remove(&node);
                self.queue.wants_sweep = true;
                return;
            }
        };
        self.sweep = Some(Sweep { what: next, cursor });
    }

    /// What was handed out is done.
    fn advance(&mut self) {
        let (directory_done, queue_done) = std::mem::take(&mut self.polled);
        let Standing::Asserting { directory, queue } = self.standing else { return };
        let (directory, queue) = (directory.saturating_sub(directory_done), queue.saturating_sub(queue_done));
        self.standing = if directory == 0 && queue == 0 {
            self.events.push_back(Event::Back);
            Standing::Up
        } else {
            Standing::Asserting { directory, queue }
        };
    }

    fn is_connected(&self) -> bool {
        self.standing != Standing::CutOff
    }

    fn can_ask(&self) -> bool {
        self.is_connected() && self.directory.len() + self.queue.len() < MOST_ASKS
    }

    fn fail(&mut self, what: Ask) {
        self.events.push_back(Event::Failed { what });
    }
}
