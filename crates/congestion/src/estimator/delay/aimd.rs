//! Rate control on the delay signal: multiplicative or additive increase, multiplicative decrease
//! (draft-ietf-rmcat-gcc-02 section 5.5).

use std::time::{Duration, Instant};

use super::Context;
use super::link_capacity::LinkCapacity;
use super::trendline::Usage;
use crate::estimator::Config;

/// What is kept of the received rate after an over-use.
const BETA: f64 = 0.85;
/// Growth per second while the capacity is unknown.
const GROWTH: f64 = 1.08;
const MIN_ADDITIVE_BPS_PER_S: f64 = 4_000.0;
const PACKET_BITS: f64 = 1_200.0 * 8.0;
/// Round trip assumed before one is measured.
const DEFAULT_RTT: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
    Decrease,
}

#[derive(Debug)]
pub(super) struct Aimd {
    config: Config,
    target_bps: f64,
    state: State,
    capacity: LinkCapacity,
    changed_at: Option<Instant>,
    decreased_at: Option<Instant>,
}

impl Aimd {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            target_bps: config.start_bps as f64,
            state: State::Hold,
            capacity: LinkCapacity::default(),
            changed_at: None,
            decreased_at: None,
        }
    }

    pub(super) fn target_bps(&self) -> f64 {
        self.target_bps
    }

    /// Goes on from this target.
    pub(super) fn set_target(&mut self, now: Instant, target_bps: f64) {
        self.target_bps = target_bps.clamp(self.config.min_bps as f64, self.config.max_bps as f64);
        self.changed_at = Some(now);
    }

    /// Takes the newest word on the path.
    pub(super) fn handle(&mut self, now: Instant, usage: Usage, context: Context) {
        self.state = match (usage, self.state) {
            (Usage::Over, _) => State::Decrease,
            (Usage::Under, _) => State::Hold,
            (Usage::Normal, State::Hold | State::Increase | State::Decrease) => State::Increase,
        };
        let throughput = context.acknowledged_bps.unwrap_or(self.target_bps);
        let rtt = context.rtt.unwrap_or(DEFAULT_RTT);
        match self.state {
            State::Hold => self.changed_at = Some(now),
            State::Increase => self.increase(now, throughput, rtt, context.in_alr),
            State::Decrease => self.decrease(now, throughput, rtt),
        }
        self.target_bps = self.target_bps.clamp(self.config.min_bps as f64, self.config.max_bps as f64);
    }

    fn increase(&mut self, now: Instant, throughput: f64, rtt: Duration, in_alr: bool) {
        let since = self.changed_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let seconds = since.as_secs_f64().min(1.0);
        self.changed_at = Some(now);
        if self.capacity.bounds().is_some_and(|(_, upper)| throughput / 1e3 > upper) {
            self.capacity.reset();
        }
        let grown = match self.capacity.estimate() {
            Some(_) => self.target_bps + seconds * additive_bps_per_s(rtt),
            None => self.target_bps * GROWTH.powf(seconds) + 1_000.0 * seconds,
        };
        // What was never sent was never tried: the target stays near what got through, and a sender that does not use
        // it learns nothing but by probing.
        if in_alr {
            return;
        }
        let limit = 1.5 * throughput + 10_000.0;
        if self.target_bps < limit {
            self.target_bps = grown.min(limit);
        }
    }

    fn decrease(&mut self, now: Instant, throughput: f64, rtt: Duration) {
        let pause = rtt.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let recently = self.decreased_at.is_some_and(|at| now.saturating_duration_since(at) < pause);
        if recently && throughput > 0.5 * self.target_bps {
            return;
        }
        let mut wanted = BETA * throughput;
        if wanted > self.target_bps
            && let Some(capacity) = self.capacity.estimate()
        {
            wanted = BETA * capacity * 1e3;
        }
        self.target_bps = self.target_bps.min(wanted);
        if self.capacity.bounds().is_some_and(|(lower, _)| throughput / 1e3 < lower) {
            self.capacity.reset();
        }
        self.capacity.handle_overuse(throughput / 1e3);
        self.state = State::Hold;
        self.changed_at = Some(now);
        self.decreased_at = Some(now);
    }
}

/// About one packet more each response time (draft section 5.5).
fn additive_bps_per_s(rtt: Duration) -> f64 {
    let response_s = 2.0 * (rtt + Duration::from_millis(100)).as_secs_f64();
    (PACKET_BITS / response_s).max(MIN_ADDITIVE_BPS_PER_S)
}
