use std::sync::{Mutex, PoisonError};

/// A slot for one value between two threads: a new one replaces the one that was not taken.
#[derive(Debug)]
pub(super) struct Latest<T>(Mutex<Option<T>>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Latest<T> {
    /// Returns whether the slot was empty, so that the taker has to be woken.
    pub(super) fn put(&self, value: T) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(value).is_none()
    }

    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_value_wins() {
        let slot = Latest::default();
        assert!(slot.put(1));
        assert!(!slot.put(2));
        assert_eq!(slot.take(), Some(2));
        assert_eq!(slot.take(), None);
        assert!(slot.put(3));
    }
}
