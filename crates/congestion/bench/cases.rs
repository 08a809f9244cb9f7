//! The test cases of RFC 8867 section 5.

use super::link::LinkConfig;
use super::media::MediaConfig;
use super::network::{Direction, FlowConfig, Scenario, Source};
use super::tcp::TcpConfig;

pub(crate) struct Case {
    /// Also the name of its plot.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) scenario: Scenario,
}

pub(crate) fn all() -> Vec<Case> {
    vec![
        variable_capacity(50.0),
        variable_capacity(100.0),
        variable_capacity_with_several_flows(),
        congested_feedback(),
        competing_flows(),
        round_trip_fairness(),
        long_tcp(300.0),
        long_tcp(1000.0),
        short_tcp(),
        pause_and_resume(),
    ]
}

pub(crate) fn variable_capacity(one_way_ms: f64) -> Case {
    let forward = link(1e6, &[(0.0, 1.0), (40.0, 2.5), (60.0, 0.6), (80.0, 1.0)]);
    let is_long = one_way_ms > 50.0;
    Case {
        id: if is_long { "5.1-far" } else { "5.1" },
        title: if is_long { "Variable capacity, 100 ms one way" } else { "Variable capacity, one flow" },
        scenario: scenario(100.0, forward, vec![FlowConfig { one_way_ms, ..call(0.0) }]),
    }
}

pub(crate) fn variable_capacity_with_several_flows() -> Case {
    let forward = link(2e6, &[(0.0, 2.0), (25.0, 1.0), (50.0, 1.75), (75.0, 0.5), (100.0, 1.0)]);
    Case {
        id: "5.2",
        title: "Variable capacity, two flows",
        scenario: scenario(125.0, forward, vec![call(0.0), call(0.0)]),
    }
}

pub(crate) fn congested_feedback() -> Case {
    let forward = link(1e6, &[(0.0, 2.0), (20.0, 1.0), (40.0, 0.5), (60.0, 2.0)]);
    let back = link(1e6, &[(0.0, 2.0), (35.0, 0.8), (70.0, 2.0)]);
    let flows = vec![call(0.0), FlowConfig { direction: Direction::Back, ..call(0.0) }];
    Case {
        id: "5.3",
        title: "Congested feedback, one flow each way",
        scenario: Scenario { back, ..scenario(100.0, forward, flows) },
    }
}

pub(crate) fn competing_flows() -> Case {
    let flows = vec![call(0.0), call(20.0), call(40.0)];
    Case { id: "5.4", title: "Competing flows", scenario: scenario(120.0, link(3.5e6, &[(0.0, 1.0)]), flows) }
}

pub(crate) fn round_trip_fairness() -> Case {
    let delays = [10.0, 25.0, 50.0, 100.0, 150.0];
    let flows = delays
        .iter()
        .enumerate()
        .map(|(index, one_way_ms)| FlowConfig { one_way_ms: *one_way_ms, ..call(10.0 * index as f64) })
        .collect();
    Case {
        id: "5.5",
        title: "Round-trip time fairness",
        scenario: scenario(300.0, link(4e6, &[(0.0, 1.0)]), flows),
    }
}

pub(crate) fn long_tcp(queue_ms: f64) -> Case {
    let is_deep = queue_ms > 300.0;
    let forward = LinkConfig { queue_ms, ..link(2e6, &[(0.0, 1.0)]) };
    let flows =
        vec![call_between(vec![(5.0, 119.0)]), tcp(TcpConfig::Long { from_s: 0.0, to_s: f64::INFINITY })];
    Case {
        id: if is_deep { "5.6-deep" } else { "5.6" },
        title: if is_deep { "A long TCP flow, 1000 ms queue" } else { "A long TCP flow, 300 ms queue" },
        scenario: scenario(120.0, forward, flows),
    }
}

pub(crate) fn short_tcp() -> Case {
    let short = tcp(TcpConfig::Short { mean_idle_s: 10.0 });
    let flows = [call(0.0), call(0.0)].into_iter().chain(std::iter::repeat_n(short, 10)).collect();
    Case {
        id: "5.7",
        title: "Ten short TCP flows",
        scenario: scenario(300.0, link(2e6, &[(0.0, 1.0)]), flows),
    }
}

pub(crate) fn pause_and_resume() -> Case {
    let paused = call_between(vec![(0.0, 40.0), (60.0, 120.0)]);
    Case {
        id: "5.8",
        title: "Media pause and resume",
        scenario: scenario(120.0, link(3.5e6, &[(0.0, 1.0)]), vec![call(0.0), paused, call(0.0)]),
    }
}

fn scenario(seconds: f64, forward: LinkConfig, flows: Vec<FlowConfig>) -> Scenario {
    Scenario { seconds, forward, back: LinkConfig::constant(100e6), flows, seed: 1 }
}

fn link(reference_bps: f64, schedule: &[(f64, f64)]) -> LinkConfig {
    let capacity: Vec<_> = schedule.iter().map(|(from, times)| (*from, times * reference_bps)).collect();
    LinkConfig { jitter_ms: 30.0, ..LinkConfig::schedule(&capacity) }
}

fn call(from_s: f64) -> FlowConfig {
    call_between(vec![(from_s, f64::INFINITY)])
}

fn call_between(active: Vec<(f64, f64)>) -> FlowConfig {
    let source = Source::Media(MediaConfig { active, ..MediaConfig::default() });
    FlowConfig { source, direction: Direction::Forward, one_way_ms: 50.0 }
}

fn tcp(config: TcpConfig) -> FlowConfig {
    FlowConfig { source: Source::Tcp(config), direction: Direction::Forward, one_way_ms: 50.0 }
}
