//! Calls and TCP flows over a shared path in virtual time, after RFC 8867 and RFC 8868. Included by tests and by the
//! example that plots them.

#![allow(dead_code, reason = "each program that includes this uses a part of it")]

pub(crate) mod cases;
mod encoder;
pub(crate) mod figures;
pub(crate) mod link;
pub(crate) mod media;
pub(crate) mod network;
mod packet;
pub(crate) mod plot;
pub(crate) mod random;
pub(crate) mod tcp;
mod time;
pub(crate) mod trace;
