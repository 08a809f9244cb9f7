use std::collections::{HashMap, HashSet};

/// Pairs of identities that do not want to meet. It makes no difference which of the two said so.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Under each of the two, the other.
    pairs: HashMap<String, HashSet<String>>,
}

impl Blocks {
    pub(crate) fn insert(&mut self, one: &str, other: &str) {
        for (one, other) in [(one, other), (other, one)] {
            self.pairs.entry(one.to_owned()).or_default().insert(other.to_owned());
        }
    }

    pub(crate) fn contains(&self, one: &str, other: &str) -> bool {
        self.pairs.get(one).is_some_and(|others| others.contains(other))
    }

    /// Who has a block with this identity.
    pub(crate) fn of(&self, identity: &str) -> impl Iterator<Item = &str> {
        self.pairs.get(identity).into_iter().flatten().map(String::as_str)
    }

    /// Forgets all pairs with this identity.
    pub(crate) fn forget(&mut self, identity: &str) {
        for other in self.pairs.remove(identity).unwrap_or_default() {
            if let Some(others) = self.pairs.get_mut(&other) {
                others.remove(identity);
                if others.is_empty() {
                    self.pairs.remove(&other);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_both_ways() {
        let mut blocks = Blocks::default();
        blocks.insert("ada", "eve");
        assert!(blocks.contains("ada", "eve") && blocks.contains("eve", "ada"));
        assert!(!blocks.contains("ada", "bob") && !blocks.contains("ada", "ada"));
    }

    #[test]
    fn who_is_forgotten_leaves_nothing() {
        let mut blocks = Blocks::default();
        blocks.insert("ada", "eve");
        blocks.insert("bob", "eve");
        blocks.insert("ada", "bob");
        blocks.forget("eve");
        assert!(!blocks.contains("ada", "eve") && !blocks.contains("eve", "bob"));
        assert!(blocks.contains("ada", "bob"));
        blocks.forget("ada");
        assert!(blocks.pairs.is_empty());
    }
}
