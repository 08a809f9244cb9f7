//! How much the network takes, when packets leave, and what is sent again: the pure core of sending.
//!
//! - [`Estimator`]: a send-side bandwidth estimator after draft-ietf-rmcat-gcc-02 and the current libwebrtc's `goog_cc`.
//! - [`Pacer`]: sound at once, then repairs, then pictures at a multiple of the target; sends the estimator's probes.
//! - [`NackGenerator`], [`NackResponder`], [`KeyFrameRequests`]: bounded repair.
//! - [`AudioLadder`], [`VideoLadder`], [`ScreenLadder`], [`ScreenSoundLadder`]: what the encoders shall make of a bitrate.
//!
//! Nothing here owns a socket, clock, task or lock. The estimator's parts:
//!
//! ```text
//! reports ─┬─► delay: inter_arrival ─► trendline ─┐
//!          │          standing_queue, dispersion ─┼─► aimd ─┐
//!          ├─► acknowledged ──────────────────────┤         ├─► the least ─► target
//!          ├─► probe: results ────────────────────┘         │
//!          └─► loss: observation ─► channel ────────────────┘
//! sent ─────► alr ─► probe: controller ─► probes
//! reports ──► coverage (what is told of at all) ─► acknowledged, loss
//! loss ─────► repair: protection (what is sent twice)
//! time ─────► silence
//! ```
//!
//! Where it goes beyond libwebrtc, and why, is in `docs/adr/0005-beyond-goog-cc.md`; how the cases of RFC 8867 go, in
//! `docs/congestion`. Deliberately absent: the congestion window and its pushback (the pacer drops frames instead), the
//! network state estimator, and shared bottleneck detection.

mod estimator;
mod pacer;
mod repair;
mod targets;

pub use estimator::{Config, Estimate, Estimator, PacketReport, ProbeCluster};
pub use pacer::{Class, Paced, Pacer, PacerConfig};
pub use repair::{
    KeyFrameRequests, NackConfig, NackGenerator, NackOutput, NackResponder, Protection, ResponderConfig,
};
pub use targets::{
    AudioLadder, AudioTarget, ScreenLadder, ScreenSoundLadder, ScreenSoundTarget, ScreenSplit, SourceLimits,
    VideoLadder, VideoTarget,
};
