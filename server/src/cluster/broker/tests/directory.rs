use super::*;

#[tokio::test]
#[ignore = "needs redis-server"]
async fn of_three_who_claim_a_room_at_once_one_has_it_and_all_know_who() {
    let redis = RedisServer::start().await;
    let mut nodes = three(&redis).await;
    for index in 0..50 {
        let name = format!("room-{index}");
        nodes.iter().for_each(|node| node.say(Command::Claim { room: room(&name) }));
        let mut owners = Vec::new();
        for node in &mut nodes {
            owners.push(
                node.until(|event| match event {
                    Event::Claimed { room, owner, .. } if room.as_str() == name => Some(owner.clone()),
                    _ => None,
                })
                .await,
            );
        }
        assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
        assert!(nodes.iter().any(|node| node.id == owners[0]));
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_room_that_is_released_is_forgotten_and_one_that_is_not_is_kept() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = three(&redis).await;
    ann.claim("owl").await;
    ann.say(Command::Remember { room: room("owl"), memory: "door".to_owned() });
    assert_eq!(ann.claim("owl").await, (ann.id.clone(), None), "it has it already");
    assert_eq!(ben.claim("owl").await, (ann.id.clone(), None));
    ann.say(Command::Release { room: room("owl") });
    ann.claim("other").await;
    assert_eq!(ben.claim("owl").await, (ben.id.clone(), None));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_dead_are_lost_to_all_and_their_rooms_go_on_with_their_memory() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, mut cat] = three(&redis).await;
    ann.claim("owl").await;
    ann.say(Command::Remember { room: room("owl"), memory: "door".to_owned() });
    ann.say(Command::Settle { session: session("s") });
    assert_eq!(ann.find("s").await, Some(ann.id.clone()));
    let gone = ann.id.clone();
    ann.die();
    assert_eq!(ben.claim("owl").await, (gone.clone(), None), "its lease is not over");
    for node in [&mut ben, &mut cat] {
        node.expect(Event::NodeLost { node: gone.clone() }).await;
    }
    assert_eq!(cat.find("s").await, None);
    assert_eq!(cat.claim("owl").await, (cat.id.clone(), Some("door".to_owned())));
    assert_eq!(ben.claim("owl").await, (cat.id.clone(), None));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_resigns_leaves_its_rooms_to_others_at_once() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, mut cat] = three(&redis).await;
    ann.claim("owl").await;
    ann.say(Command::Remember { room: room("owl"), memory: "door".to_owned() });
    ann.say(Command::Settle { session: session("s") });
    let gone = ann.id.clone();
    ann.resign().await;
    assert_eq!(ben.claim("owl").await, (ben.id.clone(), Some("door".to_owned())));
    assert_eq!(ben.find("s").await, None);
    cat.expect(Event::NodeLost { node: gone }).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_session_is_found_where_it_settled_last() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, mut cat] = three(&redis).await;
    ann.say(Command::Settle { session: session("s") });
    assert_eq!(ann.find("s").await, Some(ann.id.clone()));
    ben.say(Command::Settle { session: session("s") });
    assert_eq!(ben.find("s").await, Some(ben.id.clone()));
    ann.say(Command::Unsettle { session: session("s") });
    assert_eq!(ann.find("s").await, Some(ben.id.clone()), "it was no longer there");
    ben.say(Command::Unsettle { session: session("s") });
    assert_eq!(ben.find("s").await, None);
    assert_eq!(cat.find("s").await, None);
}
