//! Who is banned is told, goes, and does not come back until the ban is over.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::sleep;
use visavis_protocol::{
    AccessToken, ClientMessage, ErrorCode, Hello, LeaveReason, PROTOCOL_VERSION, ServerMessage,
};
use visavis_server::{AccessConfig, Config, ModerationConfig, OpenError, Order, Server, ServerError, issue};

use super::{ADA, APPEAL, EVE, MO, Moderated, hear_reported, report, secret};
use crate::support::{Call, Client, hello, resuming};

const POLICY: u16 = 1008;

/// What somebody hears who says hello from this address and is not let in.
async fn refusal(moderated: &Moderated, from: &str) -> (ErrorCode, String, Option<u32>, u16) {
    let mut client = Client::connect_for(&moderated.server, from).await.expect("a connection");
    client.say(&hello(PROTOCOL_VERSION)).await;
    client.hear_last_words().await
}

fn hello_with(token: &AccessToken) -> ClientMessage {
    ClientMessage::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        client: "visavis-server-tests/1".to_owned(),
        resume: None,
        token: Some(token.clone()),
    })
}

/// What somebody hears first who shows this.
async fn answer_to(moderated: &Moderated, from: &str, token: &AccessToken) -> ServerMessage {
    let mut client = Client::connect_for(&moderated.server, from).await.expect("a connection");
    client.say(&hello_with(token)).await;
    client.hear().await
}

fn is_banned(answer: &ServerMessage) -> bool {
    matches!(answer, ServerMessage::Error { code: ErrorCode::Banned, .. })
}

async fn ban(moderated: &Moderated, kind: &str, value: &str, seconds: Option<u64>) -> Value {
    let mut body = json!({"subject": {"kind": kind, "value": value}, "reason": "spam"});
    if let Some(seconds) = seconds {
        body["seconds"] = json!(seconds);
    }
    let (status, ban) = moderated.ask("POST", "/api/bans", Some(&body)).await;
    assert_eq!(status, 201, "{ban}");
    ban
}

#[tokio::test]
async fn from_the_report_to_the_ban_and_back_in_when_it_is_over() {
    let moderated = Moderated::start().await;
    let (mut ada, mut eve, eve_id) = moderated.meeting("owl").await;
    let mut others = Call::begin(&moderated.server, "fox").await;
    ada.say(&report(&eve_id, "He would not stop.")).await;
    let id = hear_reported(&mut ada).await;

    let decision =
        json!({"action": "ban", "by": "both", "reason": "harassment", "seconds": 3, "note": "clear"});
    let path = format!("/api/reports/{id}/resolve");
    let (status, resolved) = moderated.ask("POST", &path, Some(&decision)).await;
    assert_eq!((status, &resolved["state"]), (200, &json!("banned")), "{resolved}");

    let (code, message, retry_after_ms, close) = eve.hear_last_words().await;
    assert_eq!((code, close), (ErrorCode::Banned, POLICY));
    assert!(
        message.contains("harassment") && message.contains(APPEAL) && message.contains("GMT"),
        "{message}"
    );
    assert!(retry_after_ms.is_some_and(|after| after <= 3_000), "{retry_after_ms:?}");
    assert_eq!(ada.hear_left().await, (eve_id, LeaveReason::Disconnected));

    // By whatever name: that is said later.
    let (code, again, retry_after_ms, close) = refusal(&moderated, EVE).await;
    assert_eq!((code, close, again), (ErrorCode::Banned, POLICY, message));
    Client::welcomed_for(&moderated.server, "192.0.2.67").await;
    others.assert_untouched().await;

    let rest = Duration::from_millis(retry_after_ms.expect("it ends").into());
    sleep(rest).await;
    Client::welcomed_for(&moderated.server, EVE).await;
    assert_eq!(moderated.items("/api/bans").await.len(), 0, "and it is not listed any more");
}

#[tokio::test]
async fn who_is_away_cannot_come_back_after_a_ban() {
    let moderated = Moderated::start().await;
    let (mut eve, session) = Client::begun(&moderated.server).await;
    let (eve_id, _) = eve.join("owl", "Eve").await;
    let mut ada = Client::welcomed_for(&moderated.server, ADA).await;
    ada.join("owl", "Ada").await;
    eve.hear_joined().await;
    ada.say(&report(&eve_id, "")).await;
    let id = hear_reported(&mut ada).await;
    drop(eve);
    let decision = json!({"action": "ban", "by": "identity", "reason": "spam"});
    let (status, _) = moderated.ask("POST", &format!("/api/reports/{id}/resolve"), Some(&decision)).await;
    assert_eq!(status, 200);
    assert_eq!(ada.hear_left().await, (eve_id, LeaveReason::Disconnected));
    let (_, _, resumed) = Client::greeted(&moderated.server, &resuming(&session, 1)).await;
    assert_eq!(resumed, None, "her session is over");
}

#[tokio::test]
async fn a_guest_who_is_banned_is_known_again_from_elsewhere() {
    let moderated = Moderated::start().await;
    let mut eve = Client::connect_for(&moderated.server, EVE).await.expect("a connection");
    eve.say(&hello(PROTOCOL_VERSION)).await;
    let ServerMessage::Welcome { guest: Some(token), .. } = eve.hear().await else { panic!("no guest") };
    let (eve_id, _) = eve.join("owl", "Eve").await;
    let mut ada = Client::welcomed_for(&moderated.server, ADA).await;
    ada.join("owl", "Ada").await;
    eve.hear_joined().await;
    ada.say(&report(&eve_id, "")).await;
    let id = hear_reported(&mut ada).await;
    let decision = json!({"action": "ban", "by": "identity", "reason": "spam"});
    let (status, _) = moderated.ask("POST", &format!("/api/reports/{id}/resolve"), Some(&decision)).await;
    assert_eq!((status, eve.hear_last_words().await.0), (200, ErrorCode::Banned));

    assert!(is_banned(&answer_to(&moderated, "192.0.2.99", &token).await));
    Client::welcomed_for(&moderated.server, EVE).await;
}

#[tokio::test]
async fn who_comes_with_a_token_is_reported_and_banned_by_its_identity() {
    let moderated = Moderated::start().await;
    let token = |identity: &str| {
        let order = Order {
            identity: identity.parse().expect("an identity"),
            name: None,
            rooms: Vec::new(),
            can: Vec::new(),
            lifetime: Duration::from_secs(600),
            key: None,
        };
        let access = AccessConfig { secrets: vec![secret()], ..AccessConfig::default() };
        issue(&access, order, SystemTime::now()).expect("a token")
    };
    let mut ada = Client::welcomed_for(&moderated.server, ADA).await;
    ada.join("owl", "Ada").await;
    let (mut eve, ..) = Client::greeted(&moderated.server, &hello_with(&token("eve@example.org"))).await;
    let (eve_id, _) = eve.join("owl", "Eve").await;
    ada.hear_joined().await;
    ada.say(&report(&eve_id, "")).await;
    hear_reported(&mut ada).await;
    let reports = moderated.items("/api/reports").await;
    assert_eq!(reports[0]["reported"]["identity"], json!("eve@example.org"));

    ban(&moderated, "identity", "eve@example.org", None).await;
    assert_eq!(eve.hear_last_words().await.0, ErrorCode::Banned);
    assert!(is_banned(&answer_to(&moderated, EVE, &token("eve@example.org")).await));
    assert!(!is_banned(&answer_to(&moderated, EVE, &token("bob")).await));
}

#[tokio::test]
async fn a_network_is_banned_and_let_in_again() {
    let moderated = Moderated::start().await;
    let mut eve = Client::welcomed_for(&moderated.server, "2001:db8:1:2::1").await;
    let ban = ban(&moderated, "address", "2001:db8:1::/48", None).await;
    let (code, message, retry_after_ms, _) = eve.hear_last_words().await;
    assert_eq!((code, retry_after_ms), (ErrorCode::Banned, None));
    assert_eq!(message, format!("you are banned from this server: spam. {APPEAL}"));
    assert_eq!(refusal(&moderated, "2001:db8:1:ffff::9").await.0, ErrorCode::Banned);
    Client::welcomed_for(&moderated.server, "2001:db8:2::1").await;

    let id = ban["id"].as_str().expect("an id");
    assert_eq!(moderated.ask("DELETE", &format!("/api/bans/{id}"), None).await.0, 204);
    Client::welcomed_for(&moderated.server, "2001:db8:1:2::1").await;
}

#[tokio::test]
async fn a_ban_outlives_the_server() {
    let moderated = Moderated::start().await;
    ban(&moderated, "address", EVE, None).await;
    let moderated = moderated.restart().await;
    assert_eq!(refusal(&moderated, EVE).await.0, ErrorCode::Banned);
    assert_eq!(moderated.items("/api/bans").await.len(), 1);
}

#[tokio::test]
async fn what_moderators_do_is_written_down_with_their_names() {
    let moderated = Moderated::start().await;
    let made = ban(&moderated, "identity", "eve", Some(60)).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    let answer = moderated.ask_as(MO, "DELETE", &format!("/api/bans/{id}"), None).await;
    assert_eq!(answer.status, 204);
    let lines = moderated.items("/api/audit").await;
    let [lifted, banned] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&lifted["moderator"], &lifted["action"]), (&json!("mo"), &json!("ban_lifted")));
    assert_eq!((&banned["moderator"], &banned["action"]), (&json!("operator"), &json!("ban_made")));
    assert_eq!((&banned["after"], &lifted["before"], &banned["target"]), (&made, &made, &json!(id)));

    let (status, forgotten) = moderated.ask("DELETE", "/api/people/eve", None).await;
    assert_eq!((status, &forgotten["audit_lines"]), (200, &json!(2)));
    let lines = moderated.items("/api/audit").await;
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].to_string().contains("eve"), "{lines:?}");
}

#[tokio::test]
async fn a_server_does_not_start_without_the_database_that_it_was_told_of() {
    let database = "sqlite:/none/such/visavis.db".parse().ok();
    let moderation = ModerationConfig { database, ..ModerationConfig::default() };
    let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let bound = Server::bind(Config { listen, moderation, ..Config::default() }).await;
    assert!(matches!(bound, Err(ServerError::Database(OpenError::Open(_)))), "{bound:?}");
}
