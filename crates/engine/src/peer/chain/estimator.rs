//! The seam between the crate's feedback and our estimator.

use std::time::Instant;

use rtc::interceptor::{BandwidthEstimator, PacketReport};
use tokio::sync::watch;
use visavis_congestion::{Config, Estimate, Estimator, VideoLadder};

/// Sound beside the pictures, headers included.
const AUDIO_BPS: u64 = 60_000;

const CONFIG: Config =
    Config { start_bps: 600_000, min_bps: 40_000, max_bps: VideoLadder::MAX_BPS + AUDIO_BPS };

/// What is believed before the first feedback.
pub(crate) const START: Estimate = Estimate { target_bps: CONFIG.start_bps, loss: 0.0, rtt: None };

/// Feeds the estimator and publishes what it says.
pub(super) struct Bridge {
    estimator: Estimator,
    estimate: watch::Sender<Estimate>,
}

impl Bridge {
    pub(super) fn new(estimate: watch::Sender<Estimate>) -> Self {
        Self { estimator: Estimator::new(CONFIG), estimate }
    }
}

impl BandwidthEstimator for Bridge {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        // A packet that arrived at an unknown time says nothing of the delay, and is not lost either.
        let told = reports.iter().filter(|report| report.arrival.is_some() || !report.arrived);
        let reports: Vec<_> = told
            .map(|report| visavis_congestion::PacketReport {
                size: report.size,
                departure: report.departure,
                arrival: report.arrival,
            })
            .collect();
        self.estimator.handle_reports(now, &reports);
        self.estimate.send_replace(self.estimator.estimate());
    }

    fn target_bitrate(&self) -> f64 {
        self.estimator.estimate().target_bps as f64
    }
}
