use super::*;

#[tokio::test]
#[ignore = "needs redis-server"]
async fn mail_arrives_in_order_and_both_ways_at_once() {
    const COUNT: usize = 20_000;
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    let mut expected = [0; 2];
    for part in 0..COUNT / 1000 {
        for number in part * 1000..(part + 1) * 1000 {
            ann.say(Command::Send { to: ben.id.clone(), mail: number.to_string() });
            ben.say(Command::Send { to: ann.id.clone(), mail: number.to_string() });
        }
        let end = (part + 1) * 1000;
        for (node, expected) in [&mut ann, &mut ben].into_iter().zip(&mut expected) {
            while *expected < end {
                if let Event::Mail { mail, .. } = node.event().await {
                    assert_eq!(mail, expected.to_string());
                    *expected += 1;
                }
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_does_not_fit_while_redis_is_away_is_lost_at_both_ends() {
    let redis = RedisServer::start().await;
    let [mut ann, mut ben, _cat] = lasting_three(&redis).await;
    ann.say(Command::Send { to: ben.id.clone(), mail: "hello".to_owned() });
    ben.expect(Event::Mail { from: ann.id.clone(), mail: "hello".to_owned() }).await;
    redis.stop().await;
    // More than 8 MB.
    for _ in 0..100 {
        ann.say(Command::Send { to: ben.id.clone(), mail: "x".repeat(100_000) });
    }
    ann.expect(Event::NodeLost { node: ben.id.clone() }).await;
    ann.say(Command::Noted { node: ben.id.clone() });
    ann.say(Command::Send { to: ben.id.clone(), mail: "again".to_owned() });
    redis.go_on().await;
    let events = ben.before(Event::Mail { from: ann.id.clone(), mail: "again".to_owned() }).await;
    assert!(events.contains(&Event::NodeLost { node: ann.id.clone() }), "{events:?}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn mail_to_nobody_is_a_loss() {
    let redis = RedisServer::start().await;
    let mut ann = Node::start(&redis).await;
    let nobody = NodeId::try_from("a".repeat(12)).expect("a name");
    ann.say(Command::Send { to: nobody.clone(), mail: "hello".to_owned() });
    ann.expect(Event::NodeLost { node: nobody }).await;
}
