//! Nothing comes any more: other routes are looked for.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Action, Check, Follower, LONG_QUIET, Route};

/// After this long without anything, besides a round trip, other routes are looked for: where media came, and where only
/// what keeps consent does.
const TROUBLE: Duration = Duration::from_millis(300);
const TROUBLE_WITHOUT_MEDIA: Duration = Duration::from_secs(2);
/// After this long without anything where media came, besides a round trip, the far side may be where no route leads to.
const HOPELESS: Duration = Duration::from_millis(600);
/// Between two looks at the other routes: at first, and later.
const SEARCH_PAUSE: Duration = Duration::from_millis(150);
const LATE_SEARCH_PAUSE: Duration = Duration::from_secs(1);
/// Routes that are looked at.
const MAX_ROUTES: usize = 16;

impl Follower {
    /// Nothing comes over the present route, though its checks are answered as long as it works.
    pub(super) fn is_in_trouble(&self, now: Instant) -> bool {
        let flowed = now.saturating_duration_since(self.media_at) < LONG_QUIET;
        now >= self.heard_at + self.rtt + if flowed { TROUBLE } else { TROUBLE_WITHOUT_MEDIA }
    }

    /// Checks the other routes while the present one is in trouble; the first to answer takes its place.
    pub(super) fn search(&mut self, now: Instant, present: Route) {
        let lasts = now.saturating_duration_since(self.heard_at);
        let pause = if lasts < LONG_QUIET { SEARCH_PAUSE } else { LATE_SEARCH_PAUSE };
        if !self.is_in_trouble(now) || self.searched_at.is_some_and(|at| now < at + pause) {
            return;
        }
        self.searched_at = Some(now);
        let flowed = now.saturating_duration_since(self.media_at) < LONG_QUIET;
        if flowed && !self.is_lost && lasts >= HOPELESS + self.rtt {
            self.is_lost = true;
            self.actions.push_back(Action::Lost);
        }
        for route in self.routes() {
            if route != present {
                self.check(now, route, Check::Look);
            }
        }
    }

    /// From all sockets to all candidates, those of the highest priority first.
    fn routes(&self) -> Vec<Route> {
        let from = |remote: SocketAddr| {
            let locals = self.locals.iter().filter(move |local| local.is_ipv4() == remote.is_ipv4());
            locals.map(move |local| Route { local: *local, remote })
        };
        self.candidates.iter().copied().flat_map(from).take(MAX_ROUTES).collect()
    }
}
