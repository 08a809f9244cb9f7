//! The messages as they stand on the wire.

mod document;
mod limits;
mod mutations;
mod samples;
mod snapshots;
