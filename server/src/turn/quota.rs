use std::collections::HashMap;
use std::hash::Hash;

use super::Refusal;
use crate::config::TurnLimits;
use crate::limits::Source;

/// Who has how many allocations.
#[derive(Debug, Default)]
pub(super) struct Quota {
    total: u32,
    by_user: HashMap<String, u32>,
    by_source: HashMap<Source, u32>,
}

impl Quota {
    /// Whether one more fits.
    pub(super) fn check(&self, limits: &TurnLimits, user: &str, source: Source) -> Result<(), Refusal> {
        let of_user = self.by_user.get(user).copied().unwrap_or_default();
        let of_source = self.by_source.get(&source).copied().unwrap_or_default();
        if self.total >= limits.allocations {
            Err(Refusal::InsufficientCapacity)
        } else if of_user >= limits.allocations_per_user || of_source >= limits.allocations_per_address {
            Err(Refusal::QuotaReached)
        } else {
            Ok(())
        }
    }

    pub(super) fn add(&mut self, user: &str, source: Source) {
        self.total += 1;
        *self.by_user.entry(user.to_owned()).or_default() += 1;
        *self.by_source.entry(source).or_default() += 1;
    }

    pub(super) fn remove(&mut self, user: &str, source: Source) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.by_user.get_mut(user) {
            *count -= 1;
        }
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
        }
        forget_if_none(&mut self.by_user, user);
        forget_if_none(&mut self.by_source, &source);
    }
}

fn forget_if_none<K, Q>(counts: &mut HashMap<K, u32>, key: &Q)
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    if counts.get(key) == Some(&0) {
        counts.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TurnLimits = TurnLimits {
        allocations: 3,
        allocations_per_user: 1,
        allocations_per_address: 2,
        ..TurnLimits::DEFAULT
    };

    fn source(host: u8) -> Source {
        Source::of([192, 0, 2, host].into())
    }

    #[test]
    fn users_addresses_and_all_have_their_share() {
        let mut quota = Quota::default();
        let mut open = |user: &str, host| {
            let result = quota.check(&LIMITS, user, source(host));
            if result.is_ok() {
                quota.add(user, source(host));
            }
            result
        };
        assert_eq!(open("a", 1), Ok(()));
        assert_eq!(open("a", 2), Err(Refusal::QuotaReached));
        assert_eq!(open("b", 1), Ok(()));
        assert_eq!(open("c", 1), Err(Refusal::QuotaReached));
        assert_eq!(open("c", 2), Ok(()));
        assert_eq!(open("d", 3), Err(Refusal::InsufficientCapacity));
    }

    #[test]
    fn what_is_given_back_is_free_and_forgotten() {
        let mut quota = Quota::default();
        quota.add("a", source(1));
        quota.remove("a", source(1));
        assert_eq!(quota.check(&LIMITS, "a", source(1)), Ok(()));
        assert!(quota.by_user.is_empty() && quota.by_source.is_empty());
    }
}
