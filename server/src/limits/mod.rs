//! How much one client may take of the server, so that nothing is left for others but their own.
//!
//! [`Pace`] and [`Addresses`] are pure; [`Gate`] is what the HTTP handlers share.

mod addresses;
mod gate;
mod pace;
mod source;

pub(crate) use addresses::{Addresses, Share, TooMany};
pub(crate) use gate::{Admission, Gate};
pub(crate) use pace::Pace;
pub(crate) use source::Source;
