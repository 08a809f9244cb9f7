use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::access::Identity;

/// Who has met whom lately.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Until when each pair is to be apart.
    met: HashMap<(Identity, Identity), Instant>,
    /// The same, in the order in which that ends.
    ends: VecDeque<(Instant, (Identity, Identity))>,
}

/// How gladly two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Preference {
    Fine,
    /// They have met lately: only if there is nobody else.
    LastResort,
}

impl Past {
    /// These two have met, and are to be apart until then.
    pub(super) fn meet(&mut self, until: Instant, one: Identity, other: Identity) {
        let pair = ordered(one, other);
        self.met.insert(pair.clone(), until);
        self.ends.push_back((until, pair));
    }

    pub(super) fn between(&self, one: &Identity, other: &Identity) -> Preference {
        if self.met.contains_key(&ordered(one.clone(), other.clone())) {
            Preference::LastResort
        } else {
            Preference::Fine
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.met.len().max(self.ends.len())
    }

    pub(super) fn forget(&mut self, now: Instant) {
        while let Some((until, _)) = self.ends.front()
            && *until <= now
        {
            let Some((_, pair)) = self.ends.pop_front() else { return };
            if self.met.get(&pair).is_some_and(|until| *until <= now) {
                self.met.remove(&pair);
            }
        }
    }
}

/// The same pair, whoever is named first.
fn ordered(one: Identity, other: Identity) -> (Identity, Identity) {
    if one.as_str() <= other.as_str() { (one, other) } else { (other, one) }
}
