use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Every run has the same arrivals.
const SEED: u64 = 4;

/// When something arrives: a Poisson process, for ever.
#[derive(Debug)]
pub(crate) struct Arrivals {
    rng: StdRng,
    next: Instant,
    mean: Duration,
}

impl Arrivals {
    pub(crate) fn new(begin: Instant, per_s: u32) -> Self {
        Self { rng: StdRng::seed_from_u64(SEED), next: begin, mean: Duration::from_secs(1) / per_s.max(1) }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// One that is due by `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next;
        if due > now {
            return None;
        }
        let uniform: f64 = self.rng.random();
        self.next = due + self.mean.mul_f64(-(1.0 - uniform).ln());
        Some(due)
    }

    /// A number below `count`, which is not 0.
    pub(crate) fn draw(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count)
    }
}
