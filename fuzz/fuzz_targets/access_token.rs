//! Tokens that clients show, claims in them, and key sets that providers publish: reading never panics, and nothing is taken
//! that no key has signed. A text with an empty line in it is a token's header and claims, too.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use visavis_server::fuzz_token;

fuzz_target!(|text: &str| {
    fuzz_token(text);
    if let Some((header, claims)) = text.split_once("\n\n") {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        fuzz_token(&format!("{header}.{claims}.c2lnbmF0dXJl"));
    }
});
