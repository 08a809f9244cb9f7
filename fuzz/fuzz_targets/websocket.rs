//! What a client sends over its WebSocket, in pieces as long as the first two bytes say: it is read as the library reads it that
//! has it all at once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use visavis_server::fuzz_socket;

fuzz_target!(|input: (u16, &[u8])| {
    let (piece, bytes) = input;
    fuzz_socket(piece, bytes);
});
