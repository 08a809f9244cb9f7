//! Numbers that this server counts up, and maps by them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// One connection for as long as it lives; clients never learn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// One session; clients know it by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) u64);

/// A map by such numbers. Nobody else can choose ones that meet in one place.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// So many numbers in a row, as a power of two, lie beside each other.
const ROW_BITS: u32 = 6;
/// An odd number without a pattern: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Keeps numbers that were drawn one after the other together, as those are looked at together: who comes first leaves
/// first. Rows of them are spread, so that what has stayed for long is not in the way of those who come.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        let row = spread(spread(id >> ROW_BITS)) << ROW_BITS;
        // The low bits choose the place, and the highest seven tell apart what lies close by.
        self.0 = (row | id & ((1 << ROW_BITS) - 1)) ^ id << (u64::BITS - ROW_BITS);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn spread(number: u64) -> u64 {
    let spread = number.wrapping_mul(SPREAD);
    spread ^ spread >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher as _, Hash as _};

    use super::*;

    const PLACES: u64 = 1 << 12;

    fn place(id: u64) -> u64 {
        BuildHasherDefault::<IdHasher>::default().hash_one(SessionId(id)) % PLACES
    }

    #[test]
    fn numbers_in_a_row_lie_beside_each_other() {
        for first in [0, 64, 64 * 12_345] {
            let places: Vec<u64> = (first..first + 64).map(place).collect();
            assert!(places.windows(2).all(|both| both[1] == both[0] + 1), "{places:?}");
        }
    }

    #[test]
    fn rows_are_spread() {
        let rows = PLACES >> ROW_BITS;
        for step in [1, 2, 64, 1000, 1 << 20] {
            let taken: HashSet<u64> = (0..rows).map(|row| place((row * step) << ROW_BITS)).collect();
            // So many of them at random would take 63 % of the places.
            assert!(taken.len() as u64 > rows / 2, "{} of {rows} rows, {step} apart", taken.len());
        }
    }

    #[test]
    fn what_lies_close_by_is_told_apart() {
        let tags: HashSet<u64> = (0..64).map(|id| hash(id) >> 57).collect();
        assert!(tags.len() >= 32, "{}", tags.len());
    }

    fn hash(id: u64) -> u64 {
        let mut hasher = IdHasher::default();
        id.hash(&mut hasher);
        hasher.finish()
    }
}
