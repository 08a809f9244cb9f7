//! TCP senders beside the calls: NewReno with selective acknowledgements, clocked by them (RFC 5681, RFC 6675).

use std::collections::{BTreeMap, VecDeque};

use super::packet::{Kind, Packet};
use super::random::Random;
use super::time::{Micros, micros};
use super::trace::FlowTrace;

const SEGMENT: usize = 1240;
const ACK: usize = 40;
const FIRST_WINDOW: f64 = 10.0;
/// This many later segments acknowledged say that one is lost.
const REORDERING: u64 = 3;
const MIN_TIMEOUT: Micros = 200_000;

#[derive(Debug, Clone, Copy)]
pub(crate) enum TcpConfig {
    /// One transfer without end, between two seconds.
    Long { from_s: f64, to_s: f64 },
    /// Transfers of 30 to 50 kB with pauses in between (RFC 8867 section 5.7).
    Short { mean_idle_s: f64 },
}

pub(crate) struct TcpFlow {
    id: usize,
    config: TcpConfig,
    random: Random,
    window: f64,
    threshold: f64,
    sequence_number: u64,
    /// When each segment on its way left.
    outstanding: BTreeMap<u64, Micros>,
    lost: VecDeque<u64>,
    /// Losses up to this segment belong to one event.
    recovery_until: u64,
    smoothed_rtt: Option<f64>,
    timeout_at: Option<Micros>,
    /// Segments of the transfer that were not sent.
    left: u64,
    starts_at: Micros,
    pub(crate) trace: FlowTrace,
}

impl TcpFlow {
    pub(crate) fn new(id: usize, config: TcpConfig, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let starts_at = match config {
            TcpConfig::Long { from_s, .. } => micros(from_s),
            TcpConfig::Short { mean_idle_s } => micros(random.exponential(mean_idle_s)),
        };
        Self {
            id,
            config,
            random,
            window: FIRST_WINDOW,
            threshold: f64::INFINITY,
            sequence_number: 0,
            outstanding: BTreeMap::new(),
            lost: VecDeque::new(),
            recovery_until: 0,
            smoothed_rtt: None,
            timeout_at: None,
            left: 0,
            starts_at,
            trace: FlowTrace { name: format!("TCP {}", id + 1), ..FlowTrace::default() },
        }
    }

    pub(crate) fn next_wake(&self) -> Micros {
        self.timeout_at.unwrap_or(Micros::MAX).min(self.starts_at)
    }

    pub(crate) fn handle_wake(&mut self, now: Micros, out: &mut Vec<Packet>) {
        if now >= self.starts_at {
            self.starts_at = Micros::MAX;
            (self.window, self.threshold) = (FIRST_WINDOW, f64::INFINITY);
            self.left = match self.config {
                TcpConfig::Long { .. } => u64::MAX,
                TcpConfig::Short { .. } => (30e3 + 20e3 * self.random.uniform()) as u64 / SEGMENT as u64,
            };
        }
        if self.timeout_at.is_some_and(|at| now >= at) {
            self.threshold = (self.window / 2.0).max(2.0);
            self.window = 1.0;
            self.lost.extend(std::mem::take(&mut self.outstanding).into_keys());
            self.recovery_until = self.sequence_number;
            self.timeout_at = None;
        }
        self.send(now, out);
    }

    pub(crate) fn handle_packet(&mut self, now: Micros, packet: Packet, out: &mut Vec<Packet>) {
        match packet.kind {
            Kind::TcpData { sequence_number } => {
                self.trace.bin(now).received_bytes += packet.size;
                out.push(Packet { flow: self.id, size: ACK, kind: Kind::TcpAck { sequence_number } });
            }
            Kind::TcpAck { sequence_number } => {
                self.take_ack(now, sequence_number);
                self.send(now, out);
            }
            Kind::Media { .. } | Kind::Feedback(_) => {}
        }
    }

    fn take_ack(&mut self, now: Micros, acknowledged: u64) {
        let Some(sent) = self.outstanding.remove(&acknowledged) else {
            self.lost.retain(|lost| *lost != acknowledged);
            return;
        };
        let rtt = (now - sent) as f64;
        self.smoothed_rtt = Some(self.smoothed_rtt.map_or(rtt, |smoothed| 0.875 * smoothed + 0.125 * rtt));
        // A resent segment keeps its number here, so later means sent before this one and not acknowledged.
        let missing: Vec<_> = self
            .outstanding
            .iter()
            .filter(|(number, at)| *number + REORDERING <= acknowledged && **at < sent)
            .map(|(number, _)| *number)
            .collect();
        if missing.iter().any(|number| *number > self.recovery_until) {
            self.threshold = (self.window / 2.0).max(2.0);
            self.window = self.threshold;
            self.recovery_until = self.sequence_number;
        } else if acknowledged > self.recovery_until {
            self.window += if self.window < self.threshold { 1.0 } else { 1.0 / self.window };
        }
        for number in missing {
            self.outstanding.remove(&number);
            self.lost.push_back(number);
            self.trace.lost_packets += 1;
        }
        self.rearm(now);
        let is_done = self.left == 0 && self.outstanding.is_empty() && self.lost.is_empty();
        if let TcpConfig::Short { mean_idle_s } = self.config
            && is_done
        {
            self.starts_at = now + micros(self.random.exponential(mean_idle_s));
        }
    }

    fn send(&mut self, now: Micros, out: &mut Vec<Packet>) {
        if let TcpConfig::Long { to_s, .. } = self.config
            && now >= micros(to_s)
        {
            (self.left, self.timeout_at) = (0, None);
            self.lost.clear();
            return;
        }
        while (self.outstanding.len() as f64) < self.window {
            let number = match self.lost.pop_front() {
                Some(number) => number,
                None if self.left > 0 => {
                    self.left -= 1;
                    self.sequence_number += 1;
                    self.sequence_number
                }
                None => break,
            };
            self.outstanding.insert(number, now);
            self.trace.bin(now).sent_bytes += SEGMENT;
            self.trace.sent_packets += 1;
            out.push(Packet {
                flow: self.id,
                size: SEGMENT,
                kind: Kind::TcpData { sequence_number: number },
            });
        }
        if self.timeout_at.is_none() {
            self.rearm(now);
        }
    }

    fn rearm(&mut self, now: Micros) {
        let timeout = self.smoothed_rtt.map_or(1_000_000, |rtt| (2.0 * rtt) as Micros).max(MIN_TIMEOUT);
        self.timeout_at = (!self.outstanding.is_empty()).then_some(now + timeout);
    }
}
