//! Rate control on the loss signal, and the lesser of both targets (draft-ietf-rmcat-gcc-02 section 6).

use std::time::{Duration, Instant};

use super::{Config, PacketReport};

/// Losses are judged over at least this time and this many packets.
const WINDOW: Duration = Duration::from_millis(500);
const WINDOW_PACKETS: usize = 20;
/// Below: no congestion. Above [`HIGH`]: congestion. Between: no change.
const LOW: f64 = 0.02;
const HIGH: f64 = 0.10;
/// Growth per second without loss.
const GROWTH: f64 = 1.08;

#[derive(Debug)]
pub(crate) struct LossBased {
    config: Config,
    target_bps: f64,
    fraction: f64,
    window_start: Option<Instant>,
    reported: usize,
    lost: usize,
}

impl LossBased {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            target_bps: config.start_bps as f64,
            fraction: 0.0,
            window_start: None,
            reported: 0,
            lost: 0,
        }
    }

    pub(crate) fn target_bps(&self) -> u64 {
        self.target_bps.round() as u64
    }

    pub(crate) fn fraction(&self) -> f64 {
        self.fraction
    }

    /// Takes a report and the target that delay allows, which this one never exceeds.
    pub(crate) fn handle_reports(
        &mut self,
        now: Instant,
        reports: &[PacketReport],
        delay_based_bps: f64,
        throughput_bps: Option<f64>,
    ) {
        self.reported += reports.len();
        self.lost += reports.iter().filter(|report| report.arrival.is_none()).count();
        let start = *self.window_start.get_or_insert(now);
        let passed = now.saturating_duration_since(start);
        let mut wanted = self.target_bps;
        if passed >= WINDOW && self.reported >= WINDOW_PACKETS {
            self.fraction = self.lost as f64 / self.reported as f64;
            let floor = throughput_bps.map_or(0.0, |throughput| throughput * 0.5);
            if self.fraction > HIGH {
                wanted = (wanted * (1.0 - 0.5 * self.fraction)).max(floor.min(wanted));
            } else if self.fraction < LOW {
                wanted *= GROWTH.powf(passed.as_secs_f64().min(1.0));
            }
            (self.window_start, self.reported, self.lost) = (Some(now), 0, 0);
        }
        // Without loss, delay alone decides.
        if self.fraction < LOW {
            wanted = delay_based_bps;
        }
        let bounds = (self.config.min_bps as f64, self.config.max_bps as f64);
        self.target_bps = wanted.min(delay_based_bps).clamp(bounds.0, bounds.1);
    }
}
