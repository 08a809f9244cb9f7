//! A guess at the path, and how well it explains what was observed.

use super::observation::{Observation, Observations};

const INITIAL_INHERENT_LOSS: f64 = 0.01;
const MIN_INHERENT_LOSS: f64 = 0.001;
/// The most loss that a path may have of itself: this, plus [`BALANCE_BPS`] over its bandwidth.
const MAX_INHERENT_LOSS: f64 = 0.05;
const BALANCE_BPS: f64 = 100_000.0;
const NEWTON_STEP: f64 = 0.75;
/// How much more of a kbit/s, and of its logarithm, is preferred.
const BIAS: f64 = 0.000_2;
const LOG_BIAS: f64 = 0.02;
/// The preference turns at this average loss. libwebrtc's turns at a fifth, and makes a path that loses as much worse and
/// worse for nothing.
const BIAS_TURNS_AT: f64 = 0.5;
const BIAS_SMOOTHING: f64 = 0.002;

/// A path that loses a share of everything, and all that exceeds its bandwidth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Channel {
    pub(super) bandwidth_bps: f64,
    pub(super) inherent_loss: f64,
}

impl Channel {
    pub(super) fn new(bandwidth_bps: f64) -> Self {
        Self { bandwidth_bps, inherent_loss: INITIAL_INHERENT_LOSS }
    }

    /// Another bandwidth, with the inherent loss that explains the observations best.
    pub(super) fn with_bandwidth(self, bandwidth_bps: f64, observations: &Observations) -> Self {
        let mut channel = Self { bandwidth_bps, ..self };
        channel.inherent_loss = channel.feasible(channel.inherent_loss);
        let (first, second) = channel.derivatives(observations);
        channel.inherent_loss = channel.feasible(channel.inherent_loss - NEWTON_STEP * first / second);
        channel
    }

    /// Log-likelihood of the observations, biased towards more bandwidth while little is lost.
    pub(super) fn objective(&self, observations: &Observations, average_loss: f64) -> f64 {
        let bias = self.bias(average_loss);
        observations
            .weighted()
            .map(|(weight, observation)| {
                let loss = self.loss_probability(observation);
                let (lost, received) = kilobytes(observation);
                weight * (lost * loss.ln() + received * (1.0 - loss).ln() + bias * observation.bytes / 1000.0)
            })
            .sum()
    }

    fn bias(&self, average_loss: f64) -> f64 {
        let distance = BIAS_TURNS_AT - average_loss;
        let turn = distance / (BIAS_SMOOTHING + distance.abs());
        let kbps = self.bandwidth_bps / 1000.0;
        turn * (BIAS * kbps + LOG_BIAS * kbps.ln_1p())
    }

    fn loss_probability(&self, observation: &Observation) -> f64 {
        let excess = (observation.sending_bps - self.bandwidth_bps).max(0.0);
        let overflow = if excess > 0.0 { excess / observation.sending_bps } else { 0.0 };
        (self.inherent_loss + (1.0 - self.inherent_loss) * overflow).clamp(1e-6, 1.0 - 1e-6)
    }

    /// Of the log-likelihood, by the inherent loss.
    fn derivatives(&self, observations: &Observations) -> (f64, f64) {
        let mut first = 0.0;
        let mut second = 0.0;
        for (weight, observation) in observations.weighted() {
            let loss = self.loss_probability(observation);
            let (lost, received) = kilobytes(observation);
            first += weight * (lost / loss - received / (1.0 - loss));
            second -= weight * (lost / loss.powi(2) + received / (1.0 - loss).powi(2));
        }
        (first, if second < 0.0 { second } else { -1e6 })
    }

    fn feasible(&self, inherent_loss: f64) -> f64 {
        let most = (MAX_INHERENT_LOSS + BALANCE_BPS / self.bandwidth_bps.max(1.0)).min(1.0);
        inherent_loss.max(MIN_INHERENT_LOSS).min(most)
    }
}

/// Lost and received.
fn kilobytes(observation: &Observation) -> (f64, f64) {
    (observation.lost_bytes / 1000.0, (observation.bytes - observation.lost_bytes) / 1000.0)
}
