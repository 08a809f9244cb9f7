//! What clients and peers send to the relay, in any order: STUN, TURN, ChannelData. It never panics, gives nobody unknown a relay, and
//! answers somebody unknown at most 3.5 times the bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| visavis_server::fuzz_turn(input));
