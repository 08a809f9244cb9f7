//! When to probe, and how high (libwebrtc's `ProbeController`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ProbeCluster;
use crate::estimator::Config;

/// The first probes, as multiples of the start bitrate.
const START_SCALES: [f64; 2] = [3.0, 6.0];
/// A result above this share of what was probed is followed by a probe of twice the result.
const FURTHER_ABOVE: f64 = 0.7;
const FURTHER_SCALE: f64 = 2.0;
const RESULT_PATIENCE: Duration = Duration::from_secs(1);
/// While media does not show what the path takes, it is tried this often.
const BLIND_INTERVAL: Duration = Duration::from_secs(5);
const BLIND_SCALE: f64 = 2.0;
/// What is probed for, of the estimate before an over-use, once the queue is empty.
const RECOVERY_SHARE: f64 = 0.9;
/// Two such probes are this far apart.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(2);
/// A probe so little above the estimate finds nothing new.
const UNCERTAINTY: f64 = 0.05;
/// How far above an estimate that loss holds down.
const LOSS_LIMITED_SCALE: f64 = 1.5;
const MIN_PACKETS: u32 = 5;
const MIN_DURATION: Duration = Duration::from_millis(15);

/// What keeps the estimate from growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::estimator) enum Limit {
    Delay,
    /// The queue grows.
    OverUse,
    Loss,
    /// Loss does, and less so.
    LossRecovering,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Unstarted,
    /// A result above this leads to another probe.
    Waiting {
        further_above_bps: f64,
        since: Instant,
    },
    Complete,
}

#[derive(Debug)]
pub(in crate::estimator) struct ProbeController {
    config: Config,
    state: State,
    estimate_bps: f64,
    limit: Limit,
    /// Since when media alone does not show what the path takes.
    blind_since: Option<Instant>,
    probed_at: Option<Instant>,
    recovery_at: Option<Instant>,
    next_id: u32,
    wanted: VecDeque<ProbeCluster>,
}

impl ProbeController {
    pub(in crate::estimator) fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Unstarted,
            estimate_bps: config.start_bps as f64,
            limit: Limit::Delay,
            blind_since: None,
            probed_at: None,
            recovery_at: None,
            next_id: 0,
            wanted: VecDeque::new(),
        }
    }

    /// Something is sent: the path is open.
    pub(in crate::estimator) fn handle_sent(&mut self, now: Instant) {
        if self.state == State::Unstarted {
            let start = self.config.start_bps as f64;
            self.probe(now, &START_SCALES.map(|scale| scale * start), true);
        }
    }

    pub(in crate::estimator) fn set_estimate(&mut self, now: Instant, estimate_bps: f64, limit: Limit) {
        self.limit = limit;
        self.estimate_bps = estimate_bps;
        match self.state {
            State::Waiting { further_above_bps, .. } if estimate_bps > further_above_bps => {
                self.probe(now, &[FURTHER_SCALE * estimate_bps], true);
            }
            State::Unstarted | State::Waiting { .. } | State::Complete => {}
        }
    }

    /// Media alone shows what the path takes, or not: there is too little of it, or it is too even.
    pub(in crate::estimator) fn set_blind(&mut self, now: Instant, is_blind: bool) {
        self.blind_since = is_blind.then(|| self.blind_since.unwrap_or(now));
    }

    /// More than before is tried at once (libwebrtc's `OnMaxTotalAllocatedBitrate`).
    pub(in crate::estimator) fn set_max_bps(&mut self, now: Instant, max_bps: u64) {
        let is_more = max_bps > std::mem::replace(&mut self.config.max_bps, max_bps);
        if is_more && self.state == State::Complete && self.has_room() {
            self.probe(now, &[FURTHER_SCALE * self.estimate_bps], true);
        }
    }

    /// The queue is empty again after an over-use at this estimate: perhaps it was somebody else's for a moment.
    pub(in crate::estimator) fn handle_recovery(&mut self, now: Instant, before_bps: f64) {
        let wanted = RECOVERY_SHARE * before_bps;
        let is_higher = (1.0 - UNCERTAINTY) * wanted > self.estimate_bps;
        let is_rare = self.recovery_at.is_none_or(|at| now.saturating_duration_since(at) > RECOVERY_INTERVAL);
        if self.state == State::Complete && is_higher && is_rare {
            self.recovery_at = Some(now);
            self.probe(now, &[wanted], false);
        }
    }

    pub(in crate::estimator) fn handle_timeout(&mut self, now: Instant) {
        if let State::Waiting { since, .. } = self.state
            && now.saturating_duration_since(since) >= RESULT_PATIENCE
        {
            self.state = State::Complete;
        }
        if self.blind_probe_due().is_some_and(|due| now >= due) {
            self.probe(now, &[BLIND_SCALE * self.estimate_bps], true);
        }
    }

    pub(in crate::estimator) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Unstarted => None,
            State::Waiting { since, .. } => Some(since + RESULT_PATIENCE),
            State::Complete => self.blind_probe_due(),
        }
    }

    pub(in crate::estimator) fn poll_probe(&mut self) -> Option<ProbeCluster> {
        self.wanted.pop_front()
    }

    fn blind_probe_due(&self) -> Option<Instant> {
        let since = self.blind_since.filter(|_| self.state == State::Complete && self.has_room())?;
        Some(self.probed_at.map_or(since, |at| at.max(since)) + BLIND_INTERVAL)
    }

    fn has_room(&self) -> bool {
        (1.0 + UNCERTAINTY) * self.estimate_bps < self.config.max_bps as f64
    }

    fn probe(&mut self, now: Instant, bitrates_bps: &[f64], further: bool) {
        let max = match self.limit {
            Limit::Delay => self.config.max_bps as f64,
            Limit::LossRecovering => (LOSS_LIMITED_SCALE * self.estimate_bps).min(self.config.max_bps as f64),
            Limit::OverUse | Limit::Loss => {
                self.probed_at = Some(now);
                self.state = State::Complete;
                return;
            }
        };
        self.wanted.clear();
        self.state = State::Complete;
        for bitrate in bitrates_bps {
            self.want(bitrate.min(max));
            if *bitrate >= max {
                break;
            }
            if further {
                self.state = State::Waiting { further_above_bps: FURTHER_ABOVE * bitrate, since: now };
            }
        }
        if bitrates_bps.iter().any(|bitrate| *bitrate >= max) {
            self.state = State::Complete;
        }
        self.probed_at = Some(now);
    }

    fn want(&mut self, bitrate_bps: f64) {
        self.next_id = self.next_id.wrapping_add(1);
        self.wanted.push_back(ProbeCluster {
            id: self.next_id,
            bitrate_bps: bitrate_bps as u64,
            min_packets: MIN_PACKETS,
            min_bytes: (bitrate_bps / 8.0 * MIN_DURATION.as_secs_f64()) as usize,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Config = Config { start_bps: 300_000, min_bps: 50_000, max_bps: 3_000_000 };

    fn started(now: Instant) -> ProbeController {
        let mut controller = ProbeController::new(CONFIG);
        controller.handle_sent(now);
        controller
    }

    fn probes(controller: &mut ProbeController) -> Vec<u64> {
        std::iter::from_fn(|| controller.poll_probe().map(|probe| probe.bitrate_bps)).collect()
    }

    #[test]
    fn it_begins_with_three_and_six_times_the_start() {
        assert_eq!(probes(&mut started(Instant::now())), [900_000, 1_800_000]);
    }

    #[test]
    fn a_good_result_is_followed_up_to_the_bound_and_a_poor_one_is_not() {
        let now = Instant::now();
        let mut controller = started(now);
        probes(&mut controller);
        controller.set_estimate(now, 1_200_000.0, Limit::Delay);
        assert_eq!(probes(&mut controller), []);
        controller.set_estimate(now, 1_700_000.0, Limit::Delay);
        assert_eq!(probes(&mut controller), [3_000_000]);
        controller.set_estimate(now, 2_900_000.0, Limit::Delay);
        assert_eq!(probes(&mut controller), []);
    }

    #[test]
    fn a_result_that_does_not_come_ends_the_wait() {
        let now = Instant::now();
        let mut controller = started(now);
        probes(&mut controller);
        let later = controller.poll_timeout().expect("a wait");
        controller.handle_timeout(later);
        controller.set_estimate(later, 2_000_000.0, Limit::Delay);
        assert_eq!(probes(&mut controller), []);
    }

    #[test]
    fn a_path_that_media_does_not_show_is_probed_every_five_seconds() {
        let start = Instant::now();
        let mut controller = started(start);
        probes(&mut controller);
        controller.set_blind(start, true);
        let times: Vec<_> = (0..200)
            .filter(|tenth| {
                let now = start + Duration::from_millis(tenth * 100);
                controller.handle_timeout(now);
                !probes(&mut controller).is_empty()
            })
            .collect();
        assert_eq!(times, [50, 100, 150]);
    }

    #[test]
    fn what_more_can_be_used_is_tried_at_once() {
        let start = Instant::now();
        let mut controller = started(start);
        probes(&mut controller);
        controller.handle_timeout(start + RESULT_PATIENCE);
        controller.set_estimate(start + RESULT_PATIENCE, 3_000_000.0, Limit::Delay);
        controller.set_max_bps(start + RESULT_PATIENCE, 1_000_000);
        assert_eq!(probes(&mut controller), []);
        controller.set_max_bps(start + RESULT_PATIENCE, 5_000_000);
        assert_eq!(probes(&mut controller), [5_000_000]);
    }

    #[test]
    fn nothing_is_probed_while_the_queue_grows() {
        let start = Instant::now();
        let mut controller = started(start);
        probes(&mut controller);
        controller.set_blind(start, true);
        controller.set_estimate(start, 400_000.0, Limit::OverUse);
        controller.handle_timeout(start + Duration::from_secs(8));
        assert_eq!(probes(&mut controller), []);
    }

    #[test]
    fn a_drop_is_probed_for_once_the_queue_is_empty() {
        let start = Instant::now();
        let mut controller = started(start);
        probes(&mut controller);
        controller.handle_timeout(start + Duration::from_secs(1));
        controller.set_blind(start, true);
        controller.set_estimate(start, 400_000.0, Limit::Delay);
        controller.handle_recovery(start + Duration::from_secs(2), 1_000_000.0);
        assert_eq!(probes(&mut controller), [900_000]);
        controller.handle_recovery(start + Duration::from_secs(3), 1_000_000.0);
        assert_eq!(probes(&mut controller), []);
        controller.handle_recovery(start + Duration::from_secs(8), 440_000.0);
        assert_eq!(probes(&mut controller), []);
    }
}
