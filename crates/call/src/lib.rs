//! The pure client core of a call: session, roster and negotiation of one client in one room.
//!
//! [`Call`] takes [`Input`]s with the time they happened and gives [`Output`]s: messages to send, work to do on peer
//! connections, and [`CallEvent`]s for the user. It owns no socket, clock, task or lock, so a whole call runs in
//! virtual time; `scenarios/` holds such calls as data, which this crate and the browser's implementation of the same
//! core (`ui/src/call`) must both reproduce exactly.

mod backoff;
mod call;
mod conversation;
mod event;
mod input;
mod negotiation;
mod output;
mod path;
mod path_report;
mod peer;
mod relayed;
mod remote_end;
mod session;
mod trickle;

pub use call::Call;
pub use event::{CallErrorCode, CallEvent, CallState, Consent, NotKept, PeerState};
pub use input::{CandidatePair, Input, PathState};
pub use output::Output;
