//! A little loss is no congestion, much loss is.

mod common;

use common::{Link, run};

#[test]
fn one_percent_is_ignored() {
    let seen = run(Link { loss: 0.01, ..Link::default() }, 40, |_| 10e6);
    assert!(seen[39].target_bps > 1_500_000, "{seen:?}");
}

#[test]
fn five_percent_does_not_lower_the_rate() {
    let seen = run(Link { loss: 0.05, ..Link::default() }, 40, |_| 10e6);
    assert!(seen[39].target_bps >= 400_000, "{seen:?}");
}

#[test]
fn a_quarter_lowers_the_rate() {
    let seen = run(Link { loss: 0.25, ..Link::default() }, 40, |_| 10e6);
    assert!(seen[39].target_bps < 300_000, "{seen:?}");
}
