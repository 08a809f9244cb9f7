//! Whether the queue on the path grows: the slope of the smoothed delay against an adaptive threshold
//! (draft-ietf-rmcat-gcc-02 sections 5.3 and 5.4, with libwebrtc's trendline in place of the Kalman filter).

use std::collections::VecDeque;
use std::time::Duration;

use super::inter_arrival::GroupDelta;

const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const MAX_DELTAS: u32 = 60;
/// An over-use must last this long before it counts.
const OVER_USE_MS: f64 = 10.0;
const THRESHOLD_MS: std::ops::RangeInclusive<f64> = 6.0..=600.0;
const START_THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// A peak further above the threshold than this does not raise it.
const MAX_ADAPT_OFFSET_MS: f64 = 15.0;

/// How the path is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Normal,
    /// The queue grows.
    Over,
    /// The queue drains.
    Under,
}

#[derive(Debug)]
pub(super) struct Trendline {
    first_arrival: Option<Duration>,
    deltas: u32,
    accumulated_ms: f64,
    smoothed_ms: f64,
    /// Arrival time and smoothed delay, both in ms.
    history: VecDeque<(f64, f64)>,
    trend: f64,
    previous_trend: f64,
    threshold_ms: f64,
    adapted_at: Option<Duration>,
    over_for_ms: Option<f64>,
    over_count: u32,
    usage: Usage,
}

impl Default for Trendline {
    fn default() -> Self {
        Self {
            first_arrival: None,
            deltas: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            history: VecDeque::with_capacity(WINDOW + 1),
            trend: 0.0,
            previous_trend: 0.0,
            threshold_ms: START_THRESHOLD_MS,
            adapted_at: None,
            over_for_ms: None,
            over_count: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trendline {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn handle_delta(&mut self, delta: GroupDelta) -> Usage {
        let first = *self.first_arrival.get_or_insert(delta.arrival);
        self.deltas = (self.deltas + 1).min(1000);
        self.accumulated_ms += delta.arrival_ms - delta.send_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        let arrival_ms = delta.arrival.saturating_sub(first).as_secs_f64() * 1e3;
        self.history.push_back((arrival_ms, self.smoothed_ms));
        if self.history.len() > WINDOW {
            self.history.pop_front();
        }
        if self.history.len() == WINDOW
            && let Some(slope) = slope(&self.history)
        {
            self.trend = slope;
        }
        self.detect(delta);
        self.usage
    }

    fn detect(&mut self, delta: GroupDelta) {
        if self.deltas < 2 {
            return;
        }
        let modified = f64::from(self.deltas.min(MAX_DELTAS)) * self.trend * GAIN;
        if modified > self.threshold_ms {
            let over_for = self.over_for_ms.map_or(delta.send_ms / 2.0, |before| before + delta.send_ms);
            self.over_for_ms = Some(over_for);
            self.over_count += 1;
            if over_for > OVER_USE_MS && self.over_count > 1 && self.trend >= self.previous_trend {
                self.over_for_ms = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for_ms = None;
            self.over_count = 0;
            self.usage = if modified < -self.threshold_ms { Usage::Under } else { Usage::Normal };
        }
        self.previous_trend = self.trend;
        self.adapt_threshold(modified.abs(), delta.arrival);
    }

    fn adapt_threshold(&mut self, modified: f64, arrival: Duration) {
        let since_ms =
            self.adapted_at.map_or(0.0, |at| arrival.saturating_sub(at).as_secs_f64() * 1e3).min(100.0);
        self.adapted_at = Some(arrival);
        if modified > self.threshold_ms + MAX_ADAPT_OFFSET_MS {
            return;
        }
        let rate = if modified < self.threshold_ms { THRESHOLD_DOWN } else { THRESHOLD_UP };
        let threshold = self.threshold_ms + rate * (modified - self.threshold_ms) * since_ms;
        self.threshold_ms = threshold.clamp(*THRESHOLD_MS.start(), *THRESHOLD_MS.end());
    }
}

/// Least-squares slope of the points; `None` if they all stand at one time.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (variance > 0.0).then(|| covariance / variance)
}
