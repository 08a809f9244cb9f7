use visavis_protocol::{Interest, MatchKind, Region};

use super::*;
use crate::access::Identity;

pub(super) fn anybody() -> Vec<BucketKey> {
    vec![BucketKey::new(MatchKind::Video, None, None)]
}

fn key(interest: Option<&str>, region: Option<&str>) -> BucketKey {
    let interest = interest.map(|text| Interest::new(text).expect("an interest"));
    let region = region.map(|text| Region::new(text).expect("a region"));
    BucketKey::new(MatchKind::Video, interest.as_ref(), region.as_ref())
}

pub(super) fn identity(name: &str) -> IdentityKey {
    IdentityKey::of(&name.parse::<Identity>().expect("an identity"))
}

pub(super) fn seeker(name: &str) -> SeekerRecord {
    SeekerRecord {
        session: session(name),
        identity: identity(name),
        ticket: None,
        keys: anybody(),
        blocks: Vec::new(),
    }
}

impl Node {
    fn seek(&self, record: SeekerRecord) {
        self.say(Command::Seek(Box::new(record)));
    }

    /// Seeks, and waits.
    async fn wait(&mut self, record: SeekerRecord) -> Ticket {
        let sought = record.session.clone();
        self.seek(record);
        self.until(|event| match event {
            Event::Queued { session, ticket, .. } if *session == sought => Some(*ticket),
            _ => None,
        })
        .await
    }

    /// The next two who meet.
    async fn met(&mut self) -> (SessionKey, SessionKey) {
        self.until(|event| match event {
            Event::Matched { first, second, .. } => Some((first.session.clone(), second.session.clone())),
            _ => None,
        })
        .await
    }

    async fn place(&mut self, name: &str) -> (Option<u32>, u32) {
        self.say(Command::Places { sessions: vec![session(name)] });
        self.until(|event| match event {
            Event::Places { places, waiting } => Some((places.first().map(|(_, place)| *place), *waiting)),
            _ => None,
        })
        .await
    }
}

fn pair(first: &str, second: &str) -> (SessionKey, SessionKey) {
    (session(first), session(second))
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_waited_longest_on_any_node_is_met_first_and_both_nodes_hear() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, mut cat] = lasting_three(&redis).await;
    let lonely = |name: &str| SeekerRecord { identity: identity("one"), ..seeker(name) };
    let first = ann.wait(lonely("a")).await;
    let second = ben.wait(lonely("b")).await;
    assert!(first < second);
    cat.seek(seeker("c"));
    for node in [&mut ann, &mut cat] {
        assert_eq!(node.met().await, pair("a", "c"));
    }
    ann.seek(seeker("d"));
    for node in [&mut ann, &mut ben] {
        assert_eq!(node.met().await, pair("b", "d"));
    }
    assert_eq!(cat.place("a").await, (None, 0));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn an_old_ticket_is_a_place_before_newer_ones() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    let lonely = |name: &str| SeekerRecord { identity: identity("one"), ..seeker(name) };
    let ticket = ann.wait(lonely("a")).await;
    ann.say(Command::Withdraw { session: session("a") });
    ben.wait(lonely("b")).await;
    assert_eq!(ann.wait(SeekerRecord { ticket: Some(ticket), ..lonely("a") }).await, ticket);
    assert_eq!(ben.place("a").await, (Some(1), 2));
    assert_eq!(ben.place("b").await, (Some(2), 2));
    ben.seek(seeker("c"));
    assert_eq!(ben.met().await, pair("a", "c"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_same_two_meet_again_only_if_nobody_else_waits() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    ann.wait(seeker("a")).await;
    ben.seek(seeker("b"));
    assert_eq!(ben.met().await, pair("a", "b"));
    ann.met().await;
    ann.wait(SeekerRecord { blocks: vec![identity("c")], ..seeker("a") }).await;
    ann.wait(seeker("c")).await;
    ben.seek(seeker("b"));
    assert_eq!(ben.met().await, pair("c", "b"), "though the other has waited longer");
    ben.seek(seeker("b"));
    assert_eq!(ben.met().await, pair("a", "b"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn neither_meets_whom_it_blocks_nor_whom_it_is_blocked_by_nor_itself() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    ann.wait(SeekerRecord { blocks: vec![identity("b")], ..seeker("a") }).await;
    ben.wait(seeker("b")).await;
    ben.wait(SeekerRecord { blocks: vec![identity("a"), identity("b")], ..seeker("c") }).await;
    let itself =
        SeekerRecord { session: session("d"), blocks: vec![identity("b"), identity("c")], ..seeker("a") };
    ben.wait(itself).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn only_who_has_something_in_common_meets_and_wider_keys_count_from_then_on() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    let with = |name: &str, keys: Vec<BucketKey>| SeekerRecord { keys, ..seeker(name) };
    ann.wait(with("a", vec![key(Some("owls"), Some("eu"))])).await;
    ben.wait(with("b", vec![key(Some("cats"), Some("eu"))])).await;
    ben.wait(with("c", vec![key(Some("owls"), Some("us"))])).await;
    let text = vec![BucketKey::new(MatchKind::Text, None, None)];
    ben.wait(with("d", text)).await;
    let wider = with("a", vec![key(Some("owls"), Some("eu")), key(Some("owls"), None)]);
    ann.say(Command::Widen(Box::new(wider)));
    ann.place("a").await;
    ben.say(Command::Widen(Box::new(with(
        "c",
        vec![key(Some("owls"), Some("us")), key(Some("owls"), None)],
    ))));
    assert_eq!(ben.met().await, pair("a", "c"));
    ben.seek(with("e", vec![key(Some("cats"), Some("eu")), key(Some("dogs"), Some("eu"))]));
    assert_eq!(ben.met().await, pair("b", "e"));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_has_withdrawn_is_not_met_and_who_says_it_twice_waits_once() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    ann.wait(seeker("a")).await;
    ann.say(Command::Withdraw { session: session("a") });
    assert_eq!(ann.place("a").await, (None, 0));
    let ticket = ben.wait(seeker("b")).await;
    assert_eq!(ben.wait(seeker("b")).await, ticket);
    assert_eq!(ben.place("b").await, (Some(1), 1));
    ann.seek(seeker("c"));
    assert_eq!(ann.met().await, pair("b", "c"));
    ann.wait(seeker("d")).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_withdraws_as_it_is_matched_is_told_whom_it_misses() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    for index in 0..200 {
        let (a, b) = (format!("a{index}"), format!("b{index}"));
        ann.wait(seeker(&a)).await;
        ben.seek(seeker(&b));
        ann.say(Command::Withdraw { session: session(&a) });
        // Either it was too late, or b waits.
        let is_matched = ben
            .until(|event| match event {
                Event::Matched { .. } => Some(true),
                Event::Queued { session: queued, .. } if *queued == session(&b) => Some(false),
                _ => None,
            })
            .await;
        if is_matched {
            let other = ann
                .until(|event| match event {
                    Event::Missed { session: own, other } if *own == session(&a) => {
                        Some(other.session.clone())
                    }
                    Event::Matched { .. } => Some(session(&b)),
                    _ => None,
                })
                .await;
            assert_eq!(other, session(&b));
        } else {
            ben.say(Command::Withdraw { session: session(&b) });
        }
        ben.place(&b).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_dead_are_not_met_and_do_not_wait() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, mut cat] = three(&redis).await;
    let lonely = |name: String| SeekerRecord { identity: identity("one"), ..seeker(&name) };
    for index in 0..40 {
        ann.wait(lonely(format!("a{index}"))).await;
    }
    let gone = ann.id.clone();
    ann.die();
    for node in [&mut ben, &mut cat] {
        node.expect(Event::NodeLost { node: gone.clone() }).await;
    }
    ben.wait(seeker("b")).await;
    cat.seek(seeker("c"));
    assert_eq!(cat.met().await, pair("b", "c"));
    assert_eq!(cat.place("a0").await, (None, 0));
}
