//! The far side's address has become another one: what it sends comes over another route.

use std::time::{Duration, Instant};

use super::{Check, Follower, Route};

/// How long no media must have come over the present route before one that it comes over takes its place: longer than
/// packets overtake each other, so that a route that works is never left for copies of its packets.
const SILENCE: Duration = Duration::from_millis(100);
/// How long nothing at all, where nothing but checks comes over the other one: agents check all the routes that they have.
const SILENCE_OF_CHECKS: Duration = Duration::from_secs(3);
/// Between two checks of another route.
const CHECK_PAUSE: Duration = Duration::from_millis(100);
/// How long the far side's answer over another route holds.
const ANSWER_LIFE: Duration = Duration::from_secs(2);

/// Another route that the far side, and nobody else, sends over.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) route: Route,
    evidence: Evidence,
    seen_at: Instant,
    checked_at: Option<Instant>,
    pub(super) answered_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// Requests that the agent answered, so that it found them to be the far side's.
    Checks,
    /// Packets that were decrypted.
    Media,
}

impl Follower {
    pub(super) fn suspect(&mut self, now: Instant, route: Route, evidence: Evidence) {
        if self.present().is_none_or(|present| present == route) || self.secret.is_none() {
            return;
        }
        match &mut self.suspect {
            Some(suspect) if suspect.route == route => {
                suspect.evidence = suspect.evidence.max(evidence);
                suspect.seen_at = now;
            }
            // What media comes over is not forgotten for the check of yet another one.
            Some(suspect) if suspect.evidence > evidence && now < suspect.seen_at + SILENCE_OF_CHECKS => {
                return;
            }
            _ => {
                let suspect = Suspect { route, evidence, seen_at: now, checked_at: None, answered_at: None };
                self.suspect = Some(suspect);
            }
        }
        self.consider(now);
    }

    /// Checks the suspected route, and moves to it once it has answered while the present one is silent.
    pub(super) fn consider(&mut self, now: Instant) {
        let Some(suspect) = &mut self.suspect else { return };
        let is_silent = match suspect.evidence {
            Evidence::Media => now >= self.media_at + SILENCE,
            Evidence::Checks => now >= self.heard_at + SILENCE_OF_CHECKS,
        };
        let is_answered = suspect.answered_at.is_some_and(|at| now < at + ANSWER_LIFE);
        if !is_answered {
            let is_due = suspect.checked_at.is_none_or(|at| now >= at + CHECK_PAUSE);
            if is_due && (is_silent || suspect.evidence == Evidence::Media) {
                suspect.checked_at = Some(now);
                let route = suspect.route;
                self.check(now, route, Check::Look);
            }
        } else if is_silent {
            let route = suspect.route;
            self.move_to(now, route);
        }
    }
}
