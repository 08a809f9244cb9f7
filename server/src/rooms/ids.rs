use rand::RngExt as _;
use rand::rngs::StdRng;
use visavis_protocol::ParticipantId;

/// The URL-safe alphabet of RFC 4648 section 5: six bits a character.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Characters of an id: 96 random bits, so that ids neither repeat nor can be guessed.
const LENGTH: usize = 16;

/// Draws participant ids.
#[derive(Debug)]
pub(super) struct ParticipantIds {
    rng: StdRng,
}

impl ParticipantIds {
    pub(super) fn new(rng: StdRng) -> Self {
        Self { rng }
    }

    #[expect(clippy::expect_used, reason = "the alphabet holds nothing that an id may not hold")]
    pub(super) fn draw(&mut self) -> ParticipantId {
        let text: String =
            (0..LENGTH).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])).collect();
        ParticipantId::new(text).expect("sixteen letters, digits, '-' and '_' are an id")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn ids_are_of_one_length_and_use_the_whole_alphabet() {
        let mut ids = ParticipantIds::new(StdRng::seed_from_u64(1));
        let drawn: HashSet<String> = (0..1000).map(|_| ids.draw().to_string()).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|id| id.len() == LENGTH));
        let used: HashSet<char> = drawn.iter().flat_map(|id| id.chars()).collect();
        assert_eq!(used.len(), ALPHABET.len());
    }
}
