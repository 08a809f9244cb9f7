//! What loss says of the path (libwebrtc's `LossBasedBweV2`, which took the place of draft-ietf-rmcat-gcc-02 section 6).
//!
//! Loss of a share of everything is a property of the path, loss of what exceeds a bandwidth is congestion. Of several
//! candidate bandwidths the one is taken that explains best what was sent and lost over the last seconds; none above
//! what delay allows.

mod channel;
mod observation;

use std::time::{Duration, Instant};

use self::channel::Channel;
use self::observation::Observations;
use super::probe::Limit;
use super::{Config, PacketReport};

const CANDIDATES: [f64; 3] = [1.02, 1.0, 0.95];
const MIN_OBSERVATIONS: usize = 3;
/// After a loss, the estimate grows at most by this in each window.
const RECOVERY_WINDOW: Duration = Duration::from_millis(300);
const RECOVERY_GROWTH: f64 = 1.3;
/// The most above what got through; less near the rate at which losses began.
const RAMP_UP: f64 = 1.5;
const RAMP_UP_IN_HOLD: f64 = 1.2;
const HOLD_NEAR: f64 = 1.3;
/// How long the estimate is held after a loss; doubled each time.
const FIRST_HOLD: Duration = Duration::from_millis(300);
const MAX_HOLD: Duration = Duration::from_secs(60);
/// Beyond this average loss the estimate is bounded by [`INSTANT_BALANCE_BPS`] over the excess. Half as much again as
/// libwebrtc's: a queue that overflows is seen by its delay before.
const INSTANT_OFFSET: f64 = 0.05;
const INSTANT_BALANCE_BPS: f64 = 150_000.0;
/// The most of a path's own loss that growth makes up for.
const MOST_LOST: f64 = 0.5;
/// How long what got through counts although the application is the limit, after an increase.
const INCREASE_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Delay is the limit.
    Delay,
    Increasing,
    Decreasing,
}

#[derive(Debug)]
pub(super) struct LossBased {
    config: Config,
    observations: Observations,
    best: Option<Channel>,
    target_bps: f64,
    state: State,
    hold: Hold,
    /// When the last window of recovery began, and the most that it allows.
    recovering: Option<(Instant, f64)>,
    /// When the estimate last reached a new height below the delay's, and that height.
    increased: Option<(Instant, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Option<Instant>,
    duration: Duration,
    rate_bps: f64,
}

const NO_HOLD: Hold = Hold { until: None, duration: FIRST_HOLD, rate_bps: f64::INFINITY };

impl LossBased {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            observations: Observations::default(),
            best: None,
            target_bps: config.start_bps as f64,
            state: State::Delay,
            hold: NO_HOLD,
            recovering: None,
            increased: None,
        }
    }

    /// Share of packets lost over the last seconds.
    pub(super) fn fraction(&self) -> f64 {
        self.observations.packet_loss()
    }

    pub(super) fn limit(&self) -> Limit {
        match self.state {
            State::Delay => Limit::Delay,
            State::Increasing => Limit::LossRecovering,
            State::Decreasing => Limit::Loss,
        }
    }

    /// What loss and delay allow together.
    pub(super) fn target_bps(&self, delay_bps: f64) -> f64 {
        if self.observations.total() < MIN_OBSERVATIONS || self.state == State::Delay {
            delay_bps
        } else {
            self.target_bps.min(delay_bps)
        }
    }

    pub(super) fn set_max_bps(&mut self, max_bps: u64) {
        self.config.max_bps = max_bps;
    }

    /// Takes a report, what delay allows and what got through, and the share of what was sent that reports speak of.
    pub(super) fn handle_reports(
        &mut self,
        reports: &[PacketReport],
        delay_bps: f64,
        acknowledged_bps: Option<f64>,
        in_alr: bool,
        coverage: f64,
    ) {
        if !self.observations.handle_reports(reports, coverage) {
            return;
        }
        let Some(now) = self.observations.newest_sent() else { return };
        if self.is_loss_limited() && self.observations.packet_loss() == 0.0 {
            self.release(delay_bps);
            return;
        }
        let current = *self.best.get_or_insert(Channel::new(delay_bps));
        let average_loss = self.observations.average_loss();
        let mut best = self.best_candidate(now, current, delay_bps, acknowledged_bps, in_alr, average_loss);
        if average_loss > best.inherent_loss && current.bandwidth_bps < best.bandwidth_bps {
            best.bandwidth_bps = current.bandwidth_bps;
        }
        if self.is_loss_limited() {
            best.bandwidth_bps = self.bound_growth(now, current, best, acknowledged_bps);
        }

        let max = self.config.max_bps as f64;
        let lower = acknowledged_bps.unwrap_or(0.0).max(self.config.min_bps as f64);
        let upper = if average_loss > INSTANT_OFFSET {
            INSTANT_BALANCE_BPS / (average_loss - INSTANT_OFFSET)
        } else {
            max
        };
        let bounded = best.bandwidth_bps.min(upper).min(delay_bps).max(lower);
        self.best = Some(if bounded < best.bandwidth_bps {
            Channel { bandwidth_bps: bounded, inherent_loss: 0.0 }
        } else {
            Channel { bandwidth_bps: best.bandwidth_bps.max(lower), ..best }
        });
        self.settle(now, bounded, lower, delay_bps.min(max));
    }

    /// All that is remembered arrived. What a sender lost that does not use its estimate would hold it down for ever,
    /// since growth is bounded by what gets through.
    fn release(&mut self, delay_bps: f64) {
        self.best = Some(Channel::new(delay_bps));
        self.target_bps = delay_bps;
        self.state = State::Delay;
        self.hold = NO_HOLD;
        (self.recovering, self.increased) = (None, None);
    }

    fn best_candidate(
        &self,
        now: Instant,
        current: Channel,
        delay_bps: f64,
        acknowledged_bps: Option<f64>,
        in_alr: bool,
        average_loss: f64,
    ) -> Channel {
        let increased_recently = self.increased.is_some_and(|(at, _)| at + INCREASE_PATIENCE >= now);
        let most = match self.recovering {
            Some((_, limit)) if self.is_loss_limited() => limit,
            Some(_) | None => self.config.max_bps as f64,
        };
        let most = most.max(current.bandwidth_bps);
        let scaled = CANDIDATES.map(|factor| factor * current.bandwidth_bps);
        let acknowledged = acknowledged_bps.filter(|_| !in_alr || increased_recently);
        let delay = Some(delay_bps).filter(|delay| *delay > current.bandwidth_bps);
        let candidates = scaled
            .into_iter()
            .chain(acknowledged)
            .chain(delay)
            .map(|bandwidth| current.with_bandwidth(bandwidth.min(most), &self.observations));
        let mut best = (f64::NEG_INFINITY, current);
        for candidate in candidates {
            let objective = candidate.objective(&self.observations, average_loss);
            if objective > best.0 {
                best = (objective, candidate);
            }
        }
        best.1
    }

    fn bound_growth(
        &self,
        now: Instant,
        current: Channel,
        best: Channel,
        acknowledged_bps: Option<f64>,
    ) -> f64 {
        let mut wanted = best.bandwidth_bps;
        if let Some((since, limit)) = self.recovering
            && since + RECOVERY_WINDOW > now
        {
            wanted = wanted.min(limit);
        }
        let grows = self.is_increase(current.bandwidth_bps, wanted);
        let Some(acknowledged) = acknowledged_bps.filter(|_| grows) else { return wanted };
        // A path that loses a share of everything carried more than what got through.
        let carried = acknowledged / (1.0 - best.inherent_loss.min(MOST_LOST));
        let near_hold = self.hold.rate_bps.is_finite() && carried < HOLD_NEAR * self.hold.rate_bps;
        let ramp_up = if near_hold { RAMP_UP_IN_HOLD } else { RAMP_UP };
        wanted = wanted.min(ramp_up * carried).max(current.bandwidth_bps);
        if self.state == State::Decreasing && wanted == current.bandwidth_bps {
            // Just enough to be an increase, which ends the decrease.
            wanted += 1.0;
        }
        wanted
    }

    /// Decides the state for the bounded estimate, and holds it after a loss.
    fn settle(&mut self, now: Instant, bounded: f64, lower: f64, delay_bps: f64) {
        let is_held = self.hold.until.is_some_and(|until| until > now);
        if self.state == State::Decreasing && is_held && bounded < delay_bps {
            self.hold.rate_bps = self.hold.rate_bps.max(lower);
            self.target_bps = bounded.min(self.hold.rate_bps);
            return;
        }
        if bounded >= delay_bps {
            self.hold = NO_HOLD;
            self.state = State::Delay;
        } else if self.is_increase(self.target_bps, bounded) && self.can_keep_increasing(now, bounded) {
            if self.increased.is_none_or(|(_, height)| bounded > height) {
                self.increased = Some((now, bounded));
            }
            self.state = State::Increasing;
        } else {
            if self.state != State::Decreasing {
                self.hold = Hold {
                    until: Some(now + self.hold.duration),
                    duration: (self.hold.duration * 2).min(MAX_HOLD),
                    rate_bps: bounded,
                };
            }
            self.state = State::Decreasing;
        }
        self.target_bps = bounded;
        let is_over = self.recovering.is_none_or(|(since, _)| since + RECOVERY_WINDOW < now);
        if let Some(best) = self.best.filter(|_| self.is_loss_limited() && is_over) {
            self.recovering = Some((now, RECOVERY_GROWTH * best.bandwidth_bps));
        }
    }

    fn is_loss_limited(&self) -> bool {
        self.state != State::Delay
    }

    fn is_increase(&self, before: f64, after: f64) -> bool {
        self.is_loss_limited() && (before < after || before == after && self.state == State::Increasing)
    }

    fn can_keep_increasing(&self, now: Instant, bounded: f64) -> bool {
        self.state != State::Increasing
            || self.increased.is_none_or(|(at, height)| at + INCREASE_PATIENCE >= now || height < bounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Config = Config { start_bps: 600_000, min_bps: 40_000, max_bps: 980_000 };
    const USED_BPS: f64 = 400_000.0;

    /// Feeds a second of reports about 40 packets, of which every `lost`th was lost.
    fn second(loss: &mut LossBased, from: Instant, number: &mut u64, lost: Option<u64>) -> Instant {
        (0..20).fold(from, |now, _| {
            let reports: Vec<_> = (0..2)
                .map(|packet| {
                    *number += 1;
                    let is_lost = lost.is_some_and(|lost| number.is_multiple_of(lost));
                    PacketReport {
                        sequence_number: *number,
                        size: 1_250,
                        departure: now + Duration::from_millis(packet),
                        arrival: (!is_lost).then(|| Duration::from_millis(*number * 25)),
                        probe_cluster: None,
                    }
                })
                .collect();
            loss.handle_reports(&reports, CONFIG.max_bps as f64, Some(USED_BPS), false, 1.0);
            now + Duration::from_millis(50)
        })
    }

    #[test]
    fn a_sender_that_uses_little_is_let_go_once_nothing_is_lost() {
        let mut loss = LossBased::new(CONFIG);
        let mut number = 0;
        let mut now = Instant::now();
        for _ in 0..8 {
            now = second(&mut loss, now, &mut number, Some(3));
        }
        assert_ne!(loss.limit(), Limit::Delay);
        assert!(loss.target_bps(CONFIG.max_bps as f64) < 600e3);
        for _ in 0..10 {
            now = second(&mut loss, now, &mut number, None);
        }
        assert_eq!(loss.limit(), Limit::Delay);
        assert_eq!(loss.target_bps(CONFIG.max_bps as f64), CONFIG.max_bps as f64);
    }
}
