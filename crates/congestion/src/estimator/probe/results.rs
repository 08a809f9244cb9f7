//! What a probe found: the rates at which its packets left and arrived (libwebrtc's `ProbeBitrateEstimator`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ProbeCluster;

/// Fewer packets say nothing.
const MIN_PACKETS: u32 = 4;
/// Share of the packets and bytes that must have arrived.
const MIN_RECEIVED: f64 = 0.8;
const MAX_SPAN: Duration = Duration::from_secs(1);
/// Arriving this much faster than they left, packets were held up before.
const MAX_RATIO: f64 = 2.0;
/// Arriving this much slower, they filled the path.
const SATURATED_RATIO: f64 = 0.9;
/// What is then taken of the rate of arrival.
const SATURATED_SHARE: f64 = 0.95;
const MAX_CLUSTERS: usize = 8;

/// What the path takes, in bit/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::estimator) enum Found {
    /// The probe arrived as fast as it left, which may be slower than was asked for: timers are coarse.
    AtLeast(f64),
    /// The probe filled the path.
    About(f64),
}

#[derive(Debug, Default)]
pub(in crate::estimator) struct ProbeResults {
    clusters: VecDeque<Cluster>,
}

#[derive(Debug)]
struct Cluster {
    asked: ProbeCluster,
    packets: u32,
    bytes: usize,
    spans: Option<Spans>,
}

/// Both ends of what left and what arrived.
#[derive(Debug, Clone, Copy)]
struct Spans {
    first_sent: Instant,
    last_sent: Instant,
    last_sent_bytes: usize,
    first_arrived: Duration,
    first_arrived_bytes: usize,
    last_arrived: Duration,
}

impl ProbeResults {
    pub(in crate::estimator) fn expect(&mut self, asked: ProbeCluster) {
        if self.clusters.len() == MAX_CLUSTERS {
            self.clusters.pop_front();
        }
        self.clusters.push_back(Cluster { asked, packets: 0, bytes: 0, spans: None });
    }

    /// Takes a packet of a probe that arrived; gives what the probe has found so far.
    pub(in crate::estimator) fn handle_packet(
        &mut self,
        id: u32,
        departure: Instant,
        arrival: Duration,
        size: usize,
    ) -> Option<Found> {
        let cluster = self.clusters.iter_mut().find(|cluster| cluster.asked.id == id)?;
        cluster.handle_packet(departure, arrival, size);
        cluster.found()
    }
}

impl Cluster {
    fn handle_packet(&mut self, departure: Instant, arrival: Duration, size: usize) {
        self.packets += 1;
        self.bytes += size;
        let spans = self.spans.get_or_insert(Spans {
            first_sent: departure,
            last_sent: departure,
            last_sent_bytes: size,
            first_arrived: arrival,
            first_arrived_bytes: size,
            last_arrived: arrival,
        });
        spans.first_sent = spans.first_sent.min(departure);
        if departure >= spans.last_sent {
            (spans.last_sent, spans.last_sent_bytes) = (departure, size);
        }
        if arrival < spans.first_arrived {
            (spans.first_arrived, spans.first_arrived_bytes) = (arrival, size);
        }
        spans.last_arrived = spans.last_arrived.max(arrival);
    }

    fn found(&self) -> Option<Found> {
        let min_packets = (f64::from(self.asked.min_packets) * MIN_RECEIVED) as u32;
        let min_bytes = (self.asked.min_bytes as f64 * MIN_RECEIVED) as usize;
        if self.packets < min_packets.max(MIN_PACKETS) || self.bytes < min_bytes {
            return None;
        }
        let spans = self.spans?;
        let sent = rate(
            self.bytes - spans.last_sent_bytes,
            spans.last_sent.saturating_duration_since(spans.first_sent),
        )?;
        let arrived = rate(
            self.bytes - spans.first_arrived_bytes,
            spans.last_arrived.saturating_sub(spans.first_arrived),
        )?;
        if arrived > MAX_RATIO * sent {
            return None;
        }
        if arrived < SATURATED_RATIO * sent {
            return Some(Found::About(SATURATED_SHARE * arrived));
        }
        Some(Found::AtLeast(arrived.min(sent)))
    }
}

fn rate(bytes: usize, span: Duration) -> Option<f64> {
    let is_valid = !span.is_zero() && span <= MAX_SPAN && bytes > 0;
    is_valid.then(|| bytes as f64 * 8.0 / span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: ProbeCluster =
        ProbeCluster { id: 1, bitrate_bps: 2_000_000, min_packets: 5, min_bytes: 4000 };

    /// Five packets of 1000 bytes each 4 ms, which arrive each `spacing_ms`.
    fn found(spacing_ms: u64, lost: &[u64]) -> Option<Found> {
        let start = Instant::now();
        let mut results = ProbeResults::default();
        results.expect(ASKED);
        (0..5).filter(|packet| !lost.contains(packet)).fold(None, |_, packet| {
            results.handle_packet(
                1,
                start + Duration::from_millis(packet * 4),
                Duration::from_millis(1000 + packet * spacing_ms),
                1000,
            )
        })
    }

    #[test]
    fn a_wide_path_shows_the_rate_that_was_sent() {
        assert_eq!(found(4, &[]), Some(Found::AtLeast(2e6)));
    }

    #[test]
    fn a_narrow_path_shows_a_little_less_than_its_own() {
        assert_eq!(found(8, &[]), Some(Found::About(0.95e6)));
    }

    #[test]
    fn packets_that_were_held_up_show_nothing() {
        assert_eq!(found(1, &[]), None);
    }

    #[test]
    fn one_of_five_may_be_lost_but_not_two() {
        assert!(found(4, &[2]).is_some());
        assert_eq!(found(4, &[2, 3]), None);
    }

    #[test]
    fn a_probe_that_nobody_asked_for_shows_nothing() {
        let mut results = ProbeResults::default();
        for packet in 0..9 {
            let at = Duration::from_millis(packet);
            assert_eq!(results.handle_packet(3, Instant::now(), at, 1000), None);
        }
    }
}
