//! The native call engine: joins the pure call core, the media and WebRTC into one actor.
//!
//! A shell (window, headless peer, test) holds an [`Engine`], sends it [`Command`](api::Command)s and hears
//! [`Event`](api::Event)s; pictures go to a [`FrameSink`]. What is decided about the call is decided in
//! `visavis-call`; what is decided about the bitrate, in `visavis-congestion`. This crate owns the I/O.
//!
//! ```text
//! shell ─ Command ─► Engine ─┬─ Input / Output ─ Call        (pure)
//!       ◄─ Event ──          ├─ Signaling                    one task: the WebSocket
//!                            ├─ Peer ×N                      one task each: a peer connection
//!                            ├─ network                      one task: the addresses of this host
//!                            ├─ Devices                      threads of visavis-media
//!                            └─ OwnScreen                    one thread while a screen is shared
//! ```

pub mod api;
mod devices;
mod engine;
mod inner;
mod invite;
mod network;
mod outgoing;
mod peer;
mod screen;
mod signaling;
mod voices;

pub use engine::{Engine, EngineConfig, FrameSink};
pub use invite::{InviteError, InviteLink, Place};
#[doc(hidden)]
pub use peer::{fuzz_checks, fuzz_description, fuzz_packets};

/// What a shell logs unless it is told otherwise: warnings, but of the WebRTC stack only errors, because it warns of
/// what belongs to every call (the first checks without a pair, packets before the keys).
pub const DEFAULT_LOG: &str = "warn,rtc=error,rtc_dtls=error,rtc_ice=error,webrtc=error";
