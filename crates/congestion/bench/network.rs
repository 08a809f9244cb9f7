//! The run: flows over one path in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::link::{Link, LinkConfig, Served};
use super::media::{MediaConfig, MediaFlow};
use super::packet::{Kind, Packet};
use super::tcp::{TcpConfig, TcpFlow};
use super::time::{Micros, micros};
use super::trace::{BIN_S, FlowTrace, Passed};

/// Which way a flow's data goes; its feedback goes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Back,
}

#[derive(Debug, Clone)]
pub(crate) enum Source {
    Media(MediaConfig),
    Tcp(TcpConfig),
}

#[derive(Debug, Clone)]
pub(crate) struct FlowConfig {
    pub(crate) source: Source,
    pub(crate) direction: Direction,
    pub(crate) one_way_ms: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seconds: f64,
    pub(crate) forward: LinkConfig,
    pub(crate) back: LinkConfig,
    pub(crate) flows: Vec<FlowConfig>,
    pub(crate) seed: u64,
}

/// Runs it to its end.
pub(crate) fn run(scenario: &Scenario) -> Vec<FlowTrace> {
    let mut network = Network::new(scenario);
    network.run(micros(scenario.seconds));
    network.flows.into_iter().map(|(flow, _)| flow.into_trace(scenario.seconds)).collect()
}

enum Flow {
    Media(Box<MediaFlow>),
    Tcp(Box<TcpFlow>),
}

enum Event {
    Wake(usize),
    /// The first packet of a link's queue has left it.
    Served(Direction),
    Arrived(Packet),
}

struct Timed {
    at: Micros,
    order: u64,
    event: Event,
}

struct Network {
    links: [Link; 2],
    flows: Vec<(Flow, FlowConfig)>,
    wakes: Vec<Micros>,
    events: BinaryHeap<Reverse<Timed>>,
    order: u64,
}

impl Network {
    fn new(scenario: &Scenario) -> Self {
        let seed = scenario.seed;
        let flows: Vec<_> = scenario
            .flows
            .iter()
            .enumerate()
            .map(|(id, config)| (Flow::new(id, config, seed + 10 + id as u64), config.clone()))
            .collect();
        Self {
            links: [
                Link::new(scenario.forward.clone(), seed + 1),
                Link::new(scenario.back.clone(), seed + 2),
            ],
            wakes: vec![Micros::MAX; flows.len()],
            flows,
            events: BinaryHeap::new(),
            order: 0,
        }
    }

    fn run(&mut self, end: Micros) {
        (0..self.flows.len()).for_each(|flow| self.schedule_wake(flow, 0));
        while let Some(Reverse(Timed { at: now, event, .. })) = self.events.pop() {
            if now > end {
                return;
            }
            let mut out = Vec::new();
            match event {
                Event::Wake(flow) => {
                    if self.wakes[flow] == now {
                        self.wakes[flow] = Micros::MAX;
                        self.flows[flow].0.handle_wake(now, &mut out);
                    }
                    self.schedule_wake(flow, now);
                }
                Event::Served(direction) => self.handle_served(now, direction),
                Event::Arrived(packet) => {
                    let flow = packet.flow;
                    self.flows[flow].0.handle_packet(now, packet, &mut out);
                    self.schedule_wake(flow, now);
                }
            }
            out.into_iter().for_each(|packet| self.send(now, packet));
        }
    }

    fn send(&mut self, now: Micros, packet: Packet) {
        let config = &self.flows[packet.flow].1;
        let direction = match (packet.kind.is_data(), config.direction) {
            (true, direction) => direction,
            (false, Direction::Forward) => Direction::Back,
            (false, Direction::Back) => Direction::Forward,
        };
        let link = &mut self.links[direction as usize];
        if link.enqueue(now, packet).is_ok() && link.len() == 1 {
            self.schedule_service(now, direction);
        }
    }

    fn handle_served(&mut self, now: Micros, direction: Direction) {
        let Some(flow) = self.links[direction as usize].first_flow() else { return };
        let one_way = micros(self.flows[flow].1.one_way_ms / 1e3);
        if let Some(served) = self.links[direction as usize].serve(now, one_way) {
            self.trace(now, &served);
            if let Some(arrival) = served.arrival {
                self.push(arrival, Event::Arrived(served.packet));
            }
        }
        self.schedule_service(now, direction);
    }

    fn trace(&mut self, now: Micros, served: &Served) {
        if !served.packet.kind.is_data() {
            return;
        }
        let flow = &mut self.flows[served.packet.flow].0;
        let sent = match &*flow {
            Flow::Media(media) => media.sent_at(&served.packet),
            Flow::Tcp(_) => None,
        };
        let trace = flow.trace();
        let bin = trace.bin(now);
        bin.queue_ms = bin.queue_ms.max(served.queue_ms);
        if let (Some(arrival), Some(sent)) = (served.arrival, sent) {
            trace.passed.push(Passed {
                at_s: now as f64 / 1e6,
                queue_ms: served.queue_ms,
                one_way_ms: (arrival - sent) as f64 / 1e3,
            });
        }
    }

    fn schedule_service(&mut self, now: Micros, direction: Direction) {
        if let Some(at) = self.links[direction as usize].service_of_first(now) {
            self.push(at, Event::Served(direction));
        }
    }

    fn schedule_wake(&mut self, flow: usize, now: Micros) {
        let at = self.flows[flow].0.next_wake().max(now);
        if at < self.wakes[flow] {
            self.wakes[flow] = at;
            self.push(at, Event::Wake(flow));
        }
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.order += 1;
        self.events.push(Reverse(Timed { at, order: self.order, event }));
    }
}

impl Flow {
    fn new(id: usize, config: &FlowConfig, seed: u64) -> Self {
        match &config.source {
            Source::Media(media) => Self::Media(Box::new(MediaFlow::new(id, media.clone(), seed))),
            Source::Tcp(tcp) => Self::Tcp(Box::new(TcpFlow::new(id, *tcp, seed))),
        }
    }

    fn next_wake(&self) -> Micros {
        match self {
            Self::Media(media) => media.next_wake(),
            Self::Tcp(tcp) => tcp.next_wake(),
        }
    }

    fn handle_wake(&mut self, now: Micros, out: &mut Vec<Packet>) {
        match self {
            Self::Media(media) => media.handle_wake(now, out),
            Self::Tcp(tcp) => tcp.handle_wake(now, out),
        }
    }

    fn handle_packet(&mut self, now: Micros, packet: Packet, out: &mut Vec<Packet>) {
        match self {
            Self::Media(media) => media.handle_packet(now, packet, out),
            Self::Tcp(tcp) => tcp.handle_packet(now, packet, out),
        }
    }

    fn trace(&mut self) -> &mut FlowTrace {
        match self {
            Self::Media(media) => &mut media.trace,
            Self::Tcp(tcp) => &mut tcp.trace,
        }
    }

    fn into_trace(self, seconds: f64) -> FlowTrace {
        let mut trace = match self {
            Self::Media(media) => media.trace,
            Self::Tcp(tcp) => tcp.trace,
        };
        trace.bin(micros(seconds) - 1);
        trace.bins.truncate((seconds / BIN_S).round() as usize);
        trace
    }
}

impl Kind {
    fn is_data(&self) -> bool {
        match self {
            Self::Media { .. } | Self::TcpData { .. } => true,
            Self::Feedback(_) | Self::TcpAck { .. } => false,
        }
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
