//! What nodes say to each other.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use visavis_protocol::{ClientMessage, Join, Resume, ServerMessage};

use super::{NodeId, SessionKey};
use crate::access::Grant;
use crate::hub::{Dismissal, Greeting, Parting};
use crate::matchmaking::PackedWish;
use crate::moderation::PackedParting;
use crate::sessions::Packed;

/// Nodes of one version read each other's mail. It changes with every change to what is below.
const VERSION: u32 = 2;

/// Largest mail, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// One connection whose session is at another node, for as long as it is there; drawn by the node that has the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CarriageId(pub(crate) u64);

/// One message from node to node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Mail {
    /// To where the session is to be: it goes on there.
    Move {
        carriage: CarriageId,
        session: Box<Moving>,
        then: Then,
    },
    /// To where the session is: its client has connected here.
    Greet {
        carriage: CarriageId,
        address: Option<IpAddr>,
        resume: Resume,
        grant: Grant,
    },
    /// To where the session is.
    Said {
        carriage: CarriageId,
        said: Said,
    },
    /// The answer to `Return`: nothing more is said of this carriage.
    Released {
        carriage: CarriageId,
    },
    /// The answer to `Greet`: how the session goes on, or that it does not.
    Greeted {
        carriage: CarriageId,
        outcome: Outcome,
    },
    /// To where the socket is.
    Say {
        carriage: CarriageId,
        message: ServerMessage,
    },
    /// To where the socket is.
    Dismiss {
        carriage: CarriageId,
        dismissal: Dismissal,
    },
    /// To where the socket is: the session goes on from there, with what its client wanted. It has taken so many of those
    /// things that were said; the others come back, each as `Bounced`.
    Return {
        carriage: CarriageId,
        session: Box<Moving>,
        then: Then,
        taken: u32,
    },
    Bounced {
        carriage: CarriageId,
        said: Said,
    },
    /// To where the one who waited longer is: whom it was to meet is not there.
    Declined {
        seeker: SessionKey,
        by: SessionKey,
    },
    /// Mail was lost, or cannot be read: whatever was between the two nodes is over.
    Lost,
}

/// What comes of a client over its connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    Message(ClientMessage),
    /// Something that is no message.
    Babble,
    /// It has read so many messages of its session.
    Read(u32),
    /// The connection is over.
    Gone(Parting),
}

/// A session with all that belongs to it, on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moving {
    pub(crate) session: Packed,
    pub(crate) address: Option<IpAddr>,
    /// What it seeks, or has sought.
    pub(crate) wish: Option<PackedWish>,
    /// Whom it has parted from lately, and may still report or block.
    pub(crate) partings: Vec<PackedParting>,
}

/// Why a session moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Then {
    /// Its client wants into a room.
    Join(Join),
    /// It is to meet somebody.
    Meet(Rendezvous),
}

/// Somebody who has waited for longer than who comes, and where that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rendezvous {
    pub(crate) session: SessionKey,
    pub(crate) node: NodeId,
}

/// What becomes of a client that names its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Resumed(Greeting),
    /// There is such a session, but it does not go on for this client.
    Refused,
    Unknown,
}

/// Why mail cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    #[error("it has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    #[error("it is of version {0}; this node writes {VERSION}")]
    Version(u32),
    #[error("it is not as mail is")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Stamp {
    version: u32,
}

#[derive(Deserialize)]
struct Letter {
    mail: Mail,
}

impl Mail {
    #[expect(
        clippy::expect_used,
        reason = "none of it has keys that are no texts, which is all that JSON refuses"
    )]
    pub(crate) fn to_text(&self) -> String {
        let text = serde_json::to_string(&Outgoing { version: VERSION, mail: self }).expect("it is JSON");
        match self.lightened() {
            Some(light) if text.len() > MAX_BYTES => light.to_text(),
            Some(_) | None => text,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, MailError> {
        if text.len() > MAX_BYTES {
            return Err(MailError::TooLarge(text.len()));
        }
        let Stamp { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(MailError::Version(version));
        }
        Ok(serde_json::from_str::<Letter>(text)?.mail)
    }

    /// The same with a session that has left behind what it can do without, if it has any.
    fn lightened(&self) -> Option<Self> {
        let mut mail = self.clone();
        let (Self::Move { session, .. } | Self::Return { session, .. }) = &mut mail else { return None };
        session.session.lighten().then_some(mail)
    }
}

#[derive(Serialize)]
struct Outgoing<'a> {
    version: u32,
    mail: &'a Mail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_read_as_it_was_written() {
        let carriage = CarriageId(7);
        let all = [
            Mail::Said { carriage, said: Said::Message(ClientMessage::Leave) },
            Mail::Said { carriage, said: Said::Gone(Parting::Lost) },
            Mail::Bounced { carriage, said: Said::Read(3) },
            Mail::Say { carriage, message: ServerMessage::TurnedAway },
            Mail::Dismiss { carriage, dismissal: Dismissal::Superseded },
            Mail::Greeted { carriage, outcome: Outcome::Unknown },
            Mail::Lost,
        ];
        for mail in all {
            assert_eq!(Mail::parse(&mail.to_text()).expect("it can be read"), mail);
        }
    }

    #[test]
    fn what_is_no_mail_is_said_to_be_none() {
        for text in ["", "{", "[]", r#"{"version":2}"#, r#"{"version":2,"mail":{"type":"steal"}}"#] {
            assert!(matches!(Mail::parse(text), Err(MailError::Malformed(_))), "{text}");
        }
        let newer = r#"{"version":3,"mail":{"type":"what this node does not know"}}"#;
        assert!(matches!(Mail::parse(newer), Err(MailError::Version(3))));
        assert!(matches!(Mail::parse(&" ".repeat(MAX_BYTES + 1)), Err(MailError::TooLarge(_))));
    }
}
