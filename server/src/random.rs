//! Texts that nobody can guess.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// The URL-safe alphabet of RFC 4648 section 5: six bits a character.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Draws a text of so many characters, six random bits each.
pub(crate) fn random_text(rng: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// Whether a text may have been drawn with this length.
pub(crate) fn is_random_text(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn texts_are_of_one_length_differ_and_use_the_whole_alphabet() {
        let mut rng = StdRng::seed_from_u64(1);
        let drawn: HashSet<String> = (0..1000).map(|_| random_text(&mut rng, 16)).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|text| is_random_text(text, 16)));
        let used: HashSet<char> = drawn.iter().flat_map(|text| text.chars()).collect();
        assert_eq!(used.len(), ALPHABET.len());
    }

    #[test]
    fn what_has_another_length_or_alphabet_was_not_drawn() {
        for text in ["", "abc", "abcde", "ab.d", "abcü", "ab d"] {
            assert!(!is_random_text(text, 4), "{text}");
        }
    }
}
