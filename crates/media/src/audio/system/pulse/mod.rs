//! PulseAudio's native protocol, which PipeWire speaks too. The stream of every other program is recorded by itself, before
//! the speaker mixes them: the monitor of a speaker would have the call in it.

mod choice;
mod connection;
mod recorder;

pub(super) use recorder::PulseRecorder;

/// Whether there is a sound server.
pub(super) fn is_available() -> bool {
    pulseaudio::socket_path_from_env().is_some()
}
