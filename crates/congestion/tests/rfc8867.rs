//! The cases of RFC 8867, with bounds that a change for the worse breaks. `-- --nocapture` prints the figures.

#![allow(clippy::print_stdout, reason = "the figures are for people")]

#[path = "../bench/mod.rs"]
mod bench;

use bench::cases::{self, Case};
use bench::figures::{self, Figures, fairness};
use bench::network;
use bench::trace::FlowTrace;

fn run(case: &Case) -> Vec<FlowTrace> {
    let flows = network::run(&case.scenario);
    println!("{} {}\n{}", case.id, case.title, figures::table(&case.scenario, &flows));
    flows
}

/// Of a call, by step of the capacity that it sees.
fn by_step(case: &Case, flows: &[FlowTrace], flow: usize) -> Vec<Figures> {
    figures::steps(&case.scenario, flow)
        .windows(2)
        .map(|pair| Figures::of(&case.scenario, flows, flow, pair[0], pair[1]))
        .collect()
}

fn whole(case: &Case, flows: &[FlowTrace], flow: usize) -> Figures {
    let (from, to) = figures::span(&case.scenario, flow);
    Figures::of(&case.scenario, flows, flow, from, to)
}

fn fairness_at_the_end(case: &Case, flows: &[FlowTrace], calls: usize) -> f64 {
    let end = case.scenario.seconds;
    let rates: Vec<_> = (0..calls)
        .map(|flow| Figures::of(&case.scenario, flows, flow, end * 0.6, end - 2.0).received_bps)
        .collect();
    fairness(&rates)
}

fn assert_follows_capacity(case: &Case) {
    let flows = run(case);
    let steps = by_step(case, &flows, 0);
    for (step, figures) in steps.iter().enumerate() {
        assert!(figures.utilisation > 0.85, "step {step}: {figures:?}");
        assert!(figures.seconds_to_80.is_some_and(|seconds| seconds < 4.0), "step {step}: {figures:?}");
    }
    // A fall to a quarter fills the queue before anybody can know.
    let queues: Vec<_> = steps.iter().map(|step| step.queue_ms.p95).collect();
    assert!(queues[0] < 60.0 && queues[1] < 30.0 && queues[2] < 230.0 && queues[3] < 70.0, "{queues:?}");
}

#[test]
fn section_5_1_variable_capacity() {
    assert_follows_capacity(&cases::variable_capacity(50.0));
}

#[test]
fn section_5_1_variable_capacity_and_a_long_way() {
    assert_follows_capacity(&cases::variable_capacity(100.0));
}

#[test]
fn section_5_2_variable_capacity_and_two_flows() {
    let case = cases::variable_capacity_with_several_flows();
    let flows = run(&case);
    let used: Vec<_> = (0..2).map(|flow| whole(&case, &flows, flow).utilisation).collect();
    assert!(used.iter().sum::<f64>() > 1.75, "{used:?}");
    assert!(fairness_at_the_end(&case, &flows, 2) > 0.9);
    assert!(whole(&case, &flows, 0).queue_ms.p95 < 80.0);
}

#[test]
fn section_5_3_congested_feedback() {
    let case = cases::congested_feedback();
    let flows = run(&case);
    for flow in 0..2 {
        let steps = by_step(&case, &flows, flow);
        assert!(steps.iter().all(|step| step.utilisation > 0.8), "{steps:?}");
    }
}

#[test]
fn section_5_4_competing_flows() {
    let case = cases::competing_flows();
    let flows = run(&case);
    assert!(fairness_at_the_end(&case, &flows, 3) > 0.93);
    assert!(whole(&case, &flows, 2).queue_ms.p95 < 60.0);
}

#[test]
fn section_5_5_round_trip_time_fairness() {
    let case = cases::round_trip_fairness();
    let flows = run(&case);
    assert!(fairness_at_the_end(&case, &flows, 5) > 0.9);
    assert!(whole(&case, &flows, 4).queue_ms.p95 < 70.0);
}

#[test]
fn section_5_6_a_long_tcp_flow_does_not_silence_the_call() {
    for queue_ms in [300.0, 1000.0] {
        let case = cases::long_tcp(queue_ms);
        let figures = whole(&case, &run(&case), 0);
        assert!(figures.received_bps > 150e3, "{figures:?}");
    }
}

#[test]
fn section_5_7_short_tcp_flows() {
    let case = cases::short_tcp();
    let flows = run(&case);
    let figures: Vec<_> = (0..2).map(|flow| whole(&case, &flows, flow)).collect();
    assert!(figures.iter().all(|figures| figures.utilisation > 0.25), "{figures:?}");
    assert!(fairness_at_the_end(&case, &flows, 2) > 0.9);
}

#[test]
fn section_5_8_pause_and_resume() {
    let case = cases::pause_and_resume();
    let flows = run(&case);
    let resumed = Figures::of(&case.scenario, &flows, 1, 60.0, 120.0);
    assert!(resumed.seconds_to_80.is_some_and(|seconds| seconds < 15.0), "{resumed:?}");
    assert!(fairness_at_the_end(&case, &flows, 3) > 0.9);
    // While it pauses, the others take what they can use.
    let alone: f64 =
        [0, 2].iter().map(|flow| Figures::of(&case.scenario, &flows, *flow, 50.0, 60.0).utilisation).sum();
    assert!(alone > 1.7, "{alone}");
}

#[test]
fn a_run_is_the_same_every_time() {
    let case = cases::variable_capacity(50.0);
    let rates = || whole(&case, &network::run(&case.scenario), 0).received_bps;
    assert_eq!(rates(), rates());
}
