//! What clients send to the server: parsing never panics, and what is accepted can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use visavis_protocol::{parse_client_message, to_text};

fuzz_target!(|text: &str| {
    if let Ok(message) = parse_client_message(text) {
        assert_eq!(parse_client_message(&to_text(&message)).expect("it was written by us"), message);
    }
});
