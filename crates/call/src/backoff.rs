//! How long to wait before another try to reach a lost server: exponential backoff with jitter, so that all who have lost
//! it do not come back at the same moment.

use std::time::Duration;

/// Tries without media; while media flows there is no end to them.
pub(crate) const TRIES: usize = 7;

/// A server that was only started anew is there within a second.
const FIRST_MS: u64 = 250;
const LONGEST_MS: u64 = 8000;

/// The pause before a try that so many went before: from half of what is due to all of it, which depends on the seed.
pub(crate) fn pause(tries: usize, seed: &str) -> Duration {
    let doublings = u32::try_from(tries).unwrap_or(u32::MAX);
    let most = FIRST_MS.saturating_mul(1u64.checked_shl(doublings).unwrap_or(u64::MAX)).min(LONGEST_MS);
    let share = u64::from(hash(seed, tries)) % 1001;
    Duration::from_millis(most - most / 2 * share / 1000)
}

/// FNV-1a of 32 bits, which both implementations of the core have.
fn hash(seed: &str, tries: usize) -> u32 {
    let text = format!("{seed} {tries}");
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_bounded() {
        for (tries, most) in
            [(0, 250), (1, 500), (2, 1000), (5, 8000), (6, 8000), (70, 8000), (usize::MAX, 8000)]
        {
            for seed in ["", "one", "other"] {
                let pause = pause(tries, seed).as_millis();
                assert!((most / 2..=most).contains(&pause), "{pause} after {tries}");
            }
        }
    }

    #[test]
    fn those_who_have_lost_the_same_server_do_not_come_back_together() {
        let mut pauses: Vec<_> = (0..1000).map(|client| pause(0, &format!("session {client}"))).collect();
        pauses.sort();
        let (first, last) = (pauses[50], pauses[950]);
        assert!(last - first > Duration::from_millis(100), "{first:?} to {last:?}");
    }
}
