//! A room with a loudspeaker, a microphone and somebody who speaks, in virtual time. Included by tests and by the example
//! that plays recorded speech in it.

#![allow(dead_code, reason = "each program that includes this uses a part of it")]

pub(crate) mod figures;
pub(crate) mod room;
pub(crate) mod speech;
