//! What was sent and lost over the last seconds, in pieces of a quarter of a second.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::estimator::PacketReport;

const MIN_DURATION: Duration = Duration::from_millis(250);
const WINDOW: usize = 15;
/// How much less each older observation counts.
const AGING: f64 = 0.9;
/// An observation sent at this many times the median rate may have caused its loss.
const BURST_RATE: f64 = 2.0;

#[derive(Debug, Clone, Copy)]
pub(super) struct Observation {
    pub(super) sending_bps: f64,
    pub(super) bytes: f64,
    pub(super) lost_bytes: f64,
    packets: f64,
    lost_packets: f64,
}

/// The last observations, the newest first.
#[derive(Debug, Default)]
pub(super) struct Observations {
    window: VecDeque<Observation>,
    partial: Partial,
    /// When the last packet of the newest observation left.
    newest_sent: Option<Instant>,
    total: usize,
}

#[derive(Debug, Default)]
struct Partial {
    packets: usize,
    bytes: usize,
    /// Size by sequence number: a late packet may still be reported as arrived.
    lost: HashMap<u64, usize>,
}

impl Observations {
    /// Takes reports, which speak of this share of what was sent; `true` if they completed an observation.
    pub(super) fn handle_reports(&mut self, reports: &[PacketReport], coverage: f64) -> bool {
        for report in reports {
            self.partial.packets += 1;
            self.partial.bytes += report.size;
            match report.arrival {
                Some(_) => self.partial.lost.remove(&report.sequence_number),
                None => self.partial.lost.insert(report.sequence_number, report.size),
            };
        }
        let departures = || reports.iter().map(|report| report.departure);
        let (Some(first), Some(last)) = (departures().min(), departures().max()) else { return false };
        let since = *self.newest_sent.get_or_insert(first);
        let duration = last.saturating_duration_since(since);
        if duration < MIN_DURATION {
            return false;
        }
        self.newest_sent = Some(last);
        let partial = std::mem::take(&mut self.partial);
        self.window.push_front(Observation {
            sending_bps: partial.bytes as f64 * 8.0 / duration.as_secs_f64() / coverage,
            bytes: partial.bytes as f64,
            lost_bytes: partial.lost.values().sum::<usize>() as f64,
            packets: partial.packets as f64,
            lost_packets: partial.lost.len() as f64,
        });
        self.window.truncate(WINDOW);
        self.total += 1;
        true
    }

    /// The observations with their weights.
    pub(super) fn weighted(&self) -> impl Iterator<Item = (f64, &Observation)> {
        self.window.iter().enumerate().map(|(age, observation)| (AGING.powi(age as i32), observation))
    }

    /// How many there have been.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    pub(super) fn newest_sent(&self) -> Option<Instant> {
        self.newest_sent
    }

    /// Share of the packets that was lost.
    pub(super) fn packet_loss(&self) -> f64 {
        let sum = |part: fn(&Observation) -> f64| {
            self.weighted().map(|(weight, observation)| weight * part(observation)).sum::<f64>()
        };
        share(sum(|observation| observation.lost_packets), sum(|observation| observation.packets))
    }

    /// Share of the bytes that was lost, without the best and the worst observation unless a burst explains the worst.
    pub(super) fn average_loss(&self) -> f64 {
        let mut lost = 0.0;
        let mut bytes = 0.0;
        let mut best: Option<(f64, f64, f64)> = None;
        let mut worst: Option<(f64, f64, f64)> = None;
        let mut worst_bps = 0.0;
        for (weight, observation) in self.weighted() {
            let part = (
                share(observation.lost_bytes, observation.bytes),
                weight * observation.lost_bytes,
                weight * observation.bytes,
            );
            lost += part.1;
            bytes += part.2;
            if best.is_none_or(|best| part.0 < best.0) {
                best = Some(part);
            }
            if part.0 > worst.map_or(0.0, |worst| worst.0) {
                worst = Some(part);
                worst_bps = observation.sending_bps;
            }
        }
        let (Some(best), Some(worst)) = (best, worst) else { return share(lost, bytes) };
        if self.total <= 3 || self.median_sending_bps() * BURST_RATE <= worst_bps {
            return share(lost, bytes);
        }
        share((lost - best.1 - worst.1).max(0.0), bytes - best.2 - worst.2)
    }

    fn median_sending_bps(&self) -> f64 {
        let mut rates: Vec<_> = self.window.iter().map(|observation| observation.sending_bps).collect();
        rates.sort_by(f64::total_cmp);
        match rates.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => rates[odd / 2],
            even => (rates[even / 2 - 1] + rates[even / 2]) / 2.0,
        }
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(start: Instant, packet: u64, arrived: bool) -> PacketReport {
        PacketReport {
            sequence_number: packet,
            size: 1000,
            departure: start + Duration::from_millis(packet * 10),
            arrival: arrived.then(|| Duration::from_millis(packet * 10)),
            probe_cluster: None,
        }
    }

    #[test]
    fn an_observation_takes_a_quarter_of_a_second() {
        let start = Instant::now();
        let mut observations = Observations::default();
        let completed: Vec<_> = (0..60)
            .filter(|packet| observations.handle_reports(&[report(start, *packet, true)], 1.0))
            .collect();
        assert_eq!(completed, [25, 50]);
    }

    #[test]
    fn a_late_packet_is_not_lost() {
        let start = Instant::now();
        let mut observations = Observations::default();
        observations.handle_reports(&[report(start, 0, true), report(start, 1, false)], 1.0);
        observations.handle_reports(&[report(start, 1, true), report(start, 30, true)], 1.0);
        assert_eq!(observations.packet_loss(), 0.0);
    }

    #[test]
    fn one_bad_quarter_is_left_out_of_the_average() {
        let start = Instant::now();
        let mut observations = Observations::default();
        for packet in 0..300 {
            let is_bad = (101..=125).contains(&packet);
            observations.handle_reports(&[report(start, packet, !is_bad)], 1.0);
        }
        assert_eq!(observations.average_loss(), 0.0);
        assert!(observations.packet_loss() > 0.05);
    }
}
