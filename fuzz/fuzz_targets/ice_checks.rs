//! Datagrams that anybody may send: nothing moves a call that is not signed.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| visavis_engine::fuzz_checks(input));
