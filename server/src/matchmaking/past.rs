use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use crate::access::Identity;

/// Who has met whom, and who never wants to.
#[derive(Debug, Default)]
pub(super) struct Past {
    blocked: HashSet<(Identity, Identity)>,
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
    pub(super) fn block(&mut self, one: Identity, other: Identity) {
        self.blocked.insert(ordered(one, other));
    }

    /// These two have met, and are to be apart until then.
    pub(super) fn meet(&mut self, until: Instant, one: Identity, other: Identity) {
        let pair = ordered(one, other);
        self.met.insert(pair.clone(), until);
        self.ends.push_back((until, pair));
    }

    /// How gladly two meet; `None` for never.
    pub(super) fn between(&self, one: &Identity, other: &Identity) -> Option<Preference> {
        if one == other {
            return None;
        }
        let pair = ordered(one.clone(), other.clone());
        if self.blocked.contains(&pair) {
            return None;
        }
        Some(if self.met.contains_key(&pair) { Preference::LastResort } else { Preference::Fine })
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
