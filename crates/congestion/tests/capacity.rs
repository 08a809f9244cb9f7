//! The target follows the capacity of the path, down quickly and up again.

#[path = "../bench/mod.rs"]
mod bench;

use bench::link::LinkConfig;
use bench::media::MediaConfig;
use bench::network::{Direction, FlowConfig, Scenario, Source, run};
use bench::trace::{BIN_S, Bin, FlowTrace};
use visavis_congestion::Config;

const MAX_BPS: u64 = 2_000_000;

/// A call of 15 frames a second on its own, with the app's bounds.
fn call(seconds: f64, forward: LinkConfig) -> FlowTrace {
    call_with(seconds, forward, MediaConfig { video_bps: (30e3, 1.95e6), ..config(MAX_BPS) })
}

fn config(max_bps: u64) -> MediaConfig {
    MediaConfig {
        estimator: Config { start_bps: 500_000, min_bps: 60_000, max_bps },
        frames_per_second: 15.0,
        ..MediaConfig::default()
    }
}

fn call_with(seconds: f64, forward: LinkConfig, media: MediaConfig) -> FlowTrace {
    let flow = FlowConfig { source: Source::Media(media), direction: Direction::Forward, one_way_ms: 25.0 };
    let scenario =
        Scenario { seconds, forward, back: LinkConfig::constant(100e6), flows: vec![flow], seed: 3 };
    run(&scenario).remove(0)
}

fn between(trace: &FlowTrace, from_s: f64, to_s: f64) -> &[Bin] {
    &trace.bins[(from_s / BIN_S) as usize..(to_s / BIN_S) as usize]
}

fn mean_target(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.target_bps).sum::<f64>() / bins.len() as f64
}

#[test]
fn a_wide_path_is_known_to_be_wide_at_once() {
    let trace = call(5.0, LinkConfig::constant(10e6));
    assert!(trace.bins[5].target_bps > 0.8 * MAX_BPS as f64, "{:?}", &trace.bins[..6]);
    assert_eq!(trace.bins[30].target_bps, MAX_BPS as f64);
}

#[test]
fn a_narrow_path_is_filled_without_a_standing_queue() {
    let trace = call(60.0, LinkConfig::constant(800e3));
    let settled = between(&trace, 10.0, 60.0);
    let mean = mean_target(settled);
    assert!((700e3..=830e3).contains(&mean), "mean target {mean}");
    let long = settled.iter().filter(|bin| bin.queue_ms > 150.0).count();
    assert!(long * 50 < settled.len(), "{long} of {} bins with a long queue", settled.len());
}

#[test]
fn a_call_that_needs_little_gets_back_what_it_had_before_a_cut() {
    let link = LinkConfig::schedule(&[(0.0, 10e6), (30.0, 300e3), (50.0, 10e6)]);
    let trace = call_with(75.0, link, MediaConfig { video_bps: (30e3, 320e3), ..config(980_000) });
    let before = mean_target(between(&trace, 20.0, 30.0));
    assert!(before > 0.9 * 980e3, "{before}");
    let back = between(&trace, 62.0, 75.0);
    assert!(
        back.iter().all(|bin| bin.target_bps > 0.8 * before),
        "{before}: {:?}",
        between(&trace, 50.0, 75.0)
    );
}

#[test]
fn a_cut_is_followed_within_two_seconds_and_undone_within_five() {
    let link = LinkConfig::schedule(&[(0.0, 1e6), (30.0, 300e3), (50.0, 1e6)]);
    let trace = call_with(80.0, link, MediaConfig { video_bps: (30e3, 800e3), ..config(860_000) });
    let before = mean_target(between(&trace, 20.0, 30.0));
    let held = between(&trace, 32.0, 50.0);
    assert!(held.iter().all(|bin| bin.target_bps < 340e3), "{held:?}");
    assert!(mean_target(held) > 230e3, "{}", mean_target(held));
    let back = between(&trace, 55.0, 80.0);
    assert!(back.iter().all(|bin| bin.target_bps > 0.8 * before), "{before}: {back:?}");
    let stuck = between(&trace, 30.0, 50.0)
        .windows(10)
        .any(|second| second.iter().all(|bin| bin.received_bytes < 1200));
    assert!(!stuck, "no second without pictures");
}

#[test]
fn jitter_is_not_taken_for_a_queue() {
    let trace = call(60.0, LinkConfig { jitter_ms: 60.0, ..LinkConfig::constant(10e6) });
    assert!(mean_target(between(&trace, 30.0, 60.0)) > 1.6e6);
}

#[test]
fn a_path_that_was_narrow_at_first_is_found_to_be_wider() {
    let link = LinkConfig::schedule(&[(0.0, 400e3), (20.0, 5e6)]);
    let trace = call(40.0, link);
    assert!(trace.bins[190].target_bps < 420e3);
    assert!(trace.bins[260].target_bps > 1e6, "{:?}", &trace.bins[200..300]);
}
