//! A room with a loudspeaker, a microphone and somebody who speaks, in virtual time.

mod room;
mod speech;
mod tests;
