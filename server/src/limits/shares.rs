use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::Pace;

/// When somebody who has all that one may have is told to come again.
const COME_AGAIN: Duration = Duration::from_secs(10);
/// Holders that are remembered before those of no interest are looked for.
const FEW: usize = 1024;

/// How many connections, or sockets, one holder may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// At a time.
    pub(crate) open: u32,
    /// New ones, in a second and at once.
    pub(crate) openings_per_s: NonZeroU32,
    pub(crate) openings_burst: u32,
}

/// Who has how many connections. Memory is bounded by the connections that are open and those of the last seconds.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    share: Share,
    known: HashMap<K, Known>,
    /// How many known holders are worth a look for those that can be forgotten.
    sweep_at: usize,
}

#[derive(Debug)]
struct Known {
    open: u32,
    openings: Pace,
}

/// Somebody has, or wants, more connections than they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) retry_after: Duration,
}

impl<K: Hash + Eq> Shares<K> {
    pub(crate) fn new(share: Share) -> Self {
        Self { share, known: HashMap::new(), sweep_at: FEW }
    }

    /// Somebody wants a connection; [`close`](Self::close) has to follow if that is granted.
    pub(crate) fn open(&mut self, now: Instant, holder: K) -> Result<(), TooMany> {
        self.sweep(now);
        let Share { open: most, openings_per_s, openings_burst } = self.share;
        let openings = || Known { open: 0, openings: Pace::new(openings_per_s, openings_burst) };
        let known = self.known.entry(holder).or_insert_with(openings);
        if known.open >= most {
            return Err(TooMany { retry_after: COME_AGAIN });
        }
        known.openings.take(now).map_err(|retry_after| TooMany { retry_after })?;
        known.open += 1;
        Ok(())
    }

    pub(crate) fn close(&mut self, holder: &K) {
        if let Some(known) = self.known.get_mut(holder) {
            known.open = known.open.saturating_sub(1);
        }
    }

    fn sweep(&mut self, now: Instant) {
        if self.known.len() < self.sweep_at {
            return;
        }
        self.known.retain(|_, known| known.open > 0 || !known.openings.is_settled(now));
        self.sweep_at = FEW.max(2 * self.known.len());
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::limits::Source;

    fn source(number: u32) -> Source {
        Source::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn addresses() -> Shares<Source> {
        Shares::new(Share { open: 3, openings_per_s: NonZeroU32::MIN, openings_burst: 5 })
    }

    #[test]
    fn one_address_has_only_so_many_and_others_do_not_notice() {
        let now = Instant::now();
        let mut addresses = addresses();
        (0..3).for_each(|_| assert_eq!(addresses.open(now, source(1)), Ok(())));
        assert_eq!(addresses.open(now, source(1)), Err(TooMany { retry_after: COME_AGAIN }));
        assert_eq!(addresses.open(now, source(2)), Ok(()));
        addresses.close(&source(1));
        assert_eq!(addresses.open(now, source(1)), Ok(()));
    }

    #[test]
    fn opening_and_closing_again_and_again_is_slowed_down() {
        let now = Instant::now();
        let mut addresses = addresses();
        for _ in 0..5 {
            assert_eq!(addresses.open(now, source(1)), Ok(()));
            addresses.close(&source(1));
        }
        let retry_after = Duration::from_secs(1);
        assert_eq!(addresses.open(now, source(1)), Err(TooMany { retry_after }));
        assert_eq!(addresses.open(now + retry_after, source(1)), Ok(()));
    }

    #[test]
    fn a_million_addresses_that_are_gone_are_forgotten() {
        let start = Instant::now();
        let mut addresses = addresses();
        assert_eq!(addresses.open(start, source(0)), Ok(()));
        for number in 1..1_000_000 {
            // A thousand a second.
            let now = start + Duration::from_millis(number.into());
            assert_eq!(addresses.open(now, source(number)), Ok(()));
            addresses.close(&source(number));
        }
        assert!(addresses.known.len() < 5_000, "{}", addresses.known.len());
        assert_eq!(addresses.known[&source(0)].open, 1, "who is there is remembered");
    }
}
