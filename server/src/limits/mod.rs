//! How much one client may take of the server, so that nothing is left for others but their own.
//!
//! [`Pace`] and [`Shares`] are pure; [`Gate`] is what the HTTP handlers share, [`Identities`] the connections.

mod gate;
mod pace;
mod shares;
mod source;

pub(crate) use gate::{Admission, Gate, Identities};
pub(crate) use pace::Pace;
pub(crate) use shares::{Share, Shares, TooMany};
pub(crate) use source::Source;
