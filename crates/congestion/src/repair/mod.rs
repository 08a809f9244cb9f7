//! Repair of lost packets: who asks for what, who answers, and when only a key frame helps.
//!
//! Both halves are bounded: requests by tries, age and number, answers by one for each round trip and packet and by a
//! share of the target. Neither knows RTP; sequence numbers come in and go out, repairs (RFC 4588) under the number that
//! they repair.

mod history;
mod key_frames;
mod nack;
mod protection;
mod responder;
mod sequence;

pub use key_frames::KeyFrameRequests;
pub use nack::{NackConfig, NackGenerator, NackOutput};
pub use protection::Protection;
pub(crate) use protection::ProtectionLadder;
pub use responder::{NackResponder, ResponderConfig};
