//! Rate control on the delay signal: multiplicative or additive increase, multiplicative decrease
//! (draft-ietf-rmcat-gcc-02 section 5.5), and beyond the draft: the way back once a queue has drained, and to capacity
//! that bursts have shown.

use std::time::{Duration, Instant};

use super::link_capacity::LinkCapacity;
use super::trendline::Usage;
use super::{Context, Path};
use crate::estimator::Config;

/// What is kept of the received rate after an over-use, while the queue drains: less the longer it is.
const BETA: std::ops::RangeInclusive<f64> = 0.5..=0.85;
/// A queue this long would be drained within a second by sending nothing.
const DRAIN_MS: f64 = 500.0;
/// A shorter queue has drained.
const DRAINED_MS: f64 = 10.0;
/// While a queue is longer than this, what arrives is what the path takes.
const STANDING_MS: f64 = 50.0;
/// A shorter queue tells the same when what comes out of it has fallen to this share: the path was cut.
const GROWING_MS: f64 = 20.0;
const CUT: f64 = 0.75;
/// What of the rate that filled the queue is taken up again after that.
const RESUME: f64 = 0.96;
/// The same for a sender that has most of the path, but not all: so that the others catch up.
const RESUME_DOMINANT: f64 = 0.88;
/// Throughput over the rate of bursts when that is so. Beside others, a burst at 2.5 times the target gets 2.5 shares:
/// the ratio is 0.4 and 0.6 times the share of the path.
const DOMINANT: std::ops::Range<f64> = 0.7..0.92;
/// A queue that takes longer is somebody else's.
const DRAIN_PATIENCE: Duration = Duration::from_secs(4);
/// Growth per second while the capacity is unknown.
const GROWTH: f64 = 1.08;
const MIN_ADDITIVE_BPS_PER_S: f64 = 4_000.0;
const PACKET_BITS: f64 = 1_200.0 * 8.0;
/// Round trip assumed before one is measured.
const DEFAULT_RTT: Duration = Duration::from_millis(200);
/// Bursts that come out this much faster than when the path was full show that it is wider now.
const WIDER: f64 = 1.35;
/// What of the new capacity is taken.
const WIDER_SHARE: f64 = 0.85;
/// An over-use must be this far back before the path can be wider.
const WIDER_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
    Decrease,
}

/// A queue that drains after an over-use.
#[derive(Debug, Clone, Copy)]
struct Drain {
    began: Instant,
    /// The target before.
    from_bps: f64,
    /// What got through while the queue stood.
    through_bps: f64,
    /// How long the queue was when the rate was last lowered.
    wait_ms: f64,
}

/// What the path did when it was last full.
#[derive(Debug, Clone, Copy)]
struct Full {
    throughput_bps: f64,
    dispersion_bps: f64,
}

#[derive(Debug)]
pub(super) struct Aimd {
    config: Config,
    target_bps: f64,
    state: State,
    capacity: LinkCapacity,
    drain: Option<Drain>,
    full: Option<Full>,
    wants_rebase: bool,
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
            drain: None,
            full: None,
            wants_rebase: false,
            changed_at: None,
            decreased_at: None,
        }
    }

    pub(super) fn target_bps(&self) -> f64 {
        self.target_bps
    }

    /// While a queue drains after an over-use: the target before.
    pub(super) fn draining_from_bps(&self) -> Option<f64> {
        self.drain.map(|drain| drain.from_bps)
    }

    pub(super) fn take_rebase(&mut self) -> bool {
        std::mem::take(&mut self.wants_rebase)
    }

    pub(super) fn set_max_bps(&mut self, max_bps: u64) {
        self.config.max_bps = max_bps;
        self.target_bps = self.target_bps.min(max_bps as f64);
    }

    /// Goes on from this target.
    pub(super) fn set_target(&mut self, now: Instant, target_bps: f64) {
        self.target_bps = target_bps.clamp(self.config.min_bps as f64, self.config.max_bps as f64);
        self.changed_at = Some(now);
    }

    /// Takes the newest word on the path.
    pub(super) fn handle(&mut self, now: Instant, usage: Usage, context: Context, path: Path) {
        self.state = match (usage, self.state) {
            (Usage::Over, _) => State::Decrease,
            (Usage::Under, _) => State::Hold,
            (Usage::Normal, State::Hold | State::Increase | State::Decrease) => State::Increase,
        };
        let acknowledged = context.acknowledged_bps.unwrap_or(self.target_bps);
        let throughput = match context.recent_bps {
            Some(recent) if path.wait_ms > STANDING_MS => recent.min(acknowledged),
            Some(recent) if path.wait_ms > GROWING_MS && recent < CUT * acknowledged => recent,
            Some(_) | None => acknowledged,
        };
        let rtt = context.rtt.unwrap_or(DEFAULT_RTT);
        match self.state {
            State::Hold => {
                self.changed_at = Some(now);
                self.resume(now, throughput, path);
            }
            State::Increase => {
                self.increase(now, throughput, rtt, context.in_alr);
                self.resume(now, throughput, path);
                self.widen(now, throughput, path);
            }
            State::Decrease => self.decrease(now, throughput, rtt, path),
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
        if in_alr || self.drain.is_some() {
            return;
        }
        let limit = tried(throughput);
        if self.target_bps < limit {
            self.target_bps = grown.min(limit);
        }
    }

    /// Ends a drain: nearly what got through while the queue stood fits.
    fn resume(&mut self, now: Instant, throughput: f64, path: Path) {
        let Some(drain) = &mut self.drain else { return };
        if path.wait_ms <= DRAINED_MS {
            let is_dominant = self.full.is_some_and(|full| DOMINANT.contains(&full.share()));
            let resume = if is_dominant { RESUME_DOMINANT } else { RESUME };
            self.target_bps = self.target_bps.max(resume * drain.through_bps);
            self.drain = None;
        } else if now.saturating_duration_since(drain.began) > DRAIN_PATIENCE {
            self.target_bps = self.target_bps.max(RESUME * drain.through_bps);
            self.drain = None;
            self.wants_rebase = true;
        } else if path.wait_ms > STANDING_MS {
            drain.through_bps = throughput;
        }
    }

    /// Takes up capacity that bursts have shown.
    fn widen(&mut self, now: Instant, throughput: f64, path: Path) {
        let (Some(full), Some(dispersion)) = (self.full, path.dispersion_bps) else { return };
        let is_settled = self.drain.is_none()
            && self.decreased_at.is_none_or(|at| now.saturating_duration_since(at) > WIDER_PATIENCE);
        if !is_settled || dispersion < WIDER * full.dispersion_bps {
            return;
        }
        // Bursts show no more than the pacer puts into them, so this may take several rounds.
        self.target_bps =
            self.target_bps.max((WIDER_SHARE * full.share() * dispersion).min(tried(throughput)));
    }

    fn decrease(&mut self, now: Instant, throughput: f64, rtt: Duration, path: Path) {
        let pause = rtt.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let recently = self.decreased_at.is_some_and(|at| now.saturating_duration_since(at) < pause);
        if recently && throughput > 0.5 * self.target_bps {
            return;
        }
        let drains_already = self.drain.is_some_and(|drain| path.wait_ms < drain.wait_ms);
        if drains_already || path.wait_ms <= DRAINED_MS {
            // The trend is late.
            return;
        }
        let beta = (1.0 - path.wait_ms / DRAIN_MS).clamp(*BETA.start(), *BETA.end());
        let mut wanted = beta * throughput;
        if wanted > self.target_bps
            && let Some(capacity) = self.capacity.estimate()
        {
            wanted = beta * capacity * 1e3;
        }
        let (began, from_bps) =
            self.drain.map_or((now, self.target_bps), |drain| (drain.began, drain.from_bps));
        self.drain = Some(Drain { began, from_bps, through_bps: throughput, wait_ms: path.wait_ms });
        if let Some(dispersion_bps) = path.dispersion_bps {
            self.full = Some(Full { throughput_bps: throughput, dispersion_bps });
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

impl Full {
    /// Of what bursts get.
    fn share(self) -> f64 {
        (self.throughput_bps / self.dispersion_bps).min(1.0)
    }
}

/// The most that a target may be above what got through.
fn tried(throughput_bps: f64) -> f64 {
    1.5 * throughput_bps + 10_000.0
}

/// About one packet more each response time (draft section 5.5).
fn additive_bps_per_s(rtt: Duration) -> f64 {
    let response_s = 2.0 * (rtt + Duration::from_millis(100)).as_secs_f64();
    (PACKET_BITS / response_s).max(MIN_ADDITIVE_BPS_PER_S)
}
