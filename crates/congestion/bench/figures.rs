//! The figures of RFC 8868 section 3, of one flow between two seconds.

use super::network::{Direction, Scenario, Source};
use super::tcp::TcpConfig;
use super::trace::{BIN_S, FlowTrace};

/// What a call can make use of, sound included.
const DEMAND_BPS: f64 = 1.52e6;

/// Of a span of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Received, over the fair share of the capacity that the flow can make use of.
    pub(crate) utilisation: f64,
    pub(crate) received_bps: f64,
    /// Until the flow receives 80 % of that share.
    pub(crate) seconds_to_80: Option<f64>,
    pub(crate) queue_ms: Percentiles,
    pub(crate) one_way_ms: Percentiles,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

impl Figures {
    pub(crate) fn of(scenario: &Scenario, flows: &[FlowTrace], flow: usize, from_s: f64, to_s: f64) -> Self {
        let trace = &flows[flow];
        let bins = (from_s / BIN_S).round() as usize..((to_s / BIN_S).round() as usize).min(trace.bins.len());
        let share = |bin: usize| fair_share(scenario, flow, bin as f64 * BIN_S);
        let received: usize = trace.bins[bins.clone()].iter().map(|bin| bin.received_bytes).sum();
        let available: f64 = bins.clone().map(|bin| share(bin) * BIN_S).sum();
        let window = 5;
        let reached = bins.clone().find(|bin| {
            let last = (*bin + window).min(trace.bins.len());
            let bytes: usize = trace.bins[*bin..last].iter().map(|bin| bin.received_bytes).sum();
            share(*bin) > 0.0 && bytes as f64 * 8.0 / (window as f64 * BIN_S) >= 0.8 * share(*bin)
        });
        let passed = || trace.passed.iter().filter(|passed| (from_s..to_s).contains(&passed.at_s));
        Self {
            utilisation: received as f64 * 8.0 / available.max(1.0),
            received_bps: received as f64 * 8.0 / (to_s - from_s),
            seconds_to_80: reached.map(|bin| bin as f64 * BIN_S - from_s),
            queue_ms: Percentiles::of(passed().map(|passed| passed.queue_ms).collect()),
            one_way_ms: Percentiles::of(passed().map(|passed| passed.one_way_ms).collect()),
        }
    }
}

impl Percentiles {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else { return Self::default() };
        let at = |share: f64| values[(last as f64 * share).round() as usize];
        Self { p50: at(0.5), p95: at(0.95), max: at(1.0) }
    }
}

/// Of the rates of flows (RFC 8868 section 3: Jain's index); 1 if all are equal.
pub(crate) fn fairness(rates: &[f64]) -> f64 {
    let sum: f64 = rates.iter().sum();
    let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
    if squares > 0.0 { sum * sum / (rates.len() as f64 * squares) } else { 1.0 }
}

/// The seconds at which the capacity that a flow sees changes, with the end.
pub(crate) fn steps(scenario: &Scenario, flow: usize) -> Vec<f64> {
    let link = match scenario.flows[flow].direction {
        Direction::Forward => &scenario.forward,
        Direction::Back => &scenario.back,
    };
    link.capacity.iter().map(|(from, _)| *from).chain([scenario.seconds]).collect()
}

/// A table of each case, one line for each call.
pub(crate) fn table(scenario: &Scenario, flows: &[FlowTrace]) -> String {
    let mut lines = String::new();
    let calls = || flows.iter().enumerate().filter(|(_, trace)| trace.is_media);
    for (flow, trace) in calls() {
        let (from, to) = span(scenario, flow);
        let whole = Figures::of(scenario, flows, flow, from, to);
        let steps = steps(scenario, flow);
        let by_step: Vec<_> = steps
            .windows(2)
            .filter(|pair| pair[1] > from)
            .map(|pair| Figures::of(scenario, flows, flow, pair[0].max(from), pair[1].min(to)))
            .collect();
        let join = |part: &dyn Fn(&Figures) -> String| by_step.iter().map(part).collect::<Vec<_>>().join("/");
        let frames = Percentiles::of(trace.frame_ms.clone());
        lines += &format!(
            "  {:8} {:4.0} kbit/s  used {:.2} [{}]  80% after [{}] s  queue p50 {:.0} p95 {:.0} [{}] max {:.0} ms  \
             one way p50 {:.0} p95 {:.0} max {:.0} ms  frames p95 {:.0} ms  lost {:.2} %  padding {:.1} %\n",
            trace.name,
            whole.received_bps / 1e3,
            whole.utilisation,
            join(&|step| format!("{:.2}", step.utilisation)),
            join(&|step| step.seconds_to_80.map_or("never".into(), |seconds| format!("{seconds:.1}"))),
            whole.queue_ms.p50,
            whole.queue_ms.p95,
            join(&|step| format!("{:.0}", step.queue_ms.p95)),
            whole.queue_ms.max,
            whole.one_way_ms.p50,
            whole.one_way_ms.p95,
            whole.one_way_ms.max,
            frames.p95,
            100.0 * trace.lost_packets as f64 / trace.sent_packets.max(1) as f64,
            100.0 * trace.padding_bytes as f64
                / trace.bins.iter().map(|bin| bin.sent_bytes).sum::<usize>().max(1) as f64,
        );
    }
    let end = scenario.seconds;
    let rates: Vec<_> = calls()
        .map(|(flow, _)| Figures::of(scenario, flows, flow, end * 0.6, end - 2.0).received_bps)
        .collect();
    if rates.len() > 1 {
        lines += &format!("  fairness of the calls over the last 40 %: {:.3}\n", fairness(&rates));
    }
    lines
}

/// From the first to the last second in which a call sends.
pub(crate) fn span(scenario: &Scenario, flow: usize) -> (f64, f64) {
    match &scenario.flows[flow].source {
        Source::Media(media) => {
            let from = media.active.first().map_or(0.0, |(from, _)| *from);
            let to = media.active.last().map_or(0.0, |(_, to)| *to);
            (from, to.min(scenario.seconds))
        }
        Source::Tcp(_) => (0.0, scenario.seconds),
    }
}

/// What a call can have if all who send at that time get the same, but no more than they can make use of.
fn fair_share(scenario: &Scenario, flow: usize, second: f64) -> f64 {
    let direction = scenario.flows[flow].direction;
    let link = match direction {
        Direction::Forward => &scenario.forward,
        Direction::Back => &scenario.back,
    };
    let sends = |source: &Source| match source {
        Source::Media(media) => media.active.iter().any(|(from, to)| (*from..*to).contains(&second)),
        Source::Tcp(TcpConfig::Long { from_s, to_s }) => (*from_s..*to_s).contains(&second),
        Source::Tcp(TcpConfig::Short { .. }) => false,
    };
    if !sends(&scenario.flows[flow].source) {
        return 0.0;
    }
    let others = scenario.flows.iter().filter(|other| other.direction == direction && sends(&other.source));
    let capacity = link.capacity_bps((second * 1e6) as u64);
    (capacity / others.count().max(1) as f64).min(DEMAND_BPS)
}
