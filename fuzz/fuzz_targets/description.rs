//! Session descriptions, candidates and invite links: reading never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| visavis_engine::fuzz_description(input));
