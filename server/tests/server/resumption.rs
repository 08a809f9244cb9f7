//! Connections that break, and sessions that go on.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use visavis_protocol::{
    ClientMessage, DescriptionKind, ErrorCode, LeaveReason, MediaState, ParticipantId, Resumed,
    ServerMessage, SessionToken,
};
use visavis_server::{Config, RoomsConfig, Timing};

use crate::support::{Client, MEDIA, TestServer, description, join, resuming};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

async fn server_with_grace(grace: Duration) -> TestServer {
    TestServer::start_with(Config { timing: Timing { grace, ..Timing::default() }, ..Config::default() })
        .await
}

/// Somebody in the room, with the session's token.
async fn enter(server: &TestServer, name: &str) -> (Client, SessionToken, ParticipantId) {
    let (mut client, session) = Client::begun(server).await;
    let (id, _) = client.join("owl", name).await;
    (client, session, id)
}

fn media(to_others: bool) -> MediaState {
    MediaState { camera: to_others, ..MEDIA }
}

#[tokio::test]
async fn nobody_hears_of_a_connection_that_comes_back_and_nothing_is_lost() {
    let server = server_with_grace(LONG).await;
    let (ada, session, ada_id) = enter(&server, "Ada").await;
    let (mut bob, _, bob_id) = enter(&server, "Bob").await;

    drop(ada);
    let offer = description(DescriptionKind::Offer, 1, 2000);
    bob.say(&ClientMessage::Description { to: ada_id.clone(), description: offer.clone() }).await;
    // `joined` has come, of Bob nothing is known; `join` was said.
    let (mut ada, again, resumed) = Client::greeted(&server, &resuming(&session, 1)).await;
    assert_eq!((again, resumed), (session, Some(Resumed { received: 1 })));
    assert_eq!(ada.hear_joined().await.id, bob_id);
    assert_eq!(ada.hear().await, ServerMessage::Description { from: bob_id.clone(), description: offer });

    ada.say(&ClientMessage::Media(media(true))).await;
    assert_eq!(bob.hear().await, ServerMessage::Media { from: ada_id, media: media(true) });
}

#[tokio::test]
async fn much_that_was_missed_comes_at_once_and_whole() {
    // Without a ping that would set going what has stopped.
    let timing = Timing { grace: LONG, ping: LONG, ..Timing::default() };
    let server = TestServer::start_with(Config { timing, ..Config::default() }).await;
    let (ada, session, ada_id) = enter(&server, "Ada").await;
    let (mut bob, _, bob_id) = enter(&server, "Bob").await;
    drop(ada);
    let offers: Vec<_> = (1..=20).map(|number| description(DescriptionKind::Offer, number, 3000)).collect();
    for offer in &offers {
        bob.say(&ClientMessage::Description { to: ada_id.clone(), description: offer.clone() }).await;
    }
    // Whoever is told this has been heard.
    bob.say(&ClientMessage::Leave).await;
    bob.say(&ClientMessage::Leave).await;
    assert_eq!(bob.hear_error().await, ErrorCode::NotInRoom);

    let (mut ada, ..) = Client::greeted(&server, &resuming(&session, 1)).await;
    assert_eq!(ada.hear_joined().await.id, bob_id);
    for description in offers {
        assert_eq!(ada.hear().await, ServerMessage::Description { from: bob_id.clone(), description });
    }
    assert_eq!(ada.hear_left().await, (bob_id, LeaveReason::Left));
}

#[tokio::test]
async fn the_old_connection_is_superseded_if_it_still_seems_to_be_there() {
    let server = server_with_grace(LONG).await;
    let (mut stuck, session, ada_id) = enter(&server, "Ada").await;
    let (mut bob, _, bob_id) = enter(&server, "Bob").await;
    assert_eq!(stuck.hear_joined().await.id, bob_id);

    let (mut ada, _, resumed) = Client::greeted(&server, &resuming(&session, 2)).await;
    assert_eq!(resumed, Some(Resumed { received: 1 }));
    assert_eq!(stuck.hear_end().await, (ErrorCode::Superseded, 1008));
    drop(stuck);

    bob.say(&ClientMessage::Media(media(true))).await;
    assert_eq!(ada.hear().await, ServerMessage::Media { from: bob_id, media: media(true) });
    ada.say(&ClientMessage::Media(media(true))).await;
    assert_eq!(bob.hear().await, ServerMessage::Media { from: ada_id, media: media(true) });
}

#[tokio::test]
async fn who_does_not_come_back_has_left() {
    let server = server_with_grace(Duration::from_millis(300)).await;
    let (ada, session, ada_id) = enter(&server, "Ada").await;
    let (mut bob, ..) = enter(&server, "Bob").await;
    drop(ada);
    assert_eq!(bob.hear_left().await, (ada_id, LeaveReason::Disconnected));

    let (mut ada, _, resumed) = Client::greeted(&server, &resuming(&session, 1)).await;
    assert_eq!(resumed, None);
    let (_, present) = ada.join("owl", "Ada").await;
    assert_eq!(present.len(), 1);
}

#[tokio::test]
async fn who_closes_on_purpose_has_left_at_once() {
    let server = server_with_grace(LONG).await;
    let (mut ada, session, ada_id) = enter(&server, "Ada").await;
    let (mut bob, ..) = enter(&server, "Bob").await;
    ada.send(Message::Close(Some(CloseFrame { code: CloseCode::Away, reason: "".into() }))).await;
    assert_eq!(bob.hear_left().await, (ada_id, LeaveReason::Disconnected));
    let (_, _, resumed) = Client::greeted(&server, &resuming(&session, 1)).await;
    assert_eq!(resumed, None);
}

#[tokio::test]
async fn who_is_away_gives_way_to_a_newcomer_and_is_told() {
    let server = server_with_grace(LONG).await;
    let (ada, session, ada_id) = enter(&server, "Ada").await;
    let (mut bob, _, bob_id) = enter(&server, "Bob").await;
    drop(ada);

    // The program that crashed was started again, and the room is full.
    let mut again = Client::welcomed(&server).await;
    loop {
        again.say(&join("owl", "Ada")).await;
        match again.hear().await {
            ServerMessage::Joined { participants, .. } => {
                assert_eq!(participants.iter().map(|other| &other.id).collect::<Vec<_>>(), [&bob_id]);
                break;
            }
            // The server may not have noticed yet that the connection broke.
            ServerMessage::Error { code: ErrorCode::RoomFull, .. } => tokio::task::yield_now().await,
            other => panic!("neither in nor out: {other:?}"),
        }
    }
    assert_eq!(bob.hear_left().await, (ada_id.clone(), LeaveReason::Disconnected));

    let (mut ada, _, resumed) = Client::greeted(&server, &resuming(&session, 2)).await;
    assert!(resumed.is_some());
    assert_eq!(ada.hear_left().await, (ada_id, LeaveReason::Disconnected));
    ada.say(&join("owl", "Ada")).await;
    assert_eq!(ada.hear_error().await, ErrorCode::RoomFull);
}

#[tokio::test]
async fn nonsense_counts_so_that_both_sides_count_alike() {
    let server = TestServer::start_with(Config {
        rooms: RoomsConfig {
            size: NonZeroUsize::new(3).expect("three is not zero"),
            ..RoomsConfig::default()
        },
        ..Config::default()
    })
    .await;
    let (mut ada, session, _) = enter(&server, "Ada").await;
    ada.say_text("{").await;
    assert_eq!(ada.hear_error().await, ErrorCode::InvalidMessage);
    ada.say(&ClientMessage::Media(media(true))).await;
    let (mut bob, _, bob_id) = enter(&server, "Bob").await;
    bob.say(&ClientMessage::Leave).await;
    assert_eq!(ada.hear_joined().await.id, bob_id);
    assert_eq!(ada.hear_left().await, (bob_id, LeaveReason::Left));

    let (_, _, resumed) = Client::greeted(&server, &resuming(&session, 3)).await;
    assert_eq!(resumed, Some(Resumed { received: 3 }));
}

#[tokio::test]
async fn a_foreign_or_made_up_token_opens_nothing() {
    let server = server_with_grace(LONG).await;
    let (_ada, session, _) = enter(&server, "Ada").await;
    let other = SessionToken::new(format!("{}x", session.as_str())).expect("a token");
    let (_, begun, resumed) = Client::greeted(&server, &resuming(&other, 0)).await;
    assert_eq!(resumed, None);
    assert_ne!(begun, session);
}
