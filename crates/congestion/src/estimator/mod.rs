//! The estimate of one transport, out of delay and loss.

mod acknowledged;
mod delay;
mod loss;

use std::time::{Duration, Instant};

use self::acknowledged::AcknowledgedBitrate;
use self::delay::{Aimd, InterArrival, Trendline, Usage};
use self::loss::LossBased;

/// What the receiver said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketReport {
    /// Bytes on the wire.
    pub size: usize,
    /// When it left this endpoint.
    pub departure: Instant,
    /// When it arrived, on the receiver's clock, whose zero is unknown; `None` if it did not arrive.
    pub arrival: Option<Duration>,
}

/// Bounds of the estimate, in bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub start_bps: u64,
    pub min_bps: u64,
    pub max_bps: u64,
}

/// Packets to be sent at a bitrate above the target, to see whether the path takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCluster {
    /// To be given back in the reports of its packets.
    pub id: u32,
    pub bitrate_bps: u64,
    pub min_packets: u32,
    pub min_bytes: usize,
}

/// What the estimator believes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// What may be sent, in bit/s.
    pub target_bps: u64,
    /// Share of packets lost over the last reports, 0 to 1.
    pub loss: f64,
    /// Round trip of the newest report, the receiver's feedback interval included.
    pub rtt: Option<Duration>,
}

/// The estimator of one transport. Feed it every feedback report with [`handle_reports`](Self::handle_reports).
#[derive(Debug)]
pub struct Estimator {
    inter_arrival: InterArrival,
    trendline: Trendline,
    acknowledged: AcknowledgedBitrate,
    aimd: Aimd,
    loss: LossBased,
    rtt: Option<Duration>,
}

impl Estimator {
    pub fn new(config: Config) -> Self {
        Self {
            inter_arrival: InterArrival::default(),
            trendline: Trendline::default(),
            acknowledged: AcknowledgedBitrate::default(),
            aimd: Aimd::new(config),
            loss: LossBased::new(config),
            rtt: None,
        }
    }

    /// Takes one feedback report: packets in the order they were sent.
    pub fn handle_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        if reports.is_empty() {
            return;
        }
        if let Some(newest) = reports.iter().rev().find(|report| report.arrival.is_some()) {
            self.rtt = Some(now.saturating_duration_since(newest.departure));
        }
        let mut arrived: Vec<_> = reports
            .iter()
            .filter_map(|report| report.arrival.map(|arrival| (arrival, report.departure, report.size)))
            .collect();
        arrived.sort_by_key(|(arrival, departure, _)| (*arrival, *departure));

        let mut usage = None;
        for (arrival, departure, size) in arrived {
            self.acknowledged.handle_packet(arrival, size);
            if let Some(delta) = self.inter_arrival.handle_packet(departure, arrival) {
                // Within one report an over-use seen once holds, whatever the last packets say.
                usage = match (usage, self.trendline.handle_delta(delta)) {
                    (Some(Usage::Over), _) => Some(Usage::Over),
                    (_, seen) => Some(seen),
                };
            }
        }
        let throughput = self.acknowledged.bitrate_bps();
        self.aimd.handle(now, usage.unwrap_or(self.trendline.usage()), throughput, self.rtt);
        self.loss.handle_reports(now, reports, self.aimd.target_bps(), throughput);
    }

    pub fn estimate(&self) -> Estimate {
        Estimate { target_bps: self.loss.target_bps(), loss: self.loss.fraction(), rtt: self.rtt }
    }
}
