use std::collections::VecDeque;

/// Packets that are remembered: of 20 ms each, over a second.
const MAX_REMEMBERED: usize = 64;

/// Which packets have come, by themselves or as copies, by their timestamps.
#[derive(Debug, Default)]
pub(super) struct Received {
    timestamps: VecDeque<i64>,
}

impl Received {
    /// Whether it is the first of its timestamp.
    pub(super) fn insert(&mut self, timestamp: i64) -> bool {
        // The one that is asked for is mostly among the last.
        if self.timestamps.iter().rev().any(|&known| known == timestamp) {
            return false;
        }
        if self.timestamps.len() == MAX_REMEMBERED {
            self.timestamps.pop_front();
        }
        self.timestamps.push_back(timestamp);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_is_new_once_in_any_order() {
        let mut received = Received::default();
        assert_eq!(
            [0, 1920, 960, 1920, 0].map(|timestamp| received.insert(timestamp)),
            [true, true, true, false, false]
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut received = Received::default();
        assert!((0..10_000).all(|timestamp| received.insert(timestamp)));
        assert_eq!(received.timestamps.len(), MAX_REMEMBERED);
    }
}
