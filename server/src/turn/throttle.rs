use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::limits::{Pace, Source};

/// Answers to one address that has not shown who it is, in a second and at once: enough for all who share it.
const PER_S: NonZeroU32 = NonZeroU32::new(50).expect("it is not zero");
const BURST: u32 = 200;

/// As many addresses are told apart; what more there are, only together: 10 MB at most, whoever forges addresses.
const MOST_SOURCES: usize = 65_536;
const OTHERS_PER_S: NonZeroU32 = NonZeroU32::new(1_000).expect("it is not zero");

/// How many answers go to addresses that may be forged, so that nobody is flooded by way of this server.
#[derive(Debug)]
pub(super) struct Throttle {
    known: HashMap<Source, Pace>,
    others: Pace,
    /// When there is something to be forgotten again.
    full_until: Option<Instant>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self { known: HashMap::new(), others: Pace::new(OTHERS_PER_S, OTHERS_PER_S.get()), full_until: None }
    }

    /// Whether this address may be answered once more.
    pub(super) fn may_answer(&mut self, now: Instant, source: Source) -> bool {
        if !self.known.contains_key(&source) && self.is_full(now) {
            return self.others.take(now).is_ok();
        }
        self.known.entry(source).or_insert_with(|| Pace::new(PER_S, BURST)).take(now).is_ok()
    }

    fn is_full(&mut self, now: Instant) -> bool {
        if self.known.len() < MOST_SOURCES || self.full_until.is_some_and(|until| now < until) {
            return self.known.len() >= MOST_SOURCES;
        }
        self.known.retain(|_, pace| !pace.is_settled(now));
        // Looking through all of them for each packet would be what a flood is for.
        self.full_until = Some(now + Duration::from_secs(1));
        self.known.len() >= MOST_SOURCES
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(number: u32) -> Source {
        Source::of(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn one_address_is_answered_so_often_and_others_do_not_notice() {
        let start = Instant::now();
        let mut throttle = Throttle::new();
        let answered = (0..10_000)
            .map(|ms| start + Duration::from_millis(ms))
            .filter(|now| throttle.may_answer(*now, source(1)))
            .count();
        assert!((690..=710).contains(&answered), "{answered} in 10 s");
        assert!(throttle.may_answer(start, source(2)));
    }

    #[test]
    fn a_million_forged_addresses_are_not_kept() {
        let start = Instant::now();
        let mut throttle = Throttle::new();
        let answered = (0..1_000_000).filter(|number| throttle.may_answer(start, source(*number))).count();
        assert!(throttle.known.len() <= MOST_SOURCES);
        assert!(answered <= MOST_SOURCES + 1_001, "{answered}");
        let later = start + Duration::from_secs(2);
        assert!(throttle.may_answer(later, source(2_000_000)));
        assert!(throttle.known.len() < 10, "{}", throttle.known.len());
    }
}
