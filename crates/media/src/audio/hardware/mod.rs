//! Microphones and speakers of the system, by `cpal`: PulseAudio (or PipeWire in its place) or ALSA on Linux, the
//! system's own interface elsewhere. Nothing here decides what is done with sound.

mod host;
mod microphone;
mod owner;
mod speaker;

pub use host::{list_microphones, list_speakers, lists_quietly};
pub(crate) use microphone::{MicrophoneEnd, open_microphone};
pub(crate) use owner::{Closing, OwnedDevice, Report};
pub(crate) use speaker::{SpeakerEnd, open_speaker};
