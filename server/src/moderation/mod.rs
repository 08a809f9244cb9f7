//! Reports, blocks and bans: what people say of each other, and what moderators do about it.
//!
//! [`Register`] is the hub's part, and pure: who is behind a session, who met whom, which bans hold. The [`Archive`] is
//! an actor that owns the database; the hub hands it what is to be kept and never waits for it, and it tells the hub
//! what holds. [`api`] is what moderators use, on the operators' address.
//!
//! Nothing here is logged above `debug`: it is about people.

pub(crate) mod api;
mod archive;
mod ban;
mod bans;
mod blocks;
mod clerk;
mod ids;
mod moment;
mod partings;
mod person;
mod records;
mod register;
mod store;
mod throttle;

pub use api::fuzz_moderation;
pub(crate) use archive::{Archive, ArchiveHandle, Notice};
pub(crate) use moment::Moment;
pub(crate) use partings::PackedParting;
pub(crate) use register::{Refusal, Register};
pub use store::OpenError;
