use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::interceptor::{History, convert_twcc};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use tracing::{debug, trace};
use visavis_congestion::{Config, Estimate, Estimator, PacketReport, ProbeCluster};

/// How long a packet may be without a report before it is forgotten, and how often that is looked after.
const FORGET_AFTER: Duration = Duration::from_secs(2);
const PRUNE_INTERVAL: Duration = Duration::from_secs(1);

/// Packets that one feedback tells of, at most: more than leave in seconds. It takes four bytes to tell of eight thousand, and
/// looking for each of them is what a flood of such feedback would be for.
const MOST_TOLD: u16 = 8192;

/// Joins what left with what the far side says of it, for the estimator.
pub(super) struct Feedback {
    estimator: Estimator,
    history: History,
    /// Number in the history and probe of the packets that are part of one, oldest first.
    probes: VecDeque<(u64, u32)>,
    pruned_at: Option<Instant>,
}

impl Feedback {
    pub(super) fn new(config: Config) -> Self {
        Self {
            estimator: Estimator::new(config),
            history: History::new(),
            probes: VecDeque::new(),
            pruned_at: None,
        }
    }

    /// A packet left under this transport-wide number.
    pub(super) fn handle_sent(&mut self, now: Instant, number: u16, size: usize, probe: Option<u32>) {
        // The history looks packets up by RTP numbers too, for another format of feedback.
        let id = self.history.add_outgoing(0, number, true, number, size, now);
        self.probes.extend(probe.map(|cluster| (id, cluster)));
        self.estimator.handle_sent(now, size);
    }

    pub(super) fn handle_feedback(&mut self, now: Instant, feedback: &TransportLayerCc) {
        if feedback.packet_status_count > MOST_TOLD {
            debug!(packets = feedback.packet_status_count, "feedback of more than can have left");
            return;
        }
        for acknowledgement in convert_twcc(feedback) {
            self.history.on_twcc_feedback(now, acknowledgement);
        }
        let mut reports = Vec::new();
        for report in self.history.take_reports() {
            let probe_cluster = self.probe_of(report.id);
            // A packet that arrived at an unknown time says nothing of the delay, and is not lost either.
            if report.arrived && report.arrival.is_none() {
                continue;
            }
            // Every report begins where the one before it ended: what is older was told of by one that is lost. The history
            // takes it for lost itself.
            let is_told = !is_before(report.twcc_sequence_number, feedback.base_sequence_number);
            if !report.arrived && !is_told {
                continue;
            }
            reports.push(PacketReport {
                sequence_number: report.id,
                size: report.size,
                departure: report.departure,
                arrival: report.arrival,
                probe_cluster,
            });
        }
        self.estimator.handle_reports(now, &reports);
        trace!(reports = reports.len(), estimate = ?self.estimator.estimate(), "feedback");
    }

    /// Reports come in the order of departure, and once for each packet.
    fn probe_of(&mut self, id: u64) -> Option<u32> {
        while self.probes.front().is_some_and(|(probe, _)| *probe < id) {
            self.probes.pop_front();
        }
        self.probes.front().filter(|(probe, _)| *probe == id).map(|(_, cluster)| *cluster)
    }

    /// Tells whether the estimate may have moved.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.pruned_at.is_none_or(|at| now.saturating_duration_since(at) >= PRUNE_INTERVAL) {
            self.pruned_at = Some(now);
            if let Some(cutoff) = now.checked_sub(FORGET_AFTER) {
                self.history.prune_before(cutoff);
            }
        }
        let is_due = self.estimator.poll_timeout().is_some_and(|due| now >= due);
        if is_due {
            self.estimator.handle_timeout(now);
        }
        is_due
    }

    pub(super) fn set_max_bps(&mut self, now: Instant, max_bps: u64) {
        self.estimator.set_max_bps(now, max_bps);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.estimator.poll_timeout()
    }

    pub(super) fn poll_probe(&mut self) -> Option<ProbeCluster> {
        let cluster = self.estimator.poll_probe();
        if let Some(cluster) = cluster {
            debug!(?cluster, "the path is tried");
        }
        cluster
    }

    pub(super) fn estimate(&self) -> Estimate {
        self.estimator.estimate()
    }
}

/// Whether a transport-wide number comes before another, across the wrap.
fn is_before(number: u16, other: u16) -> bool {
    number != other && other.wrapping_sub(number) < 1 << 15
}
