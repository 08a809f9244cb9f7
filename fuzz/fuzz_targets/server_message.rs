//! What the server sends to clients: parsing never panics, and what is accepted can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use visavis_protocol::{parse_server_message, to_text};

fuzz_target!(|text: &str| {
    if let Ok(message) = parse_server_message(text) {
        assert_eq!(parse_server_message(&to_text(&message)).expect("it was written by us"), message);
    }
});
