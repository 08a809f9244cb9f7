//! A plot of a case: capacity, targets and rates above, the queue below.

use std::fmt::Write as _;

use super::cases::Case;
use super::network::Direction;
use super::trace::{BIN_S, Bin, FlowTrace};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const RATES: Panel = Panel { top: 46.0, height: 240.0 };
const QUEUE: Panel = Panel { top: 318.0, height: 110.0 };
const HEIGHT: f64 = 460.0;
/// Readable on white and on black.
const COLOURS: [&str; 5] = ["#2f7ed8", "#d9662b", "#2a9d62", "#b04ac0", "#b8901a"];
const TCP_COLOUR: &str = "#8a8f98";
/// Points of all lines of a panel together.
const POINTS: usize = 2400;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:15px;font-weight:600}\
.g{stroke:#8884;stroke-width:1}.c{stroke:#8886;fill:#8882}path{fill:none;stroke-width:1.5;stroke-linejoin:round}\
.d{stroke-width:1;stroke-dasharray:4 3;opacity:.8}.b{fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.b{fill:#16181d}}";

#[derive(Clone, Copy)]
struct Panel {
    top: f64,
    height: f64,
}

struct Axes {
    panel: Panel,
    seconds: f64,
    most: f64,
}

impl Axes {
    fn x(&self, second: f64) -> f64 {
        LEFT + second / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.panel.top + self.panel.height * (1.0 - (value / self.most).min(1.0))
    }

    /// A line through one value for each of `bins`.
    fn line(&self, values: &[f64], step_s: f64) -> String {
        let mut path = String::new();
        for (index, value) in values.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { ' ' };
            let x = self.x((index as f64 + 0.5) * step_s);
            let _ = write!(path, "{letter}{x:.0} {:.0}", self.y(*value));
        }
        path
    }

    fn grid(&self, svg: &mut String, unit: &str, step: f64) {
        let mut value = 0.0;
        while value <= self.most {
            let y = self.y(value);
            let _ = write!(
                svg,
                "<path class='g' d='M{LEFT} {y:.1}H{:.0}'/><text x='{:.0}' y='{:.1}' text-anchor='end'>{value}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0
            );
            value += step;
        }
        let _ = write!(svg, "<text x='{LEFT}' y='{:.0}'>{unit}</text>", self.panel.top - 7.0);
    }
}

/// The plot as an SVG document.
pub(crate) fn svg(case: &Case, flows: &[FlowTrace]) -> String {
    let scenario = &case.scenario;
    let seconds = scenario.seconds;
    let both_ways = scenario.flows.iter().any(|flow| flow.direction == Direction::Back);
    let links = if both_ways { vec![&scenario.forward, &scenario.back] } else { vec![&scenario.forward] };
    let most_bps = links.iter().flat_map(|link| &link.capacity).map(|(_, bps)| *bps).fold(0.0, f64::max);
    let rates = Axes { panel: RATES, seconds, most: (most_bps / 1e6 * 1.08).max(0.5) };
    let most_queue = flows.iter().flat_map(|flow| &flow.bins).map(|bin| bin.queue_ms).fold(100.0, f64::max);
    let queue = Axes { panel: QUEUE, seconds, most: most_queue };

    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}'><style>{STYLE}</style>\
         <rect class='b' width='{WIDTH}' height='{HEIGHT}'/>\
         <text class='t' x='{LEFT}' y='20'>RFC 8867, {}: {}</text>",
        case.id, case.title
    );
    rates.grid(&mut svg, "Mbit/s", if most_bps > 2e6 { 1.0 } else { 0.5 });
    queue.grid(&mut svg, "queue, ms (longest wait)", if most_queue > 500.0 { 250.0 } else { 100.0 });
    for link in links {
        let mut path = String::new();
        for (index, (from, bps)) in link.capacity.iter().enumerate() {
            let (x, y) = (rates.x(*from), rates.y(bps / 1e6));
            let _ = if index == 0 { write!(path, "M{x:.0} {y:.0}") } else { write!(path, "H{x:.0}V{y:.0}") };
        }
        let _ = write!(svg, "<path stroke='#8888' stroke-width='3' d='{path}H{:.0}'/>", rates.x(seconds));
    }

    let shown: Vec<_> = merge_tcp(flows);
    let bins = ((seconds / BIN_S) as usize * shown.len() * 2).div_ceil(POINTS).max(2);
    let step_s = bins as f64 * BIN_S;
    for (index, flow) in shown.iter().enumerate() {
        let colour = if flow.is_media { COLOURS[index % COLOURS.len()] } else { TCP_COLOUR };
        let of = |part: &dyn Fn(&[Bin]) -> f64| flow.bins.chunks(bins).map(part).collect::<Vec<_>>();
        let sent = of(&|chunk| {
            let bytes: usize = chunk.iter().map(|bin| bin.sent_bytes).sum();
            bytes as f64 * 8.0 / (chunk.len() as f64 * BIN_S) / 1e6
        });
        let waited = of(&|chunk| chunk.iter().map(|bin| bin.queue_ms).fold(0.0, f64::max));
        let _ = write!(svg, "<path stroke='{colour}' d='{}'/>", rates.line(&sent, step_s));
        if flow.is_media {
            let target = of(&|chunk| chunk.last().map_or(0.0, |bin| bin.target_bps) / 1e6);
            let _ = write!(svg, "<path class='d' stroke='{colour}' d='{}'/>", rates.line(&target, step_s));
        }
        if flow.is_media || shown.len() == 1 {
            let _ = write!(svg, "<path stroke='{colour}' d='{}'/>", queue.line(&waited, step_s));
        }
        let x = WIDTH - RIGHT - 84.0 * (shown.len() - index) as f64;
        let _ = write!(
            svg,
            "<path stroke='{colour}' style='stroke-width:3' d='M{x:.0} 34h14'/><text x='{:.0}' y='38'>{}</text>",
            x + 18.0,
            flow.name
        );
    }
    for second in (0..=seconds as u32).step_by(if seconds > 150.0 { 50 } else { 20 }) {
        let x = rates.x(f64::from(second));
        let _ = write!(svg, "<text x='{x:.0}' y='{:.0}' text-anchor='middle'>{second}</text>", HEIGHT - 14.0);
    }
    let _ = write!(
        svg,
        "<text x='{LEFT}' y='{:.0}' opacity='.7'>seconds</text>\
         <text x='{:.0}' y='20' text-anchor='end' opacity='.7'>grey: capacity, solid: sent, dashed: target</text></svg>",
        HEIGHT - 1.0,
        WIDTH - RIGHT
    );
    svg
}

/// All TCP flows as one line.
fn merge_tcp(flows: &[FlowTrace]) -> Vec<FlowTrace> {
    let (mut shown, tcp): (Vec<_>, Vec<_>) = flows.iter().cloned().partition(|flow| flow.is_media);
    let merged = tcp.into_iter().reduce(|mut sum, flow| {
        for (bin, other) in sum.bins.iter_mut().zip(&flow.bins) {
            bin.sent_bytes += other.sent_bytes;
            bin.received_bytes += other.received_bytes;
        }
        sum
    });
    shown.extend(merged.map(|tcp| FlowTrace { name: "TCP".into(), ..tcp }));
    shown
}
