//! The target follows the capacity of the path, down quickly and up again.

mod common;

use std::time::Duration;

use common::{CONFIG, Link, run};

#[test]
fn a_wide_path_lets_the_target_grow_to_its_bound() {
    let seen = run(Link::default(), 40, |_| 10e6);
    assert_eq!(seen[39].target_bps, CONFIG.max_bps, "{seen:?}");
}

#[test]
fn a_narrow_path_is_filled_without_a_standing_queue() {
    let seen = run(Link::default(), 60, |_| 800e3);
    let settled = &seen[20..];
    let mean = settled.iter().map(|second| second.target_bps).sum::<u64>() / settled.len() as u64;
    assert!((560_000..=840_000).contains(&mean), "mean target {mean}: {seen:?}");
    let full = settled.iter().filter(|second| second.queue_ms > 250.0).count();
    assert!(full <= 4, "{full} of {} seconds with a full queue: {seen:?}", settled.len());
}

#[test]
fn a_cut_is_followed_within_five_seconds_and_undone_within_twenty() {
    let seen = run(Link::default(), 80, |second| if (30.0..50.0).contains(&second) { 300e3 } else { 1e6 });
    let before = seen[20..30].iter().map(|second| second.target_bps).sum::<u64>() / 10;
    let fallen = seen[30..35].iter().map(|second| second.target_bps).min().expect("five seconds");
    assert!(fallen < 300_000, "after the cut: {:?}", &seen[30..50]);
    let held = seen[35..50].iter().map(|second| second.target_bps).sum::<u64>() / 15;
    assert!((220_000..=310_000).contains(&held), "mean {held} during the cut: {:?}", &seen[30..50]);
    let back = seen[50..70].iter().map(|second| second.target_bps).max().expect("twenty seconds");
    assert!(back * 10 > before * 8, "{back} of {before}: {:?}", &seen[50..70]);
}

#[test]
fn jitter_is_not_taken_for_a_queue() {
    let seen = run(Link { jitter: Duration::from_millis(20), ..Link::default() }, 60, |_| 10e6);
    assert!(seen[59].target_bps > 1_000_000, "{seen:?}");
}
