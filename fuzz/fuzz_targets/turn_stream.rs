//! TURN over a stream: the same frames, however the bytes are cut; and the names in credentials.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| visavis_server::fuzz_turn_stream(input));
