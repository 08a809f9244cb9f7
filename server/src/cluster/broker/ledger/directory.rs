//! The rooms and sessions of this node, and what is asked of those of others.

use std::collections::{HashMap, HashSet, VecDeque};

use visavis_protocol::RoomName;

use super::super::api::Event;
use super::super::batch::{DirectoryAnswer, DirectoryOperation};
use super::super::names::{NodeId, SessionKey};

#[derive(Debug)]
pub(super) struct Directory {
    node: NodeId,
    rooms: HashMap<RoomName, Room>,
    sessions: HashMap<SessionKey, Settling>,
    /// What Redis may believe to be this node's, and is not.
    rooms_owed: HashMap<RoomName, Debt>,
    sessions_owed: HashSet<SessionKey>,
    operations: VecDeque<Operation>,
}

/// A room that this node owns.
#[derive(Debug, Default)]
struct Room {
    memory: Option<String>,
    /// Whether it is about to be written.
    is_due: bool,
}

/// What is to become of a room that Redis may believe to be this node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Debt {
    Release,
    /// It was claimed, and nobody heard an answer.
    Abandon,
}

/// Whether Redis knows that a session lives here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settling {
    Untold,
    /// It may.
    Told,
    Settled,
}

/// An operation to come; what it is about is taken as it is then.
#[derive(Debug)]
enum Operation {
    Claim(RoomName),
    Keep(RoomName),
    Remember(RoomName),
    Release(RoomName),
    Abandon(RoomName),
    Settle(SessionKey),
    Stay(SessionKey),
    Unsettle(SessionKey),
    Find(SessionKey),
}

impl Directory {
    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            rooms_owed: HashMap::new(),
            sessions_owed: HashSet::new(),
            operations: VecDeque::new(),
        }
    }

    /// Operations to come.
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn claim(&mut self, room: RoomName) {
        self.operations.push_back(Operation::Claim(room));
    }

    pub(super) fn remember(&mut self, name: RoomName, memory: String, is_connected: bool) {
        let Some(room) = self.rooms.get_mut(&name) else { return };
        room.memory = Some(memory);
        if is_connected && !std::mem::replace(&mut room.is_due, true) {
            self.operations.push_back(Operation::Remember(name));
        }
    }

    pub(super) fn release(&mut self, room: RoomName, is_connected: bool) {
        self.rooms.remove(&room);
        if is_connected {
            self.operations.push_back(Operation::Release(room));
        } else {
            self.rooms_owed.insert(room, Debt::Release);
        }
    }

    pub(super) fn settle(&mut self, session: SessionKey, is_connected: bool) {
        let was_owed = self.sessions_owed.remove(&session);
        let was_told = self.sessions.get(&session).is_some_and(|settling| *settling != Settling::Untold);
        let settling = if is_connected || was_owed || was_told { Settling::Told } else { Settling::Untold };
        self.sessions.insert(session.clone(), settling);
        if is_connected {
            self.operations.push_back(Operation::Settle(session));
        }
    }

    pub(super) fn unsettle(&mut self, session: SessionKey, is_connected: bool) {
        match self.sessions.remove(&session) {
            Some(Settling::Told | Settling::Settled) if is_connected => {
                self.operations.push_back(Operation::Unsettle(session));
            }
            Some(Settling::Told | Settling::Settled) => {
                self.sessions_owed.insert(session);
            }
            Some(Settling::Untold) | None => {}
        }
    }

    pub(super) fn find(&mut self, session: SessionKey) {
        self.operations.push_back(Operation::Find(session));
    }

    /// A connection has begun, over which all of it is told.
    pub(super) fn assert(&mut self) {
        self.operations.extend(self.rooms_owed.drain().map(|(room, debt)| match debt {
            Debt::Release => Operation::Release(room),
            Debt::Abandon => Operation::Abandon(room),
        }));
        self.operations.extend(self.sessions_owed.drain().map(Operation::Unsettle));
        self.operations.extend(self.rooms.keys().cloned().map(Operation::Keep));
        for (session, settling) in &mut self.sessions {
            let operation = match settling {
                Settling::Untold | Settling::Told => Operation::Settle,
                Settling::Settled => Operation::Stay,
            };
            if *settling == Settling::Untold {
                *settling = Settling::Told;
            }
            self.operations.push_back(operation(session.clone()));
        }
    }

    /// The connection is lost: nobody knows whether `sent` was done.
    pub(super) fn handle_cut(&mut self, sent: Vec<DirectoryOperation>, events: &mut VecDeque<Event>) {
        for operation in sent {
            match operation {
                DirectoryOperation::Claim(room) => {
                    if !self.rooms.contains_key(&room) {
                        self.rooms_owed.entry(room.clone()).or_insert(Debt::Abandon);
                    }
                    fail(DirectoryOperation::Claim(room), events);
                }
                DirectoryOperation::Release(room) => {
                    self.rooms_owed.insert(room, Debt::Release);
                }
                DirectoryOperation::Abandon(room) => {
                    self.rooms_owed.insert(room, Debt::Abandon);
                }
                DirectoryOperation::Unsettle(session) => self.owe(session),
                DirectoryOperation::Keep(..)
                | DirectoryOperation::Remember(..)
                | DirectoryOperation::Settle(_)
                | DirectoryOperation::Stay(_)
                | DirectoryOperation::Find(_) => fail(operation, events),
            }
        }
        for operation in std::mem::take(&mut self.operations) {
            match operation {
                Operation::Claim(room) => fail(DirectoryOperation::Claim(room), events),
                Operation::Find(session) => fail(DirectoryOperation::Find(session), events),
                Operation::Release(room) => {
                    self.rooms_owed.insert(room, Debt::Release);
                }
                Operation::Abandon(room) => {
                    self.rooms_owed.insert(room, Debt::Abandon);
                }
                Operation::Unsettle(session) => self.owe(session),
                Operation::Keep(_) | Operation::Remember(_) | Operation::Settle(_) | Operation::Stay(_) => {}
            }
        }
        for room in self.rooms.values_mut() {
            room.is_due = false;
        }
    }

    /// At most so many operations, in order.
    pub(super) fn poll(&mut self, most: usize) -> Vec<DirectoryOperation> {
        let rooms = &mut self.rooms;
        let resolve = |operation| match operation {
            Operation::Claim(room) => Some(DirectoryOperation::Claim(room)),
            Operation::Keep(name) => {
                let memory = rooms.get(&name)?.memory.clone();
                Some(DirectoryOperation::Keep(name, memory))
            }
            Operation::Remember(name) => {
                let room = rooms.get_mut(&name)?;
                room.is_due = false;
                let memory = room.memory.clone()?;
                Some(DirectoryOperation::Remember(name, memory))
            }
            Operation::Release(room) => Some(DirectoryOperation::Release(room)),
            Operation::Abandon(room) => Some(DirectoryOperation::Abandon(room)),
            Operation::Settle(session) => Some(DirectoryOperation::Settle(session)),
            Operation::Stay(session) => Some(DirectoryOperation::Stay(session)),
            Operation::Unsettle(session) => Some(DirectoryOperation::Unsettle(session)),
            Operation::Find(session) => Some(DirectoryOperation::Find(session)),
        };
        let operations = std::iter::from_fn(|| self.operations.pop_front());
        operations.filter_map(resolve).take(most).collect()
    }

    pub(super) fn handle_answers(
        &mut self,
        asked: Vec<DirectoryOperation>,
        answers: Vec<DirectoryAnswer>,
        events: &mut VecDeque<Event>,
    ) {
        for (operation, DirectoryAnswer { node, memory }) in asked.into_iter().zip(answers) {
            match operation {
                DirectoryOperation::Claim(room) => {
                    let Some(owner) = node else { continue };
                    if owner == self.node {
                        let kept = self.rooms.entry(room.clone()).or_default();
                        kept.memory = kept.memory.take().or_else(|| memory.clone());
                    }
                    events.push_back(Event::Claimed { room, owner, memory });
                }
                DirectoryOperation::Keep(room, _) => {
                    if let Some(owner) = node
                        && owner != self.node
                        && self.rooms.remove(&room).is_some()
                    {
                        events.push_back(Event::RoomLost { room, owner });
                    }
                }
                DirectoryOperation::Stay(session) => {
                    if let Some(node) = node
                        && node != self.node
                        && self.sessions.remove(&session).is_some()
                    {
                        events.push_back(Event::SessionLost { session, node });
                    }
                }
                DirectoryOperation::Find(session) => events.push_back(Event::Found { session, node }),
                DirectoryOperation::Release(room) => {
                    // One that was released before it was known to be had.
                    self.rooms.remove(&room);
                }
                DirectoryOperation::Settle(session) => {
                    if let Some(settling) = self.sessions.get_mut(&session) {
                        *settling = Settling::Settled;
                    }
                }
                DirectoryOperation::Remember(..)
                | DirectoryOperation::Abandon(_)
                | DirectoryOperation::Unsettle(_) => {}
            }
        }
    }

    fn owe(&mut self, session: SessionKey) {
        if !self.sessions.contains_key(&session) {
            self.sessions_owed.insert(session);
        }
    }
}

fn fail(operation: DirectoryOperation, events: &mut VecDeque<Event>) {
    events.extend(operation.into_ask().map(|what| Event::Failed { what }));
}
