//! Several servers as one.
//!
//! Every room is at one node, and every session too: where its room is. A session whose room is at another node than its
//! connection is *carried*: the node with the connection (the socket's) passes on what the client says, and the node with the
//! session what it hears. Redis, behind the [`broker`], says which node has what, holds the queue of strangers, and carries mail
//! between nodes. What becomes doubtful, since a node died or mail was lost, ends with the client's connection being closed; the
//! client comes back over another one, with the token of its session.
//!
//! What is here is pure, but for the broker; the hub drives it.

mod broker;
mod carriages;
mod fuzz;
mod held;
mod mail;
mod queue;
mod settled;
mod visits;
mod waits;

use broker::fuzz_entries;
pub(crate) use broker::{
    Ask, Broker, BrokerHandle, BucketKey, Command, Event, IdentityKey, NodeId, Party, SeekerRecord,
    SessionKey, Ticket,
};
#[doc(hidden)]
pub use broker::{Load, MeasureError, measure_pairing};
pub(crate) use carriages::{Carriages, Homecoming, Passing};
pub(crate) use fuzz::fuzz_texts;
pub(crate) use held::Held;
pub(crate) use mail::{CarriageId, Mail, Moving, Outcome, Rendezvous, Said, Then};
pub(crate) use queue::{Queue, Seeking};
pub(crate) use settled::Settled;
pub(crate) use visits::{Farewell, Hearer, Visits};
pub(crate) use waits::{Holding, Topic, Waited, Waits};
