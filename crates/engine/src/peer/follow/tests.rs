//! One call each, in virtual time: what the far side does, and where our packets go.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::follower::{Action, Follower, Route};
use super::stun::testing::{answer, nominates, priority, request};

const FAR: &str = "the far side's password";
const NEAR: &str = "our own password";
const RTP: &[u8] = &[128, 111, 0, 1];
/// Of sound.
const STEP: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Our end of a call, with media both ways.
struct End {
    follower: Follower,
    now: Instant,
    selected: Route,
    /// What the far side sends over.
    theirs: Route,
    /// What it sees our packets come from.
    mapped: SocketAddr,
    /// Whether it answers over a route.
    answers: fn(&Route) -> bool,
    checks: Vec<(Route, Vec<u8>)>,
    lost: usize,
}

impl End {
    /// A call that has gone on for a second.
    fn new(controlling: bool) -> Self {
        let selected = Route { local: address("10.0.0.1:5000"), remote: address("192.0.2.1:40000") };
        let now = Instant::now();
        let mut follower = Follower::new(now);
        follower.handle_password(now, FAR);
        let mapped = address("203.0.113.1:5000");
        let mut end = Self {
            follower,
            now,
            selected,
            theirs: selected,
            mapped,
            answers: |_| true,
            checks: Vec::new(),
            lost: 0,
        };
        end.send_media();
        let consent = request(FAR, controlling);
        end.follower.handle_sent(end.now, selected, &consent);
        end.receive(selected, &answer(FAR, &consent, mapped));
        end.run(SECOND);
        assert_eq!((end.route(), end.checks.len()), (selected, 0));
        end
    }

    /// Both sides send media.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.send_media();
            self.receive_media(self.theirs);
        }
    }

    /// Only we do.
    fn run_deaf(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.send_media();
        }
    }

    fn send_media(&mut self) {
        self.follower.handle_sent(self.now, self.selected, RTP);
        self.act();
    }

    fn receive_media(&mut self, route: Route) {
        self.receive(route, RTP);
        self.follower.handle_authentic(self.now);
        self.act();
    }

    fn receive(&mut self, route: Route, datagram: &[u8]) -> SocketAddr {
        let source = self.follower.handle_received(self.now, route, std::iter::once(datagram));
        self.act();
        source
    }

    /// Sends what there is to send; the far side answers at once.
    fn act(&mut self) {
        while let Some(action) = self.follower.poll_action() {
            match action {
                Action::Send { route, datagram } => {
                    if (self.answers)(&route) {
                        let answer = answer(FAR, &datagram, self.mapped);
                        self.follower.handle_received(self.now, route, std::iter::once(answer.as_slice()));
                    }
                    self.checks.push((route, datagram));
                }
                Action::Moved => {}
                Action::Lost => self.lost += 1,
            }
        }
    }

    /// Where media goes.
    fn route(&mut self) -> Route {
        let route = self.follower.handle_sent(self.now, self.selected, RTP);
        self.act();
        route
    }
}

fn rebound(selected: Route) -> Route {
    Route { remote: address("192.0.2.1:41000"), ..selected }
}

#[test]
fn media_follows_a_nat_that_has_forgotten_its_mapping() {
    let mut end = End::new(true);
    end.theirs = rebound(end.selected);
    end.run(Duration::from_millis(140));
    assert_eq!(end.route(), rebound(end.selected));
    // The agent sees no difference.
    assert_eq!(end.receive(end.theirs, RTP), end.selected.remote);
    let consent = request(FAR, true);
    assert_eq!(end.follower.handle_sent(end.now, end.selected, &consent), end.theirs);
    end.run(SECOND);
    assert_eq!((end.route(), end.lost), (end.theirs, 0));
}

#[test]
fn media_follows_again_and_back() {
    let mut end = End::new(false);
    for theirs in
        [rebound(end.selected), Route { remote: address("192.0.2.2:9"), ..end.selected }, end.selected]
    {
        end.theirs = theirs;
        end.run(SECOND);
        assert_eq!(end.route(), theirs);
    }
}

#[test]
fn media_follows_to_another_socket() {
    let mut end = End::new(true);
    end.theirs = Route { local: address("10.0.1.1:5001"), remote: address("198.51.100.1:7") };
    end.run(SECOND);
    assert_eq!(end.route(), end.theirs);
    // What the agent answers there goes there too.
    let presented = Route { local: end.theirs.local, remote: end.selected.remote };
    let answer = answer(NEAR, &request(NEAR, false), end.theirs.remote);
    assert_eq!(end.follower.handle_sent(end.now, presented, &answer), end.theirs);
}

#[test]
fn what_nobody_has_decrypted_moves_nothing() {
    let mut end = End::new(true);
    let theirs = rebound(end.selected);
    for _ in 0..500 {
        end.now += STEP;
        end.send_media();
        end.receive(theirs, RTP);
        end.receive(theirs, &request("guessed", true));
    }
    assert_eq!(end.route(), end.selected);
    assert!(end.checks.iter().all(|(route, _)| *route == end.selected));
}

#[test]
fn copies_of_packets_do_not_move_a_route_that_works() {
    let mut end = End::new(true);
    for _ in 0..500 {
        end.now += STEP;
        end.send_media();
        end.receive_media(rebound(end.selected));
        end.receive_media(end.selected);
    }
    assert_eq!(end.route(), end.selected);
}

#[test]
fn a_route_that_does_not_answer_is_not_taken_and_hardly_asked() {
    let mut end = End::new(true);
    end.answers = |route| route.remote.port() == 40_000;
    end.theirs = rebound(end.selected);
    end.run(SECOND);
    assert_eq!(end.route(), end.selected);
    let asked = end.checks.iter().filter(|(route, _)| *route == end.theirs).count();
    assert!((5..=10).contains(&asked), "asked {asked} times in a second");
}

#[test]
fn an_answer_of_somebody_else_counts_for_nothing() {
    let mut end = End::new(true);
    end.answers = |_| false;
    end.theirs = rebound(end.selected);
    for _ in 0..50 {
        end.run(STEP);
        for (route, check) in std::mem::take(&mut end.checks) {
            end.receive(route, &answer("guessed", &check, end.mapped));
            // The right answer, over the wrong route.
            end.receive(Route { remote: address("192.0.2.66:6"), ..route }, &answer(FAR, &check, end.mapped));
        }
    }
    assert_eq!(end.route(), end.selected);
}

#[test]
fn checks_alone_move_only_what_is_dead() {
    let mut end = End::new(true);
    let other = rebound(end.selected);
    let answered = answer(NEAR, &request(NEAR, false), other.remote);
    let answer_checks = |end: &mut End| {
        end.follower.handle_sent(end.now, other, &answered);
        end.act();
    };
    for _ in 0..50 {
        end.run(Duration::from_millis(100));
        answer_checks(&mut end);
    }
    assert_eq!((end.route(), end.checks.len()), (end.selected, 0));
    end.answers = |route| route.remote.port() == 41_000;
    for _ in 0..20 {
        end.run_deaf(Duration::from_millis(100));
        answer_checks(&mut end);
    }
    assert_eq!(end.route(), end.selected);
    for _ in 0..20 {
        end.run_deaf(Duration::from_millis(100));
        answer_checks(&mut end);
    }
    assert_eq!(end.route(), other);
}

#[test]
fn an_own_address_that_changes_is_lost_once() {
    let mut end = End::new(true);
    end.mapped = address("203.0.113.1:6000");
    end.run_deaf(Duration::from_millis(640));
    assert_eq!(end.lost, 0);
    end.run_deaf(Duration::from_millis(60));
    assert_eq!(end.lost, 1);
    end.run_deaf(5 * SECOND);
    assert_eq!(end.lost, 1);
}

#[test]
fn a_far_side_that_checks_the_own_address_has_longer_to_follow() {
    let mut end = End::new(true);
    end.receive(end.selected, &request(NEAR, false));
    end.mapped = address("203.0.113.1:6000");
    end.run_deaf(Duration::from_millis(400));
    end.receive(end.selected, &request(NEAR, false));
    end.run_deaf(Duration::from_millis(740));
    assert_eq!(end.lost, 0);
    end.run_deaf(Duration::from_millis(60));
    assert_eq!(end.lost, 1);
}

#[test]
fn a_far_side_that_follows_is_not_lost() {
    let mut end = End::new(true);
    end.mapped = address("203.0.113.1:6000");
    end.run_deaf(Duration::from_millis(620));
    end.run(5 * SECOND);
    assert_eq!(end.lost, 0);
}

#[test]
fn each_own_address_is_worth_more_than_those_before() {
    for controlling in [true, false] {
        let mut end = End::new(controlling);
        let consent = request(FAR, controlling);
        let mut before = priority(&consent);
        for port in [6000, 6001, 6002] {
            // The far side may see either first: what keeps consent, or a check.
            let instead = end.follower.in_place_of(end.selected, &consent).expect("a request that urges");
            end.mapped.set_port(port);
            end.run_deaf(Duration::from_millis(200));
            let checks = std::mem::take(&mut end.checks);
            assert!(!checks.is_empty());
            for request in [&instead, &checks[0].1] {
                assert!(priority(request) > before);
                assert_eq!(nominates(request), controlling);
            }
            before = priority(&checks[0].1);
            end.run(SECOND);
        }
        assert_eq!(end.lost, 0);
    }
}

#[test]
fn only_what_keeps_consent_is_replaced() {
    let end = End::new(true);
    let consent = request(FAR, true);
    let mapped = end.mapped;
    assert!(end.follower.in_place_of(end.selected, &consent).is_some());
    for other in [RTP, &consent[..19], &answer(NEAR, &consent, mapped)] {
        assert_eq!(end.follower.in_place_of(end.selected, other), None);
    }
    assert_eq!(end.follower.in_place_of(rebound(end.selected), &consent), None);
    // Before there is a pair there is nothing to be worth more than.
    let now = end.now;
    let mut fresh = Follower::new(now);
    fresh.handle_password(now, FAR);
    fresh.handle_sent(now, end.selected, &consent);
    assert_eq!(fresh.in_place_of(end.selected, &consent), None);
}

#[test]
fn what_is_nowhere_is_lost_once_and_not_asked_about_for_ever() {
    let mut end = End::new(true);
    end.answers = |_| false;
    end.run_deaf(60 * SECOND);
    assert_eq!((end.lost, end.route()), (1, end.selected));
    assert!((10..=20).contains(&end.checks.len()), "{} checks", end.checks.len());
}

#[test]
fn a_restart_forgets_everything() {
    let mut end = End::new(true);
    end.theirs = rebound(end.selected);
    end.run(SECOND);
    end.follower.handle_password(end.now, "that of the next generation");
    assert_eq!(end.receive(end.theirs, RTP), end.theirs.remote);
    end.selected = Route { local: address("10.0.0.1:5002"), remote: address("192.0.2.1:41002") };
    assert_eq!(end.route(), end.selected);
}

#[test]
fn another_route_takes_the_place_of_one_that_is_dead() {
    let mut end = End::new(true);
    let other = Route { local: address("10.0.1.1:5001"), remote: address("192.0.2.9:40009") };
    let dead = Route { local: address("10.0.1.1:5001"), remote: address("192.0.2.8:1") };
    end.follower.handle_sockets(vec![end.selected.local, other.local, address("[::1]:1")]);
    // One that the agent heard of but had no time for, and one that it sent a request to.
    end.follower.handle_candidate(dead.remote);
    end.follower.handle_sent(end.now, other, &request(FAR, true));
    end.run(SECOND);
    assert_eq!((end.route(), end.checks.len()), (end.selected, 0));
    end.answers = |route| route.remote.port() == 40_009 && route.local.port() == 5001;
    end.run_deaf(Duration::from_millis(320));
    assert_eq!(end.route(), other);
    // The far side is told, and follows.
    let nominated = end.checks.iter().rfind(|(_, check)| nominates(check)).map(|(route, _)| *route);
    assert_eq!(nominated, Some(other));
    end.theirs = other;
    end.run(5 * SECOND);
    assert_eq!((end.route(), end.lost), (other, 0));
}

#[test]
fn a_far_side_with_nothing_to_send_is_not_looked_for_elsewhere() {
    let mut end = End::new(true);
    end.follower.handle_sockets(vec![end.selected.local]);
    end.follower.handle_candidate(rebound(end.selected).remote);
    for _ in 0..25 {
        end.run_deaf(Duration::from_millis(400));
        let consent = request(FAR, true);
        end.follower.handle_sent(end.now, end.selected, &consent);
        end.receive(end.selected, &answer(FAR, &consent, end.mapped));
    }
    assert_eq!(end.route(), end.selected);
    assert!(end.checks.iter().all(|(route, _)| *route == end.selected));
}

#[test]
fn two_ends_that_look_for_a_route_agree_on_one() {
    let other = Route { local: address("10.0.1.1:5001"), remote: address("192.0.2.9:40009") };
    let third = Route { local: address("10.0.2.1:5002"), remote: address("192.0.2.10:40010") };
    for controlling in [true, false] {
        let mut end = End::new(controlling);
        end.follower.handle_sockets(vec![other.local]);
        end.follower.handle_candidate(other.remote);
        end.answers = |route| route.remote.port() != 40_000;
        end.run_deaf(Duration::from_millis(320));
        assert_eq!(end.route(), other);
        // The far side has found another one meanwhile; the controlled side gives way.
        end.theirs = third;
        end.run(Duration::from_millis(600));
        assert_eq!(end.route(), if controlling { other } else { third });
    }
}

#[test]
fn a_far_side_that_does_not_follow_to_the_other_route_is_lost() {
    let mut end = End::new(false);
    let other = Route { remote: address("192.0.2.9:40009"), ..end.selected };
    end.follower.handle_sockets(vec![end.selected.local]);
    end.follower.handle_candidate(other.remote);
    end.answers = |route| route.remote.port() == 40_009;
    end.run_deaf(Duration::from_millis(760));
    assert_eq!((end.route(), end.lost), (other, 0));
    end.run_deaf(Duration::from_millis(100));
    assert_eq!((end.route(), end.lost), (other, 1));
}
