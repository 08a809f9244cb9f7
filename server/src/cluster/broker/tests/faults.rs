use super::pairing::{identity, seeker};
use super::*;

/// With a Redis that has forgotten everything: by the own new life, and by a look that finds nobody.
const MOST_LOSSES: usize = 2;

/// What a node holds in these tests: a room with a memory, a session, and somebody who seeks and meets nobody.
async fn hold(node: &mut Node, name: &str) -> Ticket {
    node.claim(name).await;
    node.say(Command::Remember { room: room(name), memory: format!("memory of {name}") });
    node.say(Command::Settle { session: session(name) });
    let lonely = SeekerRecord { identity: identity("one"), ..seeker(name) };
    node.say(Command::Seek(Box::new(lonely)));
    node.until(|event| match event {
        Event::Queued { ticket, .. } => Some(*ticket),
        _ => None,
    })
    .await
}

/// Nothing of it is lost.
async fn assert_held(node: &mut Node, name: &str, by: &NodeId, ticket: Ticket) {
    assert_eq!(node.claim(name).await.0, *by, "{name}");
    assert_eq!(node.find(name).await, Some(by.clone()), "{name}");
    node.say(Command::Seek(Box::new(seeker("x"))));
    let (session_met, ticket_met) = node
        .until(|event| match event {
            Event::Matched { first, .. } => Some((first.session.clone(), first.ticket)),
            _ => None,
        })
        .await;
    assert_eq!((session_met, ticket_met), (session(name), ticket));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_redis_has_forgotten_it_is_told_again() {
    let mut redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = three(&redis).await;
    let ticket = hold(&mut ann, "owl").await;
    redis.kill().await;
    ann.expect(Event::CutOff).await;
    ann.say(Command::Claim { room: room("other") });
    ann.expect(Event::Failed { what: Ask::Claim(room("other")) }).await;
    redis.begin().await;
    let meanwhile = ann.before(Event::Back).await;
    let lost = |event: &Event| matches!(event, Event::RoomLost { .. } | Event::SessionLost { .. });
    assert!(!meanwhile.iter().any(lost), "{meanwhile:?}");
    ben.back().await;
    assert_held(&mut ben, "owl", &ann.id, ticket).await;
    // The memory too.
    let gone = ann.id.clone();
    ann.resign().await;
    // Who has lost her before, and not seen that she came back, learns by what it says to her.
    for _ in 0..MOST_LOSSES {
        ben.say(Command::Noted { node: gone.clone() });
    }
    ben.say(Command::Send { to: gone.clone(), mail: "hello".to_owned() });
    ben.expect(Event::NodeLost { node: gone }).await;
    assert_eq!(ben.claim("owl").await, (ben.id.clone(), Some("memory of owl".to_owned())));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_keeps_its_data_goes_on_without_a_loss() {
    let mut redis = RedisServer::start_keeping().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    let ticket = hold(&mut ann, "owl").await;
    for round in 0..3 {
        redis.kill().await;
        ann.expect(Event::CutOff).await;
        for number in 0..100 {
            ann.say(Command::Send { to: ben.id.clone(), mail: format!("{round} {number}") });
        }
        redis.begin().await;
        assert!(!ann.before(Event::Back).await.iter().any(|event| matches!(event, Event::NodeLost { .. })));
        for number in 0..100 {
            let mail = ben
                .until(|event| match event {
                    Event::Mail { mail, .. } => Some(mail.clone()),
                    Event::NodeLost { .. } => Some("lost".to_owned()),
                    _ => None,
                })
                .await;
            assert_eq!(mail, format!("{round} {number}"));
        }
    }
    assert_held(&mut ben, "owl", &ann.id, ticket).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_was_away_for_longer_than_its_lease_learns_what_others_have_taken() {
    let redis = RedisServer::start().await;
    let mut ann = Node::begin(&redis, Duration::from_millis(600));
    ann.back().await;
    let mut ben = Node::start(&redis).await;
    for name in ["owl", "cat"] {
        ann.claim(name).await;
        ann.say(Command::Settle { session: session(name) });
    }
    ann.find("cat").await;
    // Its broker waits while nobody listens to it, which is what a process that stands still looks like.
    let gone = ann.id.clone();
    while ann.handle.send(Command::Find { session: session("owl") }).is_ok() {}
    ben.expect(Event::NodeLost { node: gone }).await;
    assert_eq!(ben.claim("owl").await.0, ben.id);
    ben.say(Command::Settle { session: session("owl") });
    assert_eq!(ben.find("owl").await, Some(ben.id.clone()));
    ann.expect(Event::CutOff).await;
    let meanwhile = ann.before(Event::Back).await;
    assert!(
        meanwhile.contains(&Event::RoomLost { room: room("owl"), owner: ben.id.clone() }),
        "{meanwhile:?}"
    );
    assert!(meanwhile.contains(&Event::SessionLost { session: session("owl"), node: ben.id.clone() }));
    assert_eq!(ben.claim("cat").await.0, ann.id);
    assert_eq!(ben.find("cat").await, Some(ann.id.clone()));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_stands_still_cuts_all_off_until_it_goes_on() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, mut cat] = three(&redis).await;
    let ticket = hold(&mut ann, "owl").await;
    redis.stop().await;
    for node in [&mut ann, &mut ben, &mut cat] {
        node.expect(Event::CutOff).await;
    }
    redis.go_on().await;
    for node in [&mut ann, &mut ben, &mut cat] {
        node.back().await;
    }
    assert_held(&mut cat, "owl", &ann.id, ticket).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_was_given_back_while_redis_was_away_is_not_held_after_it() {
    let mut redis = RedisServer::start_keeping().await;
    let [mut ann, mut ben, _cat] = three(&redis).await;
    hold(&mut ann, "owl").await;
    redis.kill().await;
    ann.expect(Event::CutOff).await;
    ann.say(Command::Release { room: room("owl") });
    ann.say(Command::Unsettle { session: session("owl") });
    ann.say(Command::Withdraw { session: session("owl") });
    redis.begin().await;
    ann.back().await;
    ben.back().await;
    assert_eq!(ben.find("owl").await, None);
    assert_eq!(ben.claim("owl").await, (ben.id.clone(), None));
    ben.say(Command::Seek(Box::new(seeker("b"))));
    ben.until(|event| matches!(event, Event::Queued { .. }).then_some(())).await;
}
