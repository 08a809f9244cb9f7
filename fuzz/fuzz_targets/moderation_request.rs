//! What moderators' programs ask for: queries and bodies. Reading never panics, and what is taken is within bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| visavis_server::fuzz_moderation(input));
