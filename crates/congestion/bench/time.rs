//! Time since the run began.

/// Microseconds.
pub(crate) type Micros = u64;

pub(crate) fn micros(seconds: f64) -> Micros {
    (seconds * 1e6).round() as Micros
}
