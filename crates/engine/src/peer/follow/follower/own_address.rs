//! The own address has become another one: the answers to checks say so, and the far side has to follow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Action, Follower, LONG_QUIET, Route};

/// After this long without the media that came, the own route is checked: its answer tells whether the own address is
/// another one.
const QUIET: Duration = Duration::from_millis(150);
/// How long the far side may take to follow the own address, besides two round trips: an engine has done so by the
/// time that it is noticed here, and a browser takes seconds, even for a pair that is nominated.
const FOLLOWING: Duration = Duration::from_millis(100);

/// How the far side sees this host.
#[derive(Debug, Default)]
pub(super) struct OwnAddress {
    pub(super) mapped: Option<SocketAddr>,
    /// When it became another one; until media shows that the far side has noticed.
    pub(super) changed_at: Option<Instant>,
    checked_at: Option<Instant>,
}

impl Follower {
    /// Looks whether the own address has become another one, and whether the far side has noticed.
    pub(super) fn watch_own(&mut self, now: Instant, present: Route) {
        let quiet = now.saturating_duration_since(self.media_at);
        if (QUIET..LONG_QUIET).contains(&quiet) && self.own.checked_at.is_none_or(|at| now >= at + QUIET) {
            self.own.checked_at = Some(now);
            self.check(now, present, false);
        }
        let Some(changed_at) = self.own.changed_at else { return };
        if self.media_at > changed_at {
            self.own.changed_at = None;
        } else if now >= changed_at + FOLLOWING + 2 * self.rtt {
            self.own.changed_at = None;
            if quiet < LONG_QUIET {
                self.actions.push_back(Action::Lost);
            }
        }
    }
}
