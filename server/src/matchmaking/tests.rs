use std::time::Duration;

use visavis_protocol::{Interest, MatchKind, Region};

use super::*;

const WIDEN: Duration = Duration::from_secs(10);
const APART: Duration = Duration::from_secs(300);

fn matchmaker() -> Matchmaker {
    Matchmaker::new(MatchingConfig { enabled: true, widen: WIDEN, apart: APART, ..MatchingConfig::default() })
}

/// Somebody who is content with anybody.
fn anybody(identity: u64) -> Seeker {
    seeker(identity, &[], None)
}

fn seeker(identity: u64, interests: &[&str], region: Option<&str>) -> Seeker {
    Seeker {
        identity: format!("guest:{identity}").parse().expect("an identity"),
        kind: MatchKind::Video,
        interests: interests.iter().map(|text| Interest::new(*text).expect("an interest")).collect(),
        region: region.map(|text| Region::new(text).expect("a region")),
    }
}

fn id(number: u64) -> SessionId {
    SessionId(number)
}

/// Seeks as a session that has the number of the identity.
fn seek(matchmaker: &mut Matchmaker, now: Instant, number: u64, seeker: Seeker) -> Outcome {
    matchmaker.seek(now, id(number), seeker, &nobody)
}

/// Whom nobody blocks.
fn nobody(_: &Identity, _: &Identity) -> bool {
    false
}

/// The first and the second of the identities do not want to meet.
fn apart(one: u64, other: u64) -> impl Fn(&Identity, &Identity) -> bool {
    let pair = [one, other].map(|number| anybody(number).identity);
    move |a, b| pair.contains(a) && pair.contains(b)
}

fn met(first: u64, second: u64) -> Outcome {
    Outcome::Met(Pair { first: id(first), second: id(second) })
}

/// Everybody who meets by a time.
fn pairs(matchmaker: &mut Matchmaker, now: Instant) -> Vec<(u64, u64)> {
    std::iter::from_fn(|| matchmaker.poll_pair(now, &nobody))
        .map(|pair| (pair.first.0, pair.second.0))
        .collect()
}

#[test]
fn who_came_first_is_met_first_and_is_the_first() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    assert_eq!(seek(&mut matchmaker, now, 1, seeker(1, &["tea"], None)), Outcome::Queued { place: 1 });
    assert_eq!(seek(&mut matchmaker, now, 2, seeker(2, &["chess"], None)), Outcome::Queued { place: 2 });
    let both = seeker(3, &["chess", "tea"], None);
    assert_eq!(seek(&mut matchmaker, now, 3, both), met(1, 3));
    assert_eq!(seek(&mut matchmaker, now, 4, seeker(4, &["chess"], None)), met(2, 4));
    assert_eq!(matchmaker.len(), 0);
}

#[test]
fn who_has_met_is_not_widened_later() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, anybody(1));
    assert_eq!(matchmaker.poll_timeout(), Some(now + WIDEN));
    assert_eq!(seek(&mut matchmaker, now, 2, anybody(2)), met(1, 2));
    assert_eq!(matchmaker.poll_timeout(), None);
}

#[test]
fn nobody_meets_over_another_kind_of_call() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, anybody(1));
    let audio = Seeker { kind: MatchKind::Audio, ..anybody(2) };
    assert_eq!(seek(&mut matchmaker, now, 2, audio), Outcome::Queued { place: 2 });
    assert_eq!(pairs(&mut matchmaker, now + 10 * WIDEN), []);
}

#[test]
fn nobody_meets_oneself() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, anybody(7));
    assert_eq!(seek(&mut matchmaker, now, 2, anybody(7)), Outcome::Queued { place: 2 });
    assert_eq!(seek(&mut matchmaker, now, 3, anybody(8)), met(1, 3));
}

#[test]
fn who_waits_is_content_with_any_region_and_then_with_anybody() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, seeker(1, &["tea"], Some("eu")));
    seek(&mut matchmaker, now, 2, seeker(2, &["tea"], Some("us")));
    assert_eq!(pairs(&mut matchmaker, now + WIDEN - Duration::from_millis(1)), []);
    assert_eq!(matchmaker.poll_timeout(), Some(now + WIDEN));
    assert_eq!(pairs(&mut matchmaker, now + WIDEN), [(1, 2)]);

    seek(&mut matchmaker, now, 3, seeker(3, &["tea"], None));
    seek(&mut matchmaker, now, 4, seeker(4, &["chess"], None));
    assert_eq!(pairs(&mut matchmaker, now + 2 * WIDEN - Duration::from_millis(1)), []);
    assert_eq!(pairs(&mut matchmaker, now + 2 * WIDEN), [(3, 4)]);
    assert_eq!(matchmaker.poll_timeout(), None);
}

#[test]
fn who_wants_something_in_common_is_not_met_by_who_wants_nothing_until_it_has_waited() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, seeker(1, &["tea"], None));
    assert_eq!(seek(&mut matchmaker, now, 2, anybody(2)), Outcome::Queued { place: 2 });
    assert_eq!(pairs(&mut matchmaker, now + WIDEN), []);
    assert_eq!(pairs(&mut matchmaker, now + 2 * WIDEN), [(1, 2)]);
}

#[test]
fn two_who_have_met_stay_apart_while_anybody_else_waits() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, anybody(1));
    assert_eq!(seek(&mut matchmaker, now, 2, anybody(2)), met(1, 2));
    // Only the other one waits.
    seek(&mut matchmaker, now, 1, anybody(1));
    assert_eq!(seek(&mut matchmaker, now, 2, anybody(2)), met(1, 2));
    // Somebody else does too, who came later.
    seek(&mut matchmaker, now, 1, anybody(1));
    matchmaker.seek(now, id(3), anybody(3), &apart(1, 3));
    assert_eq!(seek(&mut matchmaker, now, 2, anybody(2)), met(3, 2));
    // And five minutes later the first one is as good as any.
    matchmaker.seek(now + APART, id(3), anybody(3), &apart(1, 3));
    assert_eq!(seek(&mut matchmaker, now + APART, 2, anybody(2)), met(1, 2));
}

#[test]
fn who_is_blocked_is_never_met() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    let is_blocked = apart(1, 2);
    seek(&mut matchmaker, now, 1, anybody(1));
    assert_eq!(matchmaker.seek(now, id(2), anybody(2), &is_blocked), Outcome::Queued { place: 2 });
    assert_eq!(matchmaker.poll_pair(now + 365 * 24 * 3600 * Duration::from_secs(1), &is_blocked), None);
}

#[test]
fn who_is_away_is_not_met_and_keeps_its_place() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, seeker(1, &["tea"], None));
    matchmaker.handle_absence(id(1));
    assert_eq!(seek(&mut matchmaker, now, 2, seeker(2, &["tea"], None)), Outcome::Queued { place: 2 });
    assert_eq!(pairs(&mut matchmaker, now + 3 * WIDEN), []);
    assert_eq!(matchmaker.front().collect::<Vec<_>>(), [id(1), id(2)]);
    let pair = matchmaker.handle_return(now, id(1), &nobody);
    assert_eq!(pair, Some(Pair { first: id(1), second: id(2) }));
    assert_eq!(matchmaker.handle_return(now, id(1), &nobody), None);
}

#[test]
fn who_has_left_is_not_met_and_seeks_anew_at_the_end() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    seek(&mut matchmaker, now, 1, seeker(1, &["tea"], None));
    seek(&mut matchmaker, now, 2, seeker(2, &["chess"], None));
    assert!(matchmaker.leave(id(1)) && !matchmaker.leave(id(1)));
    seek(&mut matchmaker, now, 1, seeker(1, &["chess"], Some("eu")));
    assert_eq!(matchmaker.front().collect::<Vec<_>>(), [id(2), id(1)]);
    assert_eq!(pairs(&mut matchmaker, now + WIDEN), [(2, 1)]);
    assert_eq!(matchmaker.front().count(), 0);
}

#[test]
fn nothing_is_kept_of_who_is_gone() {
    let (mut matchmaker, now) = (matchmaker(), Instant::now());
    for number in 0..1000 {
        let interest = number.to_string();
        seek(&mut matchmaker, now, number, seeker(number, &[&interest], Some("eu")));
        if number % 2 == 0 {
            matchmaker.leave(id(number));
        }
    }
    for number in 0..1000 {
        matchmaker.leave(id(number));
    }
    assert!(matchmaker.buckets.is_empty() && matchmaker.waiting.is_empty());
    assert_eq!(matchmaker.line.iter().count(), 0);
    assert_eq!(pairs(&mut matchmaker, now + 2 * WIDEN), []);
    assert!(matchmaker.widenings.iter().all(VecDeque::is_empty));
    // And of who has met, until they may meet again.
    for number in (0..100).step_by(2) {
        seek(&mut matchmaker, now, number, anybody(number));
        assert_eq!(seek(&mut matchmaker, now, number + 1, anybody(number + 1)), met(number, number + 1));
    }
    assert_eq!(matchmaker.past.len(), 50);
    seek(&mut matchmaker, now + APART, 0, anybody(0));
    assert_eq!(matchmaker.past.len(), 0);
}

/// Two meet among a thousand, and among two hundred thousand who wait. Absolute times say little; the ratio has room for caches.
#[test]
fn to_meet_somebody_costs_no_more_the_more_wait() {
    let costs = [1_000u64, 200_000].map(|waiting| {
        let mut crowd = Crowd::of(waiting);
        let began = Instant::now();
        for _ in 0..2_000 {
            assert!(crowd.pair());
        }
        assert_eq!(u64::try_from(crowd.len()), Ok(waiting));
        began.elapsed().as_secs_f64()
    });
    let ratio = costs[1] / costs[0];
    assert!(ratio < 8.0, "{costs:?}");
}
