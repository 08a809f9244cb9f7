//! Sessions: a client's conversation with the server, which outlives the connection that carries it. Pure.
//!
//! Every message to a client in a session has a number, by counting, and is kept until the client has surely read it.
//! A client that connects again within the grace period and names its session gets what it missed, and goes on as if
//! nothing had happened: it never left its room.

mod ids;
mod moving;
mod outgoing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use visavis_protocol::{Resume, ServerMessage, SessionToken};

use crate::access::Grant;
use crate::random::{is_random_text, random_text};
pub(crate) use ids::{ConnectionId, IdMap, SessionId};
pub(crate) use moving::Packed;
pub(crate) use outgoing::MESSAGES_KEPT;
use outgoing::Outgoing;

/// Characters of a token: 144 random bits. Who guesses one is that client.
const TOKEN_LENGTH: usize = 24;

/// Characters of what a client's second token has behind the first, and each one after that instead.
const TAIL_LENGTH: usize = 8;
/// What is before them.
const TAIL: char = '.';

/// What all tokens of one client have in common, however often its session had to begin anew.
pub(crate) fn root(token: &SessionToken) -> &str {
    token.as_str().split_once(TAIL).map_or(token.as_str(), |(root, _)| root)
}

/// Whether a text may be a token that a server like this one has drawn.
fn is_token(text: &str) -> bool {
    match text.split_once(TAIL) {
        Some((root, tail)) => is_random_text(root, TOKEN_LENGTH) && is_random_text(tail, TAIL_LENGTH),
        None => is_random_text(text, TOKEN_LENGTH),
    }
}

/// A session, as far as what it says is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub(crate) session: SessionId,
    /// What its client knows it by.
    pub(crate) token: &'a SessionToken,
    /// What its client may do.
    pub(crate) grant: &'a Grant,
}

/// How a connection stands after its hello.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) session: SessionToken,
    /// There if the session is an old one.
    pub(crate) resumed: Option<Resumption>,
}

/// A session that goes on.
#[derive(Debug)]
pub(crate) struct Resumption {
    /// How many messages of the client have come in this session.
    pub(crate) received: u32,
    /// How many messages to the client it has read.
    pub(crate) read: u32,
    /// The messages after those.
    pub(crate) missed: Vec<Arc<ServerMessage>>,
    /// The connection that carried the session until now, if the server has not noticed its end.
    pub(crate) superseded: Option<ConnectionId>,
}

/// All sessions of this server.
#[derive(Debug)]
pub(crate) struct Sessions {
    grace: Duration,
    rng: StdRng,
    next: u64,
    /// Boxed: a table has up to twice as many places as there is something in it.
    sessions: IdMap<SessionId, Box<Session>>,
    by_token: HashMap<SessionToken, SessionId>,
    by_connection: IdMap<ConnectionId, SessionId>,
    /// When each session without a connection ends.
    ends: BTreeSet<(Instant, SessionId)>,
}

#[derive(Debug)]
struct Session {
    token: SessionToken,
    /// What its client named, and could not go on with.
    former: Option<SessionToken>,
    carrier: Carrier,
    outgoing: Outgoing,
    received: u32,
    /// As it was shown last.
    grant: Grant,
}

/// What carries a session.
#[derive(Debug, Clone, Copy)]
enum Carrier {
    Connection(ConnectionId),
    Absent { until: Instant },
}

impl Sessions {
    /// Sessions that may be without a connection for as long as `grace`, with tokens drawn from `rng`.
    pub(crate) fn new(grace: Duration, rng: StdRng) -> Self {
        Self {
            grace,
            rng,
            next: 0,
            sessions: IdMap::default(),
            by_token: HashMap::new(),
            by_connection: IdMap::default(),
            ends: BTreeSet::new(),
        }
    }

    /// A connection has said hello: it gets the session that it names, if that is its own, or else a new one. A token that
    /// means nothing here, for another run of the server has given it out, is the root of the new one's: the client can prove
    /// by it who it was.
    pub(crate) fn open(&mut self, connection: ConnectionId, resume: Option<Resume>, grant: Grant) -> Opening {
        let Some(resume) = resume else {
            let token = self.draw_token();
            return self.begin(connection, token, None, grant);
        };
        if let Some(opening) = self.resume(connection, &resume, &grant) {
            return opening;
        }
        let (token, former) = match self.may_keep(&resume.session, &grant) {
            true => (self.draw_next(&resume.session), Some(resume.session)),
            false => (self.draw_token(), None),
        };
        self.begin(connection, token, former, grant)
    }

    /// The session as one that says something.
    pub(crate) fn speaker(&self, session: SessionId) -> Option<Speaker<'_>> {
        self.sessions.get(&session).map(|it| Speaker { session, token: &it.token, grant: &it.grant })
    }

    pub(crate) fn grant(&self, id: SessionId) -> Option<&Grant> {
        self.sessions.get(&id).map(|session| &session.grant)
    }

    /// A message of the client has come; the session that it belongs to.
    pub(crate) fn hear(&mut self, connection: ConnectionId) -> Option<SessionId> {
        let id = self.session_of(connection)?;
        let session = self.sessions.get_mut(&id)?;
        session.received = session.received.wrapping_add(1);
        Some(id)
    }

    /// Keeps a message to the client, and gives it to be sent if there is a connection to send it over.
    pub(crate) fn say(
        &mut self,
        id: SessionId,
        message: ServerMessage,
    ) -> Option<(ConnectionId, Arc<ServerMessage>)> {
        let session = self.sessions.get_mut(&id)?;
        let message = Arc::new(message);
        session.outgoing.push(&message);
        match session.carrier {
            Carrier::Connection(connection) => Some((connection, message)),
            Carrier::Absent { .. } => None,
        }
    }

    /// The client has read so many messages of its session.
    pub(crate) fn acknowledge(&mut self, connection: ConnectionId, read: u32) {
        if let Some(session) = self.session_of(connection).and_then(|id| self.sessions.get_mut(&id)) {
            session.outgoing.forget(read);
        }
    }

    pub(crate) fn session_of(&self, connection: ConnectionId) -> Option<SessionId> {
        self.by_connection.get(&connection).copied()
    }

    /// What carries a session at the moment.
    pub(crate) fn connection_of(&self, id: SessionId) -> Option<ConnectionId> {
        match self.sessions.get(&id)?.carrier {
            Carrier::Connection(connection) => Some(connection),
            Carrier::Absent { .. } => None,
        }
    }

    /// The connection of a session is gone; the session waits for another one until the grace period is over.
    pub(crate) fn detach(&mut self, now: Instant, connection: ConnectionId) {
        let Some(id) = self.by_connection.remove(&connection) else { return };
        let until = now + self.grace;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.carrier = Carrier::Absent { until };
            self.ends.insert((until, id));
        }
    }

    /// A session is over.
    pub(crate) fn end(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        // Another session may have the token by then.
        if self.by_token.get(&session.token) == Some(&id) {
            self.by_token.remove(&session.token);
        }
        match session.carrier {
            Carrier::Connection(connection) => {
                self.by_connection.remove(&connection);
            }
            Carrier::Absent { until } => {
                self.ends.remove(&(until, id));
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// How many have no connection.
    pub(crate) fn absent(&self) -> usize {
        self.ends.len()
    }

    /// When the next grace period is over.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Ends a session whose grace period is over at `now`, if there is one left.
    pub(crate) fn poll_ended(&mut self, now: Instant) -> Option<SessionId> {
        let (until, id) = *self.ends.first()?;
        if until > now {
            return None;
        }
        self.end(id);
        Some(id)
    }

    fn begin(
        &mut self,
        connection: ConnectionId,
        token: SessionToken,
        former: Option<SessionToken>,
        grant: Grant,
    ) -> Opening {
        let session = Session {
            token: token.clone(),
            former,
            carrier: Carrier::Connection(connection),
            outgoing: Outgoing::default(),
            received: 0,
            grant,
        };
        self.insert(connection, session);
        Opening { session: token, resumed: None }
    }

    /// A token with the same root, but another than all before: should there be an older session somewhere, with another server,
    /// its client goes on with this one and never again with that.
    #[expect(clippy::expect_used, reason = "the alphabet holds nothing that a token may not hold")]
    fn draw_next(&mut self, token: &SessionToken) -> SessionToken {
        let tail = random_text(&mut self.rng, TAIL_LENGTH);
        SessionToken::new(format!("{}{TAIL}{tail}", root(token)))
            .expect("letters, digits, '-', '_' and '.' are a token")
    }

    /// Whether a session that begins may have the root of this token: nobody else has it, or the client that has it cannot go on with
    /// its session, since too much was missed.
    fn may_keep(&self, token: &SessionToken, grant: &Grant) -> bool {
        match self.by_token.get(token).and_then(|id| self.sessions.get(id)) {
            Some(session) => grant.may_resume(&session.grant),
            None => is_token(token.as_str()),
        }
    }

    fn insert(&mut self, connection: ConnectionId, session: Session) -> SessionId {
        let id = SessionId(self.next);
        self.next += 1;
        self.by_token.insert(session.token.clone(), id);
        self.by_connection.insert(connection, id);
        self.sessions.insert(id, Box::new(session));
        id
    }

    /// A connection goes on with the session that it names, if that is its own and nothing is missing.
    pub(crate) fn resume(
        &mut self,
        connection: ConnectionId,
        resume: &Resume,
        grant: &Grant,
    ) -> Option<Opening> {
        let id = *self.by_token.get(&resume.session)?;
        let session = self.sessions.get_mut(&id).filter(|session| grant.may_resume(&session.grant))?;
        let missed = session.outgoing.after(resume.received)?;
        let superseded = match session.carrier {
            Carrier::Connection(old) => {
                self.by_connection.remove(&old);
                Some(old)
            }
            Carrier::Absent { until } => {
                self.ends.remove(&(until, id));
                None
            }
        };
        session.carrier = Carrier::Connection(connection);
        // Who has shown nothing stays who they were.
        if !grant.is_newcomer() {
            session.grant = grant.clone();
        }
        self.by_connection.insert(connection, id);
        let resumed = Resumption { received: session.received, read: resume.received, missed, superseded };
        Some(Opening { session: session.token.clone(), resumed: Some(resumed) })
    }

    #[expect(clippy::expect_used, reason = "the alphabet holds nothing that a token may not hold")]
    fn draw_token(&mut self) -> SessionToken {
        SessionToken::new(random_text(&mut self.rng, TOKEN_LENGTH))
            .expect("letters, digits, '-' and '_' are a token")
    }
}
