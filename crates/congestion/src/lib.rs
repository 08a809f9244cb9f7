//! How much the network takes: a send-side bandwidth estimator in the manner of Google Congestion Control.
//!
//! [`Estimator`] reads what transport-wide feedback says of each sent packet and answers with a target bitrate. It owns
//! no socket, clock, task or lock. Its parts follow draft-ietf-rmcat-gcc-02 and the current libwebrtc:
//!
//! ```text
//! reports ─┬─► inter_arrival ─► trendline ─► aimd ─┬─► min ─► target
//!          ├─► acknowledged ────────────────►──────┤
//!          └─► loss ───────────────────────────────┘
//! ```
//!
//! Deliberately absent: probing with padding, and a pacer.

mod estimator;
mod pacer;
mod repair;
mod video_target;

pub use estimator::{Config, Estimate, Estimator, PacketReport, ProbeCluster};
pub use pacer::{Class, Paced, Pacer, PacerConfig};
pub use repair::{KeyFrameRequests, NackConfig, NackGenerator, NackOutput, NackResponder, ResponderConfig};
pub use video_target::{VideoLadder, VideoTarget};
