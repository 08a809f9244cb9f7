//! What really got through: a Bayesian average of the received bitrate (libwebrtc's `BitrateEstimator`).

use std::collections::VecDeque;
use std::time::Duration;

const FIRST_WINDOW: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_millis(150);
/// How little a sample that differs from the estimate is trusted.
const UNCERTAINTY: f64 = 10.0;
/// While a queue stands, packets arrive without pause: this much is enough to tell the rate.
const RECENT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct AcknowledgedBitrate {
    window_start: Option<Duration>,
    window_bytes: usize,
    estimate_kbps: Option<f64>,
    variance: f64,
    recent: VecDeque<(Duration, usize)>,
}

impl Default for AcknowledgedBitrate {
    fn default() -> Self {
        Self {
            window_start: None,
            window_bytes: 0,
            estimate_kbps: None,
            variance: 50.0,
            recent: VecDeque::new(),
        }
    }
}

impl AcknowledgedBitrate {
    /// Takes a packet, in order of arrival on the receiver's clock.
    pub(super) fn handle_packet(&mut self, arrival: Duration, size: usize) {
        self.recent.push_back((arrival, size));
        while self.recent.front().is_some_and(|(at, _)| arrival.saturating_sub(*at) > RECENT) {
            self.recent.pop_front();
        }
        let start = *self.window_start.get_or_insert(arrival);
        let window = if self.estimate_kbps.is_some() { WINDOW } else { FIRST_WINDOW };
        let Some(passed) = arrival.checked_sub(start) else {
            self.window_start = Some(arrival);
            self.window_bytes = size;
            return;
        };
        if passed >= window {
            // A pause longer than a window counts as time in which nothing came.
            let sample_kbps = self.window_bytes as f64 * 8.0 / (passed.as_secs_f64() * 1e3);
            self.handle_sample(sample_kbps);
            self.window_start = Some(arrival);
            self.window_bytes = 0;
        }
        self.window_bytes += size;
    }

    pub(super) fn bitrate_bps(&self) -> Option<f64> {
        self.estimate_kbps.map(|kbps| kbps * 1e3)
    }

    /// Over the last moment, with no memory of what was before.
    pub(super) fn recent_bps(&self) -> Option<f64> {
        let (first, last) = (self.recent.front()?, self.recent.back()?);
        let span = last.0.saturating_sub(first.0);
        let bytes: usize = self.recent.iter().skip(1).map(|(_, size)| size).sum();
        (span > RECENT / 2).then(|| bytes as f64 * 8.0 / span.as_secs_f64())
    }

    fn handle_sample(&mut self, sample: f64) {
        let Some(estimate) = self.estimate_kbps else {
            self.estimate_kbps = Some(sample);
            return;
        };
        let uncertainty = UNCERTAINTY * (estimate - sample).abs() / estimate.max(1.0);
        let sample_variance = uncertainty * uncertainty;
        let predicted_variance = self.variance + 5.0;
        let total = sample_variance + predicted_variance;
        self.estimate_kbps = Some((sample_variance * estimate + predicted_variance * sample) / total);
        self.variance = sample_variance * predicted_variance / total;
    }
}
