//! What the path carried when it was last full (libwebrtc's `LinkCapacityEstimator`), in kbit/s.

const SMOOTHING: f64 = 0.05;

#[derive(Debug, Default)]
pub(super) struct LinkCapacity {
    estimate: Option<f64>,
    /// Variance, normalised by the estimate.
    deviation: f64,
}

impl LinkCapacity {
    /// The path was over-used while this much got through.
    pub(super) fn handle_overuse(&mut self, throughput_kbps: f64) {
        let estimate = match self.estimate {
            None => throughput_kbps,
            Some(estimate) => (1.0 - SMOOTHING) * estimate + SMOOTHING * throughput_kbps,
        };
        let error = estimate - throughput_kbps;
        self.deviation = (1.0 - SMOOTHING) * self.deviation + SMOOTHING * error * error / estimate.max(1.0);
        self.deviation = self.deviation.clamp(0.4, 2.5);
        self.estimate = Some(estimate);
    }

    pub(super) fn reset(&mut self) {
        self.estimate = None;
    }

    pub(super) fn estimate(&self) -> Option<f64> {
        self.estimate
    }

    /// The range in which the estimate is still believed.
    pub(super) fn bounds(&self) -> Option<(f64, f64)> {
        self.estimate.map(|estimate| {
            let spread = 3.0 * (self.deviation * estimate).sqrt();
            ((estimate - spread).max(0.0), estimate + spread)
        })
    }
}
