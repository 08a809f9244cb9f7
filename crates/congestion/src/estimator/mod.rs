//! The estimate of one transport, out of delay, loss and probes.

mod acknowledged;
mod alr;
mod coverage;
mod delay;
mod loss;
mod probe;
mod silence;

use std::time::{Duration, Instant};

use self::acknowledged::AcknowledgedBitrate;
use self::alr::AlrDetector;
use self::coverage::Coverage;
use self::delay::{Context, DelayBased};
use self::loss::LossBased;
pub use self::probe::ProbeCluster;
use self::probe::{Found, Limit, ProbeController, ProbeResults};
use self::silence::Silence;
use crate::repair::{Protection, ProtectionLadder};

/// A sender that uses less of the estimate than this lets nothing be learnt from what gets through (libwebrtc).
const USED_SHARE: f64 = 0.65;
/// One that uses less than this may be held where it is: growth ends at 1.5 times what gets through. Probes go on.
const PLENTY_SHARE: f64 = 0.8;
/// A probe finds no less than this share of what gets through anyway.
const PROBE_FLOOR: f64 = 0.85;

/// What the receiver said of one packet. Every packet that has a transport-wide number counts, repairs and padding too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketReport {
    /// Transport-wide, without wrap.
    pub sequence_number: u64,
    /// Bytes on the wire.
    pub size: usize,
    /// When it left this endpoint.
    pub departure: Instant,
    /// When it arrived, on the receiver's clock, whose zero is unknown; `None` if it did not arrive.
    pub arrival: Option<Duration>,
    /// The probe that it was sent for.
    pub probe_cluster: Option<u32>,
}

/// Bounds of the estimate, in bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub start_bps: u64,
    pub min_bps: u64,
    pub max_bps: u64,
}

/// What the estimator believes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// What may be sent, in bit/s.
    pub target_bps: u64,
    /// Share of packets lost over the last seconds, 0 to 1.
    pub loss: f64,
    /// Round trip of the newest report, the receiver's feedback interval included.
    pub rtt: Option<Duration>,
    /// What is to be sent more than once, within the target.
    pub protection: Protection,
}

/// The estimator of one transport.
///
/// Tell it what leaves ([`handle_sent`](Self::handle_sent)) and what comes back
/// ([`handle_reports`](Self::handle_reports)), wake it ([`poll_timeout`](Self::poll_timeout)), and send the probes that
/// it asks for ([`poll_probe`](Self::poll_probe)).
#[derive(Debug)]
pub struct Estimator {
    config: Config,
    acknowledged: AcknowledgedBitrate,
    coverage: Coverage,
    alr: AlrDetector,
    plenty: AlrDetector,
    delay: DelayBased,
    loss: LossBased,
    protection: ProtectionLadder,
    probes: ProbeController,
    results: ProbeResults,
    silence: Silence,
    target_bps: f64,
    rtt: Option<Duration>,
}

impl Estimator {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            acknowledged: AcknowledgedBitrate::default(),
            coverage: Coverage::default(),
            alr: AlrDetector::new(config.start_bps as f64, USED_SHARE),
            plenty: AlrDetector::new(config.start_bps as f64, PLENTY_SHARE),
            delay: DelayBased::new(config),
            loss: LossBased::new(config),
            protection: ProtectionLadder::default(),
            probes: ProbeController::new(config),
            results: ProbeResults::default(),
            silence: Silence::default(),
            target_bps: config.start_bps as f64,
            rtt: None,
        }
    }

    /// A packet of this many bytes on the wire left.
    pub fn handle_sent(&mut self, now: Instant, bytes: usize) {
        self.silence.handle_sent(now);
        self.alr.handle_sent(now, bytes);
        self.plenty.handle_sent(now, bytes);
        self.probes.handle_sent(now);
        let is_blind = self.plenty.is_limited() || !self.delay.has_bursts();
        self.probes.set_blind(now, is_blind);
    }

    /// Takes one feedback report: packets in the order they were sent.
    pub fn handle_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        if reports.is_empty() {
            return;
        }
        self.silence.handle_report();
        self.coverage.handle_reports(reports);
        if let Some(newest) = reports.iter().rev().find(|report| report.arrival.is_some()) {
            self.rtt = Some(now.saturating_duration_since(newest.departure));
        }
        let mut arrived: Vec<_> =
            reports.iter().filter_map(|report| report.arrival.map(|arrival| (arrival, report))).collect();
        arrived.sort_by_key(|(arrival, report)| (*arrival, report.departure));

        let mut found = None;
        for (arrival, report) in arrived {
            self.acknowledged.handle_packet(arrival, report.size);
            self.delay.handle_packet(report, arrival);
            if let Some(id) = report.probe_cluster {
                found = self.results.handle_packet(id, report.departure, arrival, report.size).or(found);
            }
        }
        let acknowledged_bps = self.acknowledged.bitrate_bps().map(|bps| bps / self.coverage.share());
        let before_bps = self.delay.target_bps();
        let floor = PROBE_FLOOR * acknowledged_bps.unwrap_or(0.0);
        let probe_bps = found.map(|found| match found {
            Found::AtLeast(bps) => bps.max(before_bps),
            Found::About(bps) => bps.max(floor.min(before_bps)),
        });
        let context = Context {
            acknowledged_bps,
            recent_bps: self.acknowledged.recent_bps(),
            probe_bps,
            rtt: self.rtt,
            in_alr: self.alr.is_limited(),
        };
        let recovered_from_bps = self.delay.handle_report(now, context);
        self.loss.handle_reports(
            reports,
            self.delay.target_bps(),
            acknowledged_bps,
            context.in_alr,
            self.coverage.share(),
        );
        self.publish(now);
        self.protection.handle_loss(now, self.loss.fraction(), self.target_bps);
        if let Some(before_bps) = recovered_from_bps {
            self.probes.handle_recovery(now, before_bps);
        }
    }

    /// Time has passed: a probe may be due, or feedback overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(share) = self.silence.handle_timeout(now) {
            self.delay.set_target(now, self.target_bps * share);
            self.publish(now);
        }
        self.probes.handle_timeout(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.probes.poll_timeout(), self.silence.poll_timeout()].into_iter().flatten().min()
    }

    /// A probe that should be sent now.
    pub fn poll_probe(&mut self) -> Option<ProbeCluster> {
        let cluster = self.probes.poll_probe()?;
        self.results.expect(cluster);
        Some(cluster)
    }

    /// More can be made use of from now on, or less, in bit/s. More is tried at once.
    pub fn set_max_bps(&mut self, now: Instant, max_bps: u64) {
        self.config.max_bps = max_bps;
        self.delay.set_max_bps(max_bps);
        self.loss.set_max_bps(max_bps);
        self.probes.set_max_bps(now, max_bps);
        self.publish(now);
    }

    pub fn estimate(&self) -> Estimate {
        Estimate {
            target_bps: self.target_bps.round() as u64,
            loss: self.loss.fraction(),
            rtt: self.rtt,
            protection: self.protection.chosen(),
        }
    }

    fn publish(&mut self, now: Instant) {
        let allowed = self.loss.target_bps(self.delay.target_bps());
        self.target_bps = allowed.clamp(self.config.min_bps as f64, self.config.max_bps as f64);
        self.alr.set_estimate(self.target_bps);
        self.plenty.set_estimate(self.target_bps);
        let limit = match self.loss.limit() {
            Limit::Delay if self.delay.is_over_used() => Limit::OverUse,
            limit @ (Limit::Delay | Limit::OverUse | Limit::Loss | Limit::LossRecovering) => limit,
        };
        self.probes.set_estimate(now, self.target_bps, limit);
    }
}
