//! The sound of this computer, for whoever shares a screen: what its programs play, this one left out, since the others
//! would hear themselves.
//!
//! ```text
//! each program's stream ─► [worker: gather at 48 kHz, Opus] ─► SystemSoundEvent::Encoded
//! ```
//!
//! A system is one implementation of [`Recorder`]. Linux has one (PulseAudio, and PipeWire, which speaks its protocol);
//! elsewhere [`is_available`] is false. What decides has neither thread nor clock: `gather`, `packetizer`, and in `pulse`
//! what is listened to. It is mono, as everything that is received here is played: no receiver asks for
//! more (`stereo`, RFC 7587 section 7.1).

mod gather;
mod packetizer;
#[cfg(target_os = "linux")]
mod pulse;
mod share;

use std::io;
use std::time::Instant;

pub use packetizer::EncodedSound;
pub use share::{SystemSound, SystemSoundEvent};

use gather::Gatherer;

/// What the programs of this computer are listened to with.
trait Recorder {
    /// Hands what is played to the gatherer, until `deadline`. An error is the end: the sound server is gone.
    fn record_until(&mut self, deadline: Instant, gatherer: &mut Gatherer) -> io::Result<()>;
}

/// Whether the sound of this computer can be shared.
pub fn is_available() -> bool {
    platform::is_available()
}

#[cfg(target_os = "linux")]
mod platform {
    use std::io;

    use super::{Recorder, pulse};

    pub(super) fn is_available() -> bool {
        pulse::is_available()
    }

    pub(super) fn open() -> io::Result<Box<dyn Recorder>> {
        Ok(Box::new(pulse::PulseRecorder::open()?))
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::io;

    use super::Recorder;

    pub(super) fn is_available() -> bool {
        false
    }

    pub(super) fn open() -> io::Result<Box<dyn Recorder>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
