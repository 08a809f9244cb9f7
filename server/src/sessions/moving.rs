//! Sessions that go on at another node.

use serde::{Deserialize, Serialize};
use visavis_protocol::{ServerMessage, SessionToken};

use super::outgoing::Outgoing;
use super::{Carrier, ConnectionId, Session, SessionId, Sessions};
use crate::access::Grant;

/// All there is to a session but what carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) token: SessionToken,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<SessionToken>,
    pub(crate) grant: Grant,
    received: u32,
    said: u32,
    kept: Vec<ServerMessage>,
}

impl Packed {
    /// Leaves behind what is kept for a client that may lose its connection: one that does then begins anew. Whether there was
    /// anything.
    pub(crate) fn lighten(&mut self) -> bool {
        !std::mem::take(&mut self.kept).is_empty()
    }
}

impl Sessions {
    /// Takes a session out, to go on elsewhere.
    pub(crate) fn pack(&mut self, id: SessionId) -> Option<Packed> {
        let session = self.sessions.get(&id)?;
        let (said, kept) = session.outgoing.all();
        let packed = Packed {
            token: session.token.clone(),
            former: session.former.clone(),
            grant: session.grant.clone(),
            received: session.received,
            said,
            kept: kept.map(|message| (**message).clone()).collect(),
        };
        self.end(id);
        Some(packed)
    }

    /// A session goes on here, carried by this connection. There is none with its token.
    pub(crate) fn unpack(&mut self, connection: ConnectionId, packed: Packed) -> SessionId {
        let Packed { token, former, grant, received, said, kept } = packed;
        let session = Session {
            token,
            former,
            carrier: Carrier::Connection(connection),
            outgoing: Outgoing::of(said, kept),
            received,
            grant,
        };
        self.insert(connection, session)
    }

    pub(crate) fn id_of(&self, token: &SessionToken) -> Option<SessionId> {
        self.by_token.get(token).copied()
    }

    pub(crate) fn token(&self, id: SessionId) -> Option<&SessionToken> {
        self.sessions.get(&id).map(|session| &session.token)
    }

    /// What the client named when this session began, if it had one that it could not go on with.
    pub(crate) fn former_token(&self, id: SessionId) -> Option<&SessionToken> {
        self.sessions.get(&id)?.former.as_ref()
    }
}
