//! A little loss is no congestion, much loss is; and loss that comes with a queue is the queue's.

#[path = "../bench/mod.rs"]
mod bench;

use bench::link::{LinkConfig, Loss};
use bench::media::MediaConfig;
use bench::network::{Direction, FlowConfig, Scenario, Source, run};

/// The mean target of the last ten of forty seconds on a path of 5 Mbit/s.
fn target_at(loss: Loss) -> f64 {
    target_both_ways(loss, Loss::None)
}

/// What is lost of the reports too.
fn target_both_ways(loss: Loss, of_reports: Loss) -> f64 {
    let source = Source::Media(MediaConfig::default());
    let scenario = Scenario {
        seconds: 40.0,
        forward: LinkConfig { loss, ..LinkConfig::constant(5e6) },
        back: LinkConfig { loss: of_reports, ..LinkConfig::constant(100e6) },
        flows: vec![FlowConfig { source, direction: Direction::Forward, one_way_ms: 25.0 }],
        seed: 5,
    };
    let trace = run(&scenario).remove(0);
    trace.bins[300..].iter().map(|bin| bin.target_bps).sum::<f64>() / 100.0
}

#[test]
fn one_percent_is_ignored() {
    assert!(target_at(Loss::Random(0.01)) > 1.4e6);
}

#[test]
fn five_percent_leaves_most_of_the_rate() {
    assert!(target_at(Loss::Random(0.05)) > 1e6);
}

#[test]
fn bursts_of_two_percent_leave_most_of_the_rate() {
    assert!(target_at(Loss::Gilbert { enter: 0.007, leave: 0.35 }) > 1e6);
}

#[test]
fn a_path_that_loses_a_tenth_keeps_its_rate_and_one_that_loses_a_fifth_a_steady_part_of_it() {
    assert!(target_at(Loss::Random(0.1)) > 1e6);
    assert!(target_at(Loss::Random(0.2)) > 400e3);
}

#[test]
fn a_quarter_lowers_the_rate() {
    assert!(target_at(Loss::Random(0.25)) < 800e3);
}

#[test]
fn half_leaves_little() {
    assert!(target_at(Loss::Random(0.5)) < 400e3);
}

#[test]
fn reports_that_are_lost_say_nothing_of_the_path() {
    for share in [0.05, 0.1, 0.2] {
        let loss = Loss::Random(share);
        let (one_way, both_ways) = (target_at(loss), target_both_ways(loss, loss));
        assert!(both_ways > 0.7 * one_way, "{share}: {both_ways:.0} instead of {one_way:.0}");
    }
}
