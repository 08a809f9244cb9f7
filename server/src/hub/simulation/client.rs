//! Clients that do what clients do: come back, say again what was missed, and notice what must not happen.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use visavis_protocol::{
    Again, ClientMessage, DisplayName, Door, ErrorCode, Join, LeaveReason, MediaState, ParticipantId, Resume,
    RoomName, Seek, ServerMessage, SessionToken,
};

use super::super::handle::{Event, Greeted};
use super::super::mailbox::{Inbox, mailbox};
use super::super::{Dismissal, Greeting, Parting};
use crate::access::Grant;
use crate::cluster::NodeId;
use crate::moderation::Moment;
use crate::sessions::{ConnectionId, root};

const MEDIA: MediaState = MediaState { microphone: true, camera: false, screen: false };
/// As the clients have it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it stays in a room of two for another one who does not come back.
pub(super) const ALONE_TIMEOUT: Duration = Duration::from_secs(15);

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Room(RoomName),
    Stranger,
}

pub(super) struct Client {
    pub(super) number: usize,
    pub(super) wish: Wish,
    pub(super) stay: Stay,
    link: Link,
    grant: Grant,
    token: Option<SessionToken>,
    received: u32,
    said: u32,
    kept: VecDeque<ClientMessage>,
    /// By when to ask again for what it wants.
    ask_at: Option<Instant>,
    /// By when there has to be an answer.
    answer_by: Option<Instant>,
    /// It has said `next`.
    wants_next: bool,
    /// The last number that came to whom it was at the time of each, and the last that was given to each.
    heard: HashMap<(ParticipantId, ParticipantId), u32>,
    told: HashMap<ParticipantId, u32>,
    pub(super) others: Vec<ParticipantId>,
}

/// Where a client thinks that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stay {
    Nowhere,
    Queued,
    Room { room: RoomName, you: ParticipantId },
}

#[derive(Debug)]
enum Link {
    Offline { until: Instant },
    Greeting(Socket, oneshot::Receiver<Result<Greeting, Dismissal>>),
    Open(Socket),
}

#[derive(Debug)]
struct Socket {
    node: NodeId,
    connection: ConnectionId,
    inbox: Inbox,
}

/// What a client has a node hear.
pub(super) type Said = Vec<(NodeId, Event)>;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, wish, stay, others, .. } = self;
        write!(f, "client {number}, which wants {wish:?}, has {stay:?} with {others:?}")
    }
}

impl Client {
    pub(super) fn new(now: Instant, number: usize, wish: Wish) -> Self {
        Self {
            number,
            wish,
            stay: Stay::Nowhere,
            link: Link::Offline { until: now },
            grant: Grant::guest(&format!("guest:{number}")),
            token: None,
            received: 0,
            said: 0,
            kept: VecDeque::new(),
            ask_at: None,
            answer_by: None,
            wants_next: false,
            heard: HashMap::new(),
            told: HashMap::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn token(&self) -> Option<&SessionToken> {
        self.token.as_ref()
    }

    pub(super) fn is_offline(&self) -> bool {
        matches!(self.link, Link::Offline { .. })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let offline = match &self.link {
            Link::Offline { until } => Some(*until),
            Link::Greeting(..) | Link::Open(_) => None,
        };
        [offline, self.ask_at, self.answer_by].into_iter().flatten().min()
    }

    /// Connects, if it is time for that.
    pub(super) fn handle_timeout(&mut self, now: Instant, node: &NodeId, connection: ConnectionId) -> Said {
        if let Link::Offline { until } = self.link
            && until <= now
        {
            return self.connect(node, connection);
        }
        if self.answer_by.is_some_and(|by| by <= now) {
            return self.hang_up(now, Parting::Lost, Duration::ZERO);
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            let is_alone = matches!(self.stay, Stay::Room { .. }) && self.wish == Wish::Stranger;
            return if is_alone { self.leave_and_ask(now) } else { self.ask(now) };
        }
        Vec::new()
    }

    /// Takes what has come by now; what it says to that, if anything came.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Said> {
        match std::mem::replace(&mut self.link, Link::Offline { until: now }) {
            Link::Offline { until } => {
                self.link = Link::Offline { until };
                None
            }
            Link::Greeting(mut socket, mut answer) => {
                match (socket.inbox.dismissed().now_or_never(), answer.try_recv()) {
                    (Some(dismissal), _) | (_, Ok(Err(dismissal))) => {
                        Some(self.on_dismissal(now, socket, &dismissal))
                    }
                    (_, Ok(Ok(greeting))) => {
                        self.link = Link::Open(socket);
                        Some(self.on_greeting(now, greeting))
                    }
                    (_, Err(oneshot::error::TryRecvError::Closed)) => {
                        Some(self.on_dismissal(now, socket, &Dismissal::ShuttingDown))
                    }
                    (_, Err(oneshot::error::TryRecvError::Empty)) => {
                        self.link = Link::Greeting(socket, answer);
                        None
                    }
                }
            }
            Link::Open(mut socket) => match socket.inbox.next().now_or_never() {
                Some(Ok(message)) => {
                    self.link = Link::Open(socket);
                    Some(self.on_message(now, (*message).clone()))
                }
                Some(Err(dismissal)) => Some(self.on_dismissal(now, socket, &dismissal)),
                None => {
                    self.link = Link::Open(socket);
                    None
                }
            },
        }
    }

    /// Its node is dead.
    pub(super) fn handle_death(&mut self, now: Instant, node: &NodeId) {
        let is_there = match &self.link {
            Link::Offline { .. } => false,
            Link::Greeting(socket, _) | Link::Open(socket) => socket.node == *node,
        };
        if is_there {
            self.go_offline(now, Duration::from_millis(250));
        }
    }

    /// Its connection breaks, or it closes it for good.
    pub(super) fn hang_up(&mut self, now: Instant, parting: Parting, pause: Duration) -> Said {
        let link = std::mem::replace(&mut self.link, Link::Offline { until: now });
        let said = match link {
            Link::Offline { until } => {
                self.link = Link::Offline { until };
                return Vec::new();
            }
            Link::Greeting(socket, _) | Link::Open(socket) => socket.over(parting),
        };
        if parting == Parting::Closed {
            (self.token, self.stay) = (None, Stay::Nowhere);
        }
        self.go_offline(now, pause);
        vec![said]
    }

    /// Wants something else from now on.
    pub(super) fn change_wish(&mut self, now: Instant, wish: Wish) -> Said {
        self.wish = wish;
        if !matches!(self.link, Link::Open(_)) {
            // Who has been in a room and wants into another one says so when it is back.
            return Vec::new();
        }
        self.leave_and_ask(now)
    }

    /// Wants another stranger.
    pub(super) fn next(&mut self, now: Instant) -> Said {
        match (&self.wish, &self.stay, &self.link) {
            (Wish::Stranger, Stay::Room { .. }, Link::Open(_)) => {
                self.stay = Stay::Nowhere;
                self.others.clear();
                self.answer_by = Some(now + ANSWER_TIMEOUT);
                (self.wants_next, self.ask_at) = (true, None);
                self.say(ClientMessage::Next)
            }
            _ => Vec::new(),
        }
    }

    /// Says something with a number to everybody in the room.
    pub(super) fn chat(&mut self) -> Said {
        if !matches!((&self.stay, &self.link), (Stay::Room { .. }, Link::Open(_))) {
            return Vec::new();
        }
        let mut said = Vec::new();
        for to in self.others.clone() {
            let number = self.told.entry(to.clone()).or_default();
            *number += 1;
            let ufrag = number.to_string();
            said.extend(self.say(ClientMessage::EndOfCandidates { to, ufrag }));
        }
        said
    }

    fn connect(&mut self, node: &NodeId, connection: ConnectionId) -> Said {
        let (outbox, inbox) = mailbox();
        let (answer, greeting) = oneshot::channel();
        let socket = Socket { node: node.clone(), connection, inbox };
        self.link = Link::Greeting(socket, greeting);
        let resume = self.token.clone().map(|session| Resume { session, received: self.received });
        let hello = Greeted { source: None, resume, grant: self.grant.clone(), answer };
        let at = Moment::from_ms(0);
        vec![
            (node.clone(), Event::Connected { connection, outbox }),
            (node.clone(), Event::Greeted { connection, hello, at }),
        ]
    }

    fn on_greeting(&mut self, now: Instant, greeting: Greeting) -> Said {
        let is_same = self.token.as_ref().is_some_and(|token| root(token) == root(&greeting.session));
        self.token = Some(greeting.session);
        if let Some(resumed) = greeting.resumed {
            assert!(is_same, "another session goes on");
            let missed = usize::try_from(self.said.wrapping_sub(resumed.received)).expect("a number");
            let known = self.kept.len().checked_sub(missed).expect("the node has counted what it has heard");
            let again: Vec<_> = self.kept.iter().skip(known).cloned().collect();
            let mut said: Said = again.into_iter().filter_map(|it| self.message(it)).collect();
            if self.stay == Stay::Nowhere || !self.is_where_it_wants() {
                said.extend(self.leave_and_ask(now));
            }
            self.ask_at = self.is_alone().then_some(now + ALONE_TIMEOUT);
            return said;
        }
        (self.received, self.said) = (0, 0);
        self.kept.clear();
        if !is_same {
            self.stay = Stay::Nowhere;
        }
        if self.stay == Stay::Queued {
            self.stay = Stay::Nowhere;
        }
        self.ask(now)
    }

    /// Whether the room or the queue that it is in is what it wants.
    fn is_where_it_wants(&self) -> bool {
        match (&self.stay, &self.wish) {
            (Stay::Nowhere, _) | (Stay::Queued, Wish::Room(_)) => false,
            (Stay::Queued, Wish::Stranger) => true,
            (Stay::Room { room, .. }, Wish::Room(wanted)) => room == wanted,
            (Stay::Room { room, .. }, Wish::Stranger) => room.as_str().starts_with("strangers."),
        }
    }

    /// Whether it is in a room of two without another one.
    fn is_alone(&self) -> bool {
        matches!(self.stay, Stay::Room { .. }) && self.wish == Wish::Stranger && self.others.is_empty()
    }

    fn leave_and_ask(&mut self, now: Instant) -> Said {
        let mut said = self.say(ClientMessage::Leave);
        self.stay = Stay::Nowhere;
        self.others.clear();
        said.extend(self.ask(now));
        said
    }

    fn ask(&mut self, now: Instant) -> Said {
        (self.ask_at, self.wants_next) = (None, false);
        if !matches!(self.link, Link::Open(_)) {
            return Vec::new();
        }
        self.answer_by = Some(now + ANSWER_TIMEOUT);
        let name = DisplayName::new("somebody").expect("a name");
        let again = match &self.stay {
            Stay::Room { you, .. } => {
                Some(Again { you: you.clone(), others: self.others.clone(), door: Door::Open })
            }
            Stay::Nowhere | Stay::Queued => None,
        };
        let room = match (&self.stay, &self.wish) {
            (Stay::Room { room, .. }, _) | (_, Wish::Room(room)) => room.clone(),
            (_, Wish::Stranger) => {
                let (kind, interests, region) = Default::default();
                return self.say(ClientMessage::Seek(Seek { name, media: MEDIA, kind, interests, region }));
            }
        };
        self.say(ClientMessage::Join(Join { room, name, media: MEDIA, again }))
    }

    fn on_message(&mut self, now: Instant, message: ServerMessage) -> Said {
        if message.is_counted() {
            self.received += 1;
        }
        match message {
            ServerMessage::Joined { room, you, participants, .. } => {
                self.answer_by = None;
                self.others = participants.into_iter().map(|participant| participant.id).collect();
                self.stay = Stay::Room { room, you };
                self.ask_at = self.is_alone().then_some(now + ALONE_TIMEOUT);
                if self.is_where_it_wants() { Vec::new() } else { self.leave_and_ask(now) }
            }
            ServerMessage::Queued { .. } => {
                self.answer_by = None;
                self.stay = Stay::Queued;
                Vec::new()
            }
            ServerMessage::ParticipantJoined { participant } => {
                self.others.push(participant.id);
                self.ask_at = None;
                Vec::new()
            }
            ServerMessage::ParticipantLeft { participant, reason } => self.on_left(now, &participant, reason),
            ServerMessage::EndOfCandidates { from, ufrag } => {
                let Stay::Room { you, .. } = &self.stay else { return Vec::new() };
                let number: u32 = ufrag.parse().expect("a number");
                let last = self.heard.insert((you.clone(), from.clone()), number).unwrap_or(0);
                assert!(number > last, "client {}: {number} came after {last} of {from:?}", self.number);
                Vec::new()
            }
            ServerMessage::Error { code, retry_after_ms, .. } => self.on_error(now, code, retry_after_ms),
            _ => Vec::new(),
        }
    }

    fn on_left(&mut self, now: Instant, participant: &ParticipantId, _reason: LeaveReason) -> Said {
        let is_me = matches!(&self.stay, Stay::Room { you, .. } if you == participant);
        self.others.retain(|other| other != participant);
        match (is_me, &self.wish) {
            (true, _) => {
                self.stay = Stay::Nowhere;
                self.ask(now)
            }
            (false, Wish::Stranger) => self.next(now),
            (false, Wish::Room(_)) => Vec::new(),
        }
    }

    fn on_error(&mut self, now: Instant, code: ErrorCode, retry_after_ms: Option<u32>) -> Said {
        match (code, retry_after_ms) {
            (ErrorCode::Unavailable, Some(pause)) => {
                self.answer_by = None;
                self.ask_at = Some(now + Duration::from_millis(pause.into()));
                Vec::new()
            }
            // A room that was full may have room by then.
            (ErrorCode::RoomFull, _) => {
                self.answer_by = None;
                self.stay = Stay::Nowhere;
                self.ask_at = Some(now + Duration::from_secs(2));
                Vec::new()
            }
            // The two are apart by now, or nobody knows any more whom it has sought.
            (ErrorCode::RoomLocked, _) => {
                self.stay = Stay::Nowhere;
                self.ask(now)
            }
            (ErrorCode::NotInRoom, _) if self.wants_next => self.ask(now),
            (ErrorCode::UnexpectedMessage, _) if self.stay == Stay::Nowhere => self.leave_and_ask(now),
            _ => Vec::new(),
        }
    }

    fn on_dismissal(&mut self, now: Instant, socket: Socket, dismissal: &Dismissal) -> Said {
        let parting = match dismissal {
            Dismissal::Interrupted => Parting::Lost,
            Dismissal::TooSlow | Dismissal::Banned(_) | Dismissal::Superseded | Dismissal::ShuttingDown => {
                Parting::Closed
            }
        };
        self.go_offline(now, Duration::from_millis(250));
        vec![socket.over(parting)]
    }

    fn go_offline(&mut self, now: Instant, pause: Duration) {
        self.link = Link::Offline { until: now + pause };
        (self.ask_at, self.answer_by, self.wants_next) = (None, None, false);
    }

    fn say(&mut self, message: ClientMessage) -> Said {
        self.said += 1;
        if self.kept.len() == 64 {
            self.kept.pop_front();
        }
        self.kept.push_back(message.clone());
        self.message(message).into_iter().collect()
    }

    fn message(&self, message: ClientMessage) -> Option<(NodeId, Event)> {
        match &self.link {
            Link::Open(socket) => {
                let at = Instant::now();
                Some((socket.node.clone(), Event::Said { connection: socket.connection, message, at }))
            }
            Link::Offline { .. } | Link::Greeting(..) => None,
        }
    }
}

impl Socket {
    fn over(self, parting: Parting) -> (NodeId, Event) {
        (self.node, Event::Disconnected { connection: self.connection, parting })
    }
}
