//! Trying whether the path takes more than the target.

mod controller;
mod results;

pub(super) use controller::{Limit, ProbeController};
pub(super) use results::{Found, ProbeResults};

/// Packets to be sent at a bitrate above the target, to see whether the path takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCluster {
    /// To be given back in the reports of its packets.
    pub id: u32,
    pub bitrate_bps: u64,
    pub min_packets: u32,
    pub min_bytes: usize,
}
