use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::limits::Pace;
use crate::sessions::SessionId;

/// Who has a share of their own: an address, or a session whose address is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Share {
    Address(IpAddr),
    Session(SessionId),
}

/// Entries that are remembered before those of no interest are looked for.
const FEW: usize = 1024;

/// How often everybody may do something that costs the moderators' time. It remembers whoever did it lately.
#[derive(Debug)]
pub(super) struct Throttle {
    interval: Duration,
    burst: u32,
    known: HashMap<Share, Pace>,
    /// How many known shares are worth a look for those that can be forgotten.
    sweep_at: usize,
}

impl Throttle {
    /// One each `interval`, and so many at once.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, known: HashMap::new(), sweep_at: FEW }
    }

    /// Somebody does it once more, or has to wait for so long.
    pub(super) fn take(&mut self, now: Instant, share: Share) -> Result<(), Duration> {
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, pace| !pace.is_settled(now));
            self.sweep_at = FEW.max(2 * self.known.len());
        }
        let pace = || Pace::each(self.interval, self.burst);
        self.known.entry(share).or_insert_with(pace).take(now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn everybody_has_a_share() {
        let now = Instant::now();
        let mut throttle = Throttle::new(MINUTE, 3);
        let [one, other] = [1, 2].map(|id| Share::Session(SessionId(id)));
        let taken = (0..10_000).filter(|_| throttle.take(now, one).is_ok()).count();
        assert_eq!(taken, 3);
        assert_eq!(throttle.take(now, one), Err(MINUTE));
        assert_eq!(throttle.take(now, other), Ok(()));
        assert_eq!(throttle.take(now + MINUTE, one), Ok(()));
    }

    #[test]
    fn a_million_who_did_it_are_forgotten() {
        let start = Instant::now();
        let mut throttle = Throttle::new(Duration::from_secs(1), 3);
        for number in 0..1_000_000 {
            let now = start + Duration::from_millis(number.into());
            throttle.take(now, Share::Address(Ipv4Addr::from_bits(number).into())).expect("the first time");
        }
        assert!(throttle.known.len() < 5_000, "{}", throttle.known.len());
    }
}
