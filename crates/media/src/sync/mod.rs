//! Lip-sync: picture and sound of one sender, taken at the same time, come out at the same time.
//!
//! Sender reports (RFC 3550 section 6.4.1) say what one clock of the sender showed at each RTP timestamp of both
//! streams, so it can be told how old each stream is when it comes out. The younger one is to wait. Pure: times are
//! arguments.

mod capture_clock;
mod report;
mod synchronizer;

pub use capture_clock::CaptureClock;
pub use report::{NtpTime, SenderReport};
pub use synchronizer::{MinimumDelays, Received, Synchronizer};

use std::time::{Duration, Instant};

/// How a received stream comes out of its jitter buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Playout {
    /// What was captured at this RTP timestamp …
    pub timestamp: u32,
    /// … is seen or heard at this time.
    pub at: Instant,
    /// How much longer it took than the fastest packets of late: what the jitter buffer added, and lateness.
    pub delay: Duration,
    /// How much the jitter buffer would add if it only had jitter to even out.
    pub needed: Duration,
}
