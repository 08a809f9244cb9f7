//! What this node has to do with one other.

use std::collections::VecDeque;

use super::{Life, Parcel};
use crate::cluster::broker::api::Event;
use crate::cluster::broker::names::NodeId;

/// Mail that may wait for Redis, for one node.
pub(super) const MOST_WAITING: usize = 16_384;
pub(super) const MOST_WAITING_BYTES: usize = 8 << 20;
/// Mail that goes as one.
const MOST_TOGETHER: usize = 256;
const MOST_TOGETHER_BYTES: usize = 64 << 10;
/// For how many looks the lives of those who are gone are remembered.
const GONE_LOOKS: u64 = 120;

/// One other node, what waits for it and what has come from it.
#[derive(Debug)]
pub(super) struct Peer {
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
pub(super) enum Standing {
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

impl Peer {
    pub(super) fn new(standing: Standing) -> Self {
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

    /// This node begins another life, or its first: nobody has said anything to it.
    pub(super) fn handle_own_life(&mut self, node: &NodeId, is_first: bool, events: &mut VecDeque<Event>) {
        if !matches!(self.standing, Standing::Gone { .. }) && !is_first {
            self.lose(node, events);
        }
        (self.epoch, self.greets) = (0, false);
    }

    /// Mail for it, unless losses are to be taken note of first. Tells whether it has to be looked for.
    pub(super) fn send(&mut self, node: &NodeId, mail: String, events: &mut VecDeque<Event>) -> bool {
        if self.unnoted > 0 {
            return false;
        }
        let was_gone = matches!(self.standing, Standing::Gone { .. });
        if was_gone {
            // It may be there again, and this mail may know.
            self.standing = Standing::Unknown;
        }
        if self.waiting.len() >= MOST_WAITING || self.bytes + mail.len() > MOST_WAITING_BYTES {
            self.lose(node, events);
        } else {
            self.bytes += mail.len();
            self.waiting.push_back(mail);
        }
        was_gone
    }

    /// A loss was taken note of.
    pub(super) fn note(&mut self) {
        self.unnoted = self.unnoted.saturating_sub(1);
    }

    /// A parcel of the present life of this node was not sent.
    pub(super) fn put_back(&mut self, parcel: Parcel) {
        let is_of_now = self.epoch == parcel.epoch
            && self.next == parcel.first + parcel.mail.len() as u64
            && self.life() == Some(parcel.to_life);
        if is_of_now {
            self.next = parcel.first;
            self.bytes += parcel.mail.iter().map(String::len).sum::<usize>();
            self.greets |= parcel.mail.is_empty();
            parcel.mail.into_iter().rev().for_each(|mail| self.waiting.push_front(mail));
        }
    }

    /// There is no place for mail to this life of it.
    pub(super) fn handle_nowhere(&mut self, life: Life) {
        if self.standing == Standing::Alive(life) {
            self.standing = Standing::Doubtful(life);
        }
    }

    /// A look has found this life of it, or none.
    pub(super) fn handle_look(
        &mut self,
        node: &NodeId,
        look: u64,
        life: Option<Life>,
        events: &mut VecDeque<Event>,
    ) {
        if self.heard >= look {
            return;
        }
        match life {
            Some(life) => self.handle_alive(node, life, events),
            None => self.handle_gone(node, look, events),
        }
    }

    /// Whether it has been gone for so long that nothing of it need be remembered.
    pub(super) fn is_over(&self, look: u64) -> bool {
        let is_over = matches!(self.standing, Standing::Gone { look: then, .. } if look > then + GONE_LOOKS);
        self.unnoted == 0 && is_over
    }

    pub(super) fn life(&self) -> Option<Life> {
        match self.standing {
            Standing::Alive(life) | Standing::Doubtful(life) => Some(life),
            Standing::Unknown | Standing::Gone { .. } => None,
        }
    }

    pub(super) fn has_parcel(&self) -> bool {
        matches!(self.standing, Standing::Alive(_)) && (self.greets || !self.waiting.is_empty())
    }

    pub(super) fn poll_parcel(&mut self, from: &NodeId, life: Life, to: &NodeId) -> Option<Parcel> {
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

    /// Mail of it, after so many looks at the registry.
    pub(super) fn handle_parcel(&mut self, looks: u64, parcel: Parcel, events: &mut VecDeque<Event>) {
        let known = match self.standing {
            Standing::Unknown => parcel.life,
            Standing::Alive(life) | Standing::Doubtful(life) => life,
            Standing::Gone { life, .. } => life + 1,
        };
        if parcel.life < known {
            return;
        }
        self.heard = looks;
        self.handle_alive(&parcel.from, parcel.life, events);
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
