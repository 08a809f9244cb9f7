//! What nodes read of Redis, a line each: mail of others, its envelopes, the memory of a room. It never panics, whatever a node says to
//! others they can read, and nothing is left of those that are lost.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| visavis_server::fuzz_nodes(input));
