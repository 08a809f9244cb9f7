//! The own address has become another one: the answers to checks say so, and the far side has to follow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Action, Check, Follower, LONG_QUIET, Route};

/// After this long without the media that came, the own route is checked: its answer tells whether the own address is
/// another one.
const QUIET: Duration = Duration::from_millis(150);
/// How long the far side may take to follow the own address, besides two round trips: an engine has done so by the
/// time that it is noticed here, and a browser checks the new address first, 250 ms later or somewhat more.
const FOLLOWING: Duration = Duration::from_millis(500);
/// How long one may take that has begun to check the new address: an ICE restart would cost it more.
const CHECKED_FOLLOWING: Duration = Duration::from_secs(1);

/// How the far side sees this host.
#[derive(Debug, Default)]
pub(super) struct OwnAddress {
    mapped: Option<SocketAddr>,
    /// When it became another one; until media shows that the far side has noticed.
    pub(super) changed_at: Option<Instant>,
    checked_at: Option<Instant>,
    /// When the far side's last check came.
    far_checked_at: Option<Instant>,
    /// How often it has become another one.
    changes: u32,
}

impl OwnAddress {
    /// Nothing is known of another route but what holds for all.
    pub(super) fn of_another_route(&self) -> Self {
        Self { changes: self.changes, ..Self::default() }
    }

    /// The far side's answer says so.
    pub(super) fn on_mapped(&mut self, now: Instant, mapped: SocketAddr) {
        if self.mapped.replace(mapped).is_some_and(|before| before != mapped) {
            self.changed_at = Some(now);
            self.changes = self.changes.saturating_add(1);
        }
    }

    /// The far side's check came over the present route.
    pub(super) fn on_checked(&mut self, now: Instant) {
        self.far_checked_at = Some(now);
    }

    /// When the far side should have followed an address that it was told at `changed_at`.
    fn follows_until(&self, changed_at: Instant, rtt: Duration) -> Instant {
        let is_checked = self.far_checked_at.is_some_and(|at| at > changed_at);
        changed_at + if is_checked { CHECKED_FOLLOWING } else { FOLLOWING } + 2 * rtt
    }

    /// How far above the agent's the present address's priority is: higher than that of each before, since a browser at
    /// once forgets an address that is worth no more than the one that it sends to.
    pub(super) fn rank(&self) -> u32 {
        self.changes.saturating_add(1)
    }
}

impl Follower {
    /// Looks whether the own address has become another one, and whether the far side has noticed.
    pub(super) fn watch_own(&mut self, now: Instant, present: Route) {
        let quiet = now.saturating_duration_since(self.media_at);
        if (QUIET..LONG_QUIET).contains(&quiet) && self.own.checked_at.is_none_or(|at| now >= at + QUIET) {
            self.own.checked_at = Some(now);
            self.check(now, present, Check::Urge);
        }
        let Some(changed_at) = self.own.changed_at else { return };
        if self.media_at > changed_at {
            self.own.changed_at = None;
        } else if now >= self.own.follows_until(changed_at, self.rtt) {
            self.own.changed_at = None;
            if quiet < LONG_QUIET {
                self.actions.push_back(Action::Lost);
            }
        }
    }
}
