//! Damaged messages: the parsers never panic, and what they accept they can write and read again.
//!
//! `fuzz/` does the same without end and guided by coverage; this is the part that every test run affords.

use visavis_protocol::{parse_client_message, parse_server_message, to_text};

use crate::samples;

const ROUNDS: usize = 20_000;

/// What a parser of JSON and of these messages may trip over.
const FRAGMENTS: [&str; 20] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "1e999",
    "-0",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\u{7f}",
    "\u{202e}",
    "\"type\":\"leave\"",
    "\"payload\":",
    "\"to\":\"\"",
    "🦉",
];

/// xorshift64*: the same damage in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}

#[test]
fn the_parsers_withstand_damaged_messages() {
    let texts: Vec<&str> = samples::client()
        .iter()
        .map(|&(_, text)| text)
        .chain(samples::server().iter().map(|&(_, text)| text))
        .collect();
    let mut dice = Dice(0x5eed);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let mut bytes = texts[dice.roll(texts.len())].as_bytes().to_vec();
        for _ in 0..=dice.roll(4) {
            damage(&mut bytes, &texts, &mut dice);
        }
        let text = String::from_utf8_lossy(&bytes);
        let as_client = parse_client_message(&text);
        let as_server = parse_server_message(&text);
        for ok in [as_client.is_ok(), as_server.is_ok()] {
            if ok { accepted += 1 } else { refused += 1 }
        }
        if let Ok(message) = as_client {
            assert_eq!(parse_client_message(&to_text(&message)).expect("it was written by us"), message);
        }
        if let Ok(message) = as_server {
            assert_eq!(parse_server_message(&to_text(&message)).expect("it was written by us"), message);
        }
    }
    assert_eq!(accepted + refused, 2 * ROUNDS);
    assert!(accepted > ROUNDS / 50, "the damage is so great that only the JSON parser sees it: {accepted}");
    assert!(refused > ROUNDS, "hardly anything is damaged: {refused}");
}

fn damage(bytes: &mut Vec<u8>, texts: &[&str], dice: &mut Dice) {
    let at = dice.roll(bytes.len() + 1);
    match dice.roll(7) {
        0 => bytes.truncate(at),
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.roll(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = b'0' + dice.roll(75) as u8;
            }
        }
        3 => insert(bytes, at, FRAGMENTS[dice.roll(FRAGMENTS.len())].as_bytes()),
        4 => {
            let end = at + dice.roll(bytes.len() - at + 1);
            bytes.drain(at..end);
        }
        5 => {
            let end = at + dice.roll(bytes.len() - at + 1);
            let copy = bytes[at..end].to_vec();
            insert(bytes, at, &copy);
        }
        _ => {
            let other = texts[dice.roll(texts.len())].as_bytes();
            insert(bytes, at, &other[dice.roll(other.len())..]);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, fragment: &[u8]) {
    bytes.splice(at..at, fragment.iter().copied());
}
