//! What of an HTTP request is ours to read, a line each: path, `Origin`, `Host`, `X-Forwarded-For`. What hyper reads is its own matter.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| visavis_server::fuzz_request(input));
