use std::time::Instant;

use super::mail::Said;

/// Things that may wait of one client: as many as its session keeps.
const MOST: usize = 64;
/// Bytes of them, about.
const MOST_BYTES: usize = 256 * 1024;

/// What a client has said, and when it was read, that waits until it is known who is to hear it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    said: Vec<(Said, Instant)>,
    bytes: usize,
}

impl Held {
    /// Whether there was room for it.
    pub(crate) fn push(&mut self, said: Said, at: Instant) -> bool {
        // What cannot be written has no size either.
        let bytes = serde_json::to_string(&said).map_or(0, |text| text.len());
        if self.said.len() >= MOST || self.bytes + bytes > MOST_BYTES {
            return false;
        }
        self.bytes += bytes;
        self.said.push((said, at));
        true
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.said.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn take(self) -> impl Iterator<Item = (Said, Option<Instant>)> {
        self.said.into_iter().map(|(said, at)| (said, Some(at)))
    }
}

#[cfg(test)]
mod tests {
    use visavis_protocol::ClientMessage;

    use super::*;

    #[test]
    fn one_client_makes_no_more_wait_than_it_may() {
        let now = Instant::now();
        let mut held = Held::default();
        let taken = (0..10_000).filter(|_| held.push(Said::Message(ClientMessage::Leave), now)).count();
        assert_eq!(taken, MOST);
        let mut held = Held::default();
        let ufrag = "x".repeat(60_000);
        let to = visavis_protocol::ParticipantId::new("x").expect("an id");
        let large = Said::Message(ClientMessage::EndOfCandidates { to, ufrag });
        assert_eq!((0..10_000).filter(|_| held.push(large.clone(), now)).count(), 4);
    }
}
