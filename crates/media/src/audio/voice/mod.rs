//! What is done to a voice between the microphone and the encoder: the echo of what the own speaker plays is taken out,
//! then noise, and the level is evened out.
//!
//! ```text
//! [sink's worker] what the speaker gets ─► RenderSender ─► ring ─► RenderReceiver ─► [source's worker]
//!                                                                                        │
//!                         microphone ─► VoiceProcessor ◄─ EchoReference: one block for each captured one
//! ```
//!
//! The source's worker owns the [`VoiceProcessor`]; the sink's has only the sending end of a bounded ring without a lock.
//! The work itself is that of WebRTC's audio processing, in the Rust of `sonora`. This module never touches a device, a
//! clock or a thread: time comes with the blocks.

mod canceller;
mod feed;
mod gain;
mod high_pass;
mod processor;
mod reference;
mod settings;
mod suppressor;

pub use feed::{RenderReceiver, RenderSender, RenderedBlock, render_feed};
pub use processor::VoiceProcessor;
pub use settings::{NoiseSuppression, VoiceSettings};
