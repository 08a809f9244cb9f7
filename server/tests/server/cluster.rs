//! Several servers with a real Redis: the program `redis-server`, or the one that `VISAVIS_TEST_REDIS` names.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use visavis_protocol::{
    Again, ClientMessage, DescriptionKind, Door, ErrorCode, HostAction, Join, LeaveReason, ParticipantId,
    ServerMessage,
};
use visavis_server::{ClusterConfig, Config, MatchingConfig};

use crate::matching::{hear_met, hear_queued, seek};
use crate::support::{Client, TestServer, description, join, resuming, within};

struct Nodes {
    servers: Vec<TestServer>,
    _redis: Child,
    _folder: TempDir,
}

impl Nodes {
    /// Three servers that reach each other.
    async fn start() -> Self {
        let program = std::env::var_os("VISAVIS_TEST_REDIS").unwrap_or_else(|| "redis-server".into());
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut redis = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Redis starts");
        let mut lines = BufReader::new(redis.stdout.take().expect("its output")).lines();
        loop {
            let line = within(lines.next_line()).await.expect("it can be read").expect("it is not over");
            if line.contains("Ready to accept connections") {
                break;
            }
        }
        let mut servers = Vec::new();
        for _ in 0..3 {
            let url = format!("redis://127.0.0.1:{port}").parse().expect("a Redis");
            let cluster = ClusterConfig { redis: Some(url), ..ClusterConfig::default() };
            let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
            let server = TestServer::start_with(Config { cluster, matching, ..Config::default() }).await;
            servers.push(server);
        }
        let nodes = Self { servers, _redis: redis, _folder: folder };
        for server in &nodes.servers {
            nodes.reached(server).await;
        }
        nodes
    }

    /// Resolves when a server knows of the others: somebody who asks it for a room is let in.
    async fn reached(&self, server: &TestServer) {
        let mut client = Client::welcomed(server).await;
        client.join(&format!("at-{}", server.address.port()), "Nobody").await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn two_at_two_servers_are_in_one_room() {
    let nodes = Nodes::start().await;
    let [first, second, _] = nodes.servers.as_slice() else { panic!("not three") };
    let (mut ada, mut bob) = (Client::welcomed(first).await, Client::welcomed(second).await);
    let (ada_id, _) = ada.join("owl", "Ada").await;
    let (bob_id, others) = bob.join("owl", "Bob").await;
    assert_eq!(others[0].id, ada_id);
    assert_eq!(ada.hear_joined().await.id, bob_id);
    for number in 1..=20 {
        let offer = description(DescriptionKind::Offer, number, 8_000);
        bob.say(&ClientMessage::Description { to: ada_id.clone(), description: offer.clone() }).await;
        let heard = ServerMessage::Description { from: bob_id.clone(), description: offer };
        assert_eq!(ada.hear().await, heard);
    }
    // Into the room of a third one, and back, over the same connection.
    let mut eve = Client::welcomed(&nodes.servers[2]).await;
    let (eve_id, _) = eve.join("fox", "Eve").await;
    bob.say(&ClientMessage::Leave).await;
    assert_eq!(ada.hear_left().await, (bob_id, LeaveReason::Left));
    let (_, others) = bob.join("fox", "Bob").await;
    assert_eq!(others[0].id, eve_id);
    bob.say(&ClientMessage::Leave).await;
    let (_, others) = bob.join("owl", "Bob").await;
    assert_eq!(others[0].id, ada_id);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_session_goes_on_over_another_server() {
    let nodes = Nodes::start().await;
    let [first, second, third] = nodes.servers.as_slice() else { panic!("not three") };
    let mut ada = Client::welcomed(first).await;
    ada.join("owl", "Ada").await;
    let (mut bob, session) = Client::begun(second).await;
    let (bob_id, others) = bob.join("owl", "Bob").await;
    ada.hear_joined().await;
    bob.break_off().await;
    let missed = description(DescriptionKind::Offer, 1, 2_000);
    ada.say(&ClientMessage::Description { to: bob_id.clone(), description: missed.clone() }).await;
    let (mut bob, again, resumed) = Client::greeted(third, &resuming(&session, 1)).await;
    assert_eq!((again, resumed.map(|it| it.received)), (session, Some(1)));
    let from = others[0].id.clone();
    assert_eq!(bob.hear().await, ServerMessage::Description { from, description: missed });
    bob.say(&ClientMessage::Leave).await;
    assert_eq!(ada.hear_left().await, (bob_id, LeaveReason::Left));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn strangers_at_three_servers_meet_in_their_order() {
    let nodes = Nodes::start().await;
    let mut waiting = Client::welcomed(&nodes.servers[0]).await;
    waiting.say(&seek("Ada")).await;
    assert_eq!(hear_queued(&mut waiting).await, (1, 1));
    let mut newcomer = Client::welcomed(&nodes.servers[1]).await;
    newcomer.say(&seek("Bob")).await;
    let (room, _, other) = hear_met(&mut newcomer).await;
    let (same, _, _) = hear_met(&mut waiting).await;
    assert_eq!((other.name.as_str(), room), ("Ada", same));
    newcomer.say(&ClientMessage::Next).await;
    assert_eq!(hear_queued(&mut newcomer).await, (1, 1));
    let mut third = Client::welcomed(&nodes.servers[2]).await;
    third.say(&seek("Eve")).await;
    assert_eq!(hear_met(&mut third).await.2.name.as_str(), "Bob");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_ends_leaves_its_rooms_to_the_others() {
    let mut nodes = Nodes::start().await;
    let first = nodes.servers.remove(0);
    let (mut ada, session) = Client::begun(&first).await;
    let (ada_id, _) = ada.join("owl", "Ada").await;
    ada.say(&ClientMessage::Host(HostAction::SetDoor { door: Door::Locked })).await;
    assert!(matches!(ada.hear().await, ServerMessage::Door { .. }));
    let stopping = tokio::spawn(first.stop());
    ada.hear_end().await;
    drop(ada);
    within(stopping).await.expect("it does not panic").expect("it ends well");

    let mut eve = Client::welcomed(&nodes.servers[0]).await;
    eve.say(&join("owl", "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomLocked, "it is remembered");
    let (mut ada, _, resumed) = Client::greeted(&nodes.servers[1], &resuming(&session, 2)).await;
    assert_eq!(resumed, None);
    ada.say(&join_again("owl", "Ada", &ada_id)).await;
    match ada.hear().await {
        ServerMessage::Joined { you, host, .. } => assert_eq!((you, host), (ada_id, true)),
        other => panic!("not in: {other:?}"),
    }
}

/// Enters as who it was.
fn join_again(room: &str, name: &str, you: &ParticipantId) -> ClientMessage {
    match join(room, name) {
        ClientMessage::Join(join) => {
            let again = Again { you: you.clone(), others: Vec::new(), door: Door::Open };
            ClientMessage::Join(Join { again: Some(again), ..join })
        }
        other => panic!("{other:?}"),
    }
}
