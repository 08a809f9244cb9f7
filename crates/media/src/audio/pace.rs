use std::time::{Duration, Instant};

/// Blocks last 10 ms.
pub(crate) const BLOCK_TIME: Duration = Duration::from_millis(10);

/// A process that was stopped for longer than this does not make up for it.
const MAX_LAG: Duration = Duration::from_secs(1);

/// The clock of what has no hardware: says when the next block is due, by deadlines counted from the start, so that
/// late wake-ups do not add up.
#[derive(Debug)]
pub(crate) struct Pacer {
    next: Instant,
}

impl Pacer {
    /// The first block is due at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// When the next block is due.
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Gives the time the next block belongs to if it is due, and moves on to the one after it.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Instant> {
        if now < self.next {
            return None;
        }
        if now - self.next > MAX_LAG {
            self.next = now;
        }
        let due = self.next;
        self.next += BLOCK_TIME;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_polls_lose_no_block_and_add_no_drift() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let mut blocks = 0;
        for wake in 1..=1000 {
            let now = start + Duration::from_micros(17_300) * wake;
            while pacer.poll(now).is_some() {
                blocks += 1;
            }
        }
        assert_eq!(blocks, 1731, "17.3 s and the block at zero");
        assert_eq!(pacer.deadline(), start + BLOCK_TIME * 1731);
    }

    #[test]
    fn a_stop_of_the_process_is_left_out() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let later = start + Duration::from_secs(60);
        assert_eq!(pacer.poll(later), Some(later));
        assert_eq!(pacer.poll(later), None);
    }
}
