//! Where the far side's packets come from, and where ours go when that changes or nothing comes any more: `suspect` follows
//! another address of the far side's, `own_address` sees to it that the far side follows ours, and `search` looks for a
//! route where none works.

mod own_address;
mod search;
mod suspect;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc::stun::message::TransactionId;

use super::stun::{self, Datagram, Secret};
use own_address::OwnAddress;
use suspect::{Evidence, Suspect};

/// Between two moves: longer where the agent is the controlling one, so that both sides do not follow each other round.
const MOVE_PAUSE: Duration = Duration::from_millis(300);
const CONTROLLING_MOVE_PAUSE: Duration = Duration::from_secs(1);
/// What was quiet for longer than this is quiet by itself.
const LONG_QUIET: Duration = Duration::from_secs(3);
/// Candidates of the far side that are kept.
const MAX_CANDIDATES: usize = 16;
/// Requests whose answers are waited for.
const MAX_ASKED: usize = 64;

/// Between a socket of this host, by its own address, and an address of the far side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Send {
        route: Route,
        datagram: Vec<u8>,
    },
    /// What the agent sends takes another route from here on.
    Moved,
    /// The far side does not follow, or is nowhere: only an ICE restart helps.
    Lost,
}

/// What a check is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// To see whether the far side is there.
    Look,
    /// To have it take this route, too.
    Urge,
}

/// Follows the far side of one connection. The agent sends to the pair that it has selected, and never selects another;
/// this says where that really goes, and hides it from the agent.
pub(super) struct Follower {
    secret: Option<Secret>,
    /// The sockets there are.
    locals: Vec<SocketAddr>,
    /// Of the far side, in this generation of ICE: what signaling told, and what the agent heard from.
    candidates: Vec<SocketAddr>,
    /// The agent's last request.
    request: Vec<u8>,
    is_controlling: bool,
    /// What the agent sends media over.
    selected: Option<Route>,
    /// What goes over another route instead.
    actual: Option<Route>,
    moved_at: Option<Instant>,
    /// What the last datagram came over.
    heard: Option<Route>,
    /// When anything came over the present route, and when media did.
    heard_at: Instant,
    media_at: Instant,
    suspect: Option<Suspect>,
    asked: VecDeque<Asked>,
    rtt: Duration,
    own: OwnAddress,
    searched_at: Option<Instant>,
    /// Whether the present trouble has been told.
    is_lost: bool,
    actions: VecDeque<Action>,
}

/// A request under way.
#[derive(Debug)]
struct Asked {
    id: TransactionId,
    route: Route,
    at: Instant,
}

impl Follower {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            secret: None,
            locals: Vec::new(),
            candidates: Vec::new(),
            request: Vec::new(),
            is_controlling: false,
            selected: None,
            actual: None,
            moved_at: None,
            heard: None,
            heard_at: now,
            media_at: now,
            suspect: None,
            asked: VecDeque::new(),
            rtt: Duration::ZERO,
            own: OwnAddress::default(),
            searched_at: None,
            is_lost: false,
            actions: VecDeque::new(),
        }
    }

    /// The far side's description says this; another password is another generation of ICE (RFC 8445 section 9).
    pub(super) fn handle_password(&mut self, now: Instant, password: &str) {
        if !self.secret.as_ref().is_some_and(|secret| secret.is(password)) {
            let locals = std::mem::take(&mut self.locals);
            *self = Self { secret: Secret::new(password), locals, ..Self::new(now) };
        }
    }

    /// These are the sockets, by their own addresses.
    pub(super) fn handle_sockets(&mut self, locals: Vec<SocketAddr>) {
        self.locals = locals;
    }

    /// The far side may be reached there.
    pub(super) fn handle_candidate(&mut self, candidate: SocketAddr) {
        if self.candidates.len() < MAX_CANDIDATES && !self.candidates.contains(&candidate) {
            self.candidates.push(candidate);
        }
    }

    /// The agent sends this over `route`. Returns what it has to go over.
    pub(super) fn handle_sent(&mut self, now: Instant, route: Route, datagram: &[u8]) -> Route {
        let over = match (self.selected, self.actual) {
            (Some(selected), Some(actual)) if selected.remote == route.remote => actual,
            _ => route,
        };
        match Datagram::new(datagram) {
            Datagram::Media if self.selected != Some(route) => self.select(now, route),
            Datagram::Request(id) => self.on_request(now, id, over, datagram),
            Datagram::Success(_) => self.suspect(now, over, Evidence::Checks),
            Datagram::Media | Datagram::Other => {}
        }
        if let Some(present) = self.present() {
            self.watch_own(now, present);
            self.search(now, present);
        }
        over
    }

    /// What has to be sent over `over` in place of the agent's `datagram`. Whatever first comes from an address that the
    /// far side does not know yet says what the address is worth, and that may be a request by which the agent keeps
    /// consent; so each of these says so.
    pub(super) fn in_place_of(&self, over: Route, datagram: &[u8]) -> Option<Vec<u8>> {
        let is_request = || matches!(Datagram::new(datagram), Datagram::Request(_));
        if self.present() != Some(over) || !is_request() || stun::is_of_controlling(datagram).is_none() {
            return None;
        }
        self.secret.as_ref()?.urging(datagram, self.own.rank()).ok()
    }

    /// One datagram, or several at once, came over `route`. Returns whom the agent has to take them to be from.
    pub(super) fn handle_received<'a>(
        &mut self,
        now: Instant,
        route: Route,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> SocketAddr {
        self.heard = Some(route);
        let is_present = self.present() == Some(route);
        if is_present {
            self.heard_at = now;
            self.is_lost = false;
        }
        for datagram in datagrams {
            match Datagram::new(datagram) {
                Datagram::Media if is_present => self.media_at = now,
                Datagram::Success(id) => self.on_answer(now, route, id, datagram),
                Datagram::Request(_) if is_present => self.own.on_checked(now),
                Datagram::Media | Datagram::Request(_) | Datagram::Other => {}
            }
        }
        match self.selected {
            Some(selected) if self.actual == Some(route) => selected.remote,
            _ => route.remote,
        }
    }

    /// What came last was decrypted: it is the far side's.
    pub(super) fn handle_authentic(&mut self, now: Instant) {
        if let Some(route) = self.heard {
            self.suspect(now, route, Evidence::Media);
        }
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn present(&self) -> Option<Route> {
        self.actual.or(self.selected)
    }

    /// The agent has selected a pair.
    fn select(&mut self, now: Instant, route: Route) {
        *self = Self {
            secret: self.secret.take(),
            locals: std::mem::take(&mut self.locals),
            candidates: std::mem::take(&mut self.candidates),
            request: std::mem::take(&mut self.request),
            is_controlling: self.is_controlling,
            asked: std::mem::take(&mut self.asked),
            own: self.own.of_another_route(),
            selected: Some(route),
            ..Self::new(now)
        };
    }

    fn on_request(&mut self, now: Instant, id: TransactionId, route: Route, request: &[u8]) {
        // One to a STUN server is signed for nobody.
        let Some(is_controlling) = stun::is_of_controlling(request) else { return };
        self.is_controlling = is_controlling;
        self.request = request.to_vec();
        self.handle_candidate(route.remote);
        self.ask(now, id, route);
    }

    fn move_to(&mut self, now: Instant, route: Route) {
        let pause = if self.is_controlling { CONTROLLING_MOVE_PAUSE } else { MOVE_PAUSE };
        if self.moved_at.is_some_and(|at| now < at + pause) {
            return;
        }
        self.actual = (self.selected != Some(route)).then_some(route);
        self.moved_at = Some(now);
        (self.heard_at, self.media_at) = (now, now);
        self.suspect = None;
        self.own = self.own.of_another_route();
        self.is_lost = false;
        self.actions.push_back(Action::Moved);
        // A controlled agent must not choose by itself (RFC 8445 section 8.1.1).
        if self.is_controlling {
            self.check(now, route, Check::Urge);
        }
    }

    fn on_answer(&mut self, now: Instant, route: Route, id: TransactionId, answer: &[u8]) {
        let Some(index) = self.asked.iter().position(|asked| asked.id == id && asked.route == route) else {
            return;
        };
        let Some(mapped) = self.secret.as_ref().and_then(|secret| secret.mapped_by(answer).ok()) else {
            return;
        };
        if let Some(asked) = self.asked.remove(index) {
            self.rtt = now.saturating_duration_since(asked.at);
        }
        if let Some(suspect) = self.suspect.as_mut().filter(|suspect| suspect.route == route) {
            suspect.answered_at = Some(now);
            self.consider(now);
        } else if self.present() != Some(route) {
            if self.is_in_trouble(now) {
                self.move_to(now, route);
                if self.present() == Some(route) {
                    // What was chosen here the far side has to follow, as it has to an own address.
                    self.own.changed_at = Some(now);
                }
            }
        } else {
            self.own.on_mapped(now, mapped);
        }
    }

    fn check(&mut self, now: Instant, route: Route, check: Check) {
        let Some(secret) = &self.secret else { return };
        let urge = (check == Check::Urge).then_some(self.own.rank());
        // Before the agent's first request there is nothing to take after.
        let Ok((id, datagram)) = secret.check_like(&self.request, urge) else { return };
        self.ask(now, id, route);
        self.actions.push_back(Action::Send { route, datagram });
    }

    fn ask(&mut self, now: Instant, id: TransactionId, route: Route) {
        if self.asked.len() == MAX_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { id, route, at: now });
    }
}
