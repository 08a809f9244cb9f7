//! Strangers who are brought together.

use std::time::Duration;

use visavis_protocol::{
    ClientMessage, DisplayName, ErrorCode, IceMode, LeaveReason, MediaState, Participant, ParticipantId,
    Role, RoomName, Seek, ServerMessage,
};
use visavis_server::{Config, MatchRelay, MatchingConfig, Server, ServerError, Timing, TurnConfig};

use crate::support::{Client, MEDIA, TestServer, join, resuming};

async fn server() -> TestServer {
    server_with(MatchingConfig::default()).await
}

async fn server_with(matching: MatchingConfig) -> TestServer {
    let timing = Timing { grace: Duration::from_secs(600), ..Timing::default() };
    let matching = MatchingConfig { enabled: true, ..matching };
    TestServer::start_with(Config { matching, timing, ..Config::default() }).await
}

pub(crate) fn seek(name: &str) -> ClientMessage {
    let name = DisplayName::new(name).expect("a name");
    let (kind, interests, region) = Default::default();
    ClientMessage::Seek(Seek { name, media: MEDIA, kind, interests, region })
}

/// Over tea.
pub(crate) fn seek_tea(name: &str) -> ClientMessage {
    match seek(name) {
        ClientMessage::Seek(seek) => {
            ClientMessage::Seek(Seek { interests: vec!["tea".parse().expect("an interest")], ..seek })
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn seeking(server: &TestServer, message: ClientMessage) -> Client {
    let mut client = Client::welcomed(server).await;
    client.say(&message).await;
    client
}

pub(crate) async fn hear_queued(client: &mut Client) -> (u32, u32) {
    match client.hear().await {
        ServerMessage::Queued { place, waiting } => (place, waiting),
        other => panic!("not queued: {other:?}"),
    }
}

/// The room, and who else is in it.
pub(crate) async fn hear_met(client: &mut Client) -> (RoomName, ParticipantId, Participant) {
    match client.hear().await {
        ServerMessage::Joined { room, you, participants, host: false, .. } => {
            let other = match participants.into_iter().next() {
                Some(other) => other,
                None => client.hear_joined().await,
            };
            (room, you, other)
        }
        other => panic!("met nobody: {other:?}"),
    }
}

#[tokio::test]
async fn two_meet_and_who_waited_longer_answers() {
    let server = server().await;
    let mut ada = seeking(&server, seek("Ada")).await;
    assert_eq!(hear_queued(&mut ada).await, (1, 1));
    let mut bob = seeking(&server, seek("Bob")).await;
    let (room, ada_id, seen_by_ada) = hear_met(&mut ada).await;
    let (same, bob_id, seen_by_bob) = hear_met(&mut bob).await;
    assert_eq!((&room, &seen_by_ada.id, &seen_by_bob.id), (&same, &bob_id, &ada_id));
    assert_eq!((seen_by_ada.name.as_str(), seen_by_ada.role), ("Bob", Role::Answerer));
    assert_eq!((seen_by_bob.name.as_str(), seen_by_bob.role), ("Ada", Role::Offerer));

    ada.say(&ClientMessage::EndOfCandidates { to: bob_id, ufrag: "u".to_owned() }).await;
    let message = ServerMessage::EndOfCandidates { from: ada_id, ufrag: "u".to_owned() };
    assert_eq!(bob.hear().await, message);
    // Nobody else comes in, whoever knows the name.
    let mut eve = Client::welcomed(&server).await;
    eve.say(&join(room.as_str(), "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomLocked);
}

#[tokio::test]
async fn next_leaves_one_and_meets_another() {
    let server = server().await;
    let mut ada = seeking(&server, seek("Ada")).await;
    hear_queued(&mut ada).await;
    let mut bob = seeking(&server, seek("Bob")).await;
    let (_, ada_id, _) = hear_met(&mut ada).await;
    let (_, bob_id, _) = hear_met(&mut bob).await;
    let mut eve = seeking(&server, seek_tea("Eve")).await;
    hear_queued(&mut eve).await;

    ada.say(&ClientMessage::Next).await;
    assert_eq!(bob.hear_left().await, (ada_id, LeaveReason::Left));
    assert_eq!(hear_queued(&mut ada).await, (2, 2));
    let mut joe = seeking(&server, seek("Joe")).await;
    assert_eq!(hear_met(&mut ada).await.2.name.as_str(), "Joe");
    hear_met(&mut joe).await;
    // The one who was left seeks on as well, and is no participant any more.
    bob.say(&ClientMessage::Next).await;
    assert_eq!(hear_queued(&mut bob).await, (2, 2));
    ada.say(&ClientMessage::EndOfCandidates { to: bob_id, ufrag: "u".to_owned() }).await;
    assert_eq!(ada.hear_error().await, ErrorCode::UnknownParticipant);
}

#[tokio::test]
async fn places_are_told_when_somebody_ahead_is_gone() {
    let server = server().await;
    let mut ada = seeking(&server, seek_tea("Ada")).await;
    assert_eq!(hear_queued(&mut ada).await, (1, 1));
    let mut bob = seeking(&server, seek("Bob")).await;
    assert_eq!(hear_queued(&mut bob).await, (2, 2));
    ada.say(&ClientMessage::Leave).await;
    assert_eq!(hear_queued(&mut bob).await, (1, 1));
    // Who has left is in nothing, and may seek again.
    ada.say(&ClientMessage::Next).await;
    assert_eq!(ada.hear_error().await, ErrorCode::NotInRoom);
    ada.say(&seek("Ada")).await;
    assert_eq!(hear_met(&mut ada).await.2.name.as_str(), "Bob");
}

#[tokio::test]
async fn who_waits_is_in_no_room_and_in_one_queue() {
    let server = server().await;
    let mut ada = seeking(&server, seek("Ada")).await;
    hear_queued(&mut ada).await;
    for message in [seek("Ada"), join("owl", "Ada")] {
        ada.say(&message).await;
        assert_eq!(ada.hear_error().await, ErrorCode::UnexpectedMessage, "{message:?}");
    }
    // What it will send is known to whom it meets.
    let media = MediaState { camera: true, ..MEDIA };
    ada.say(&ClientMessage::Media(media)).await;
    let mut bob = seeking(&server, seek("Bob")).await;
    assert_eq!(hear_met(&mut bob).await.2.media, media);
    bob.say(&seek("Bob")).await;
    assert_eq!(bob.hear_error().await, ErrorCode::UnexpectedMessage);
}

#[tokio::test]
async fn who_is_in_a_room_by_its_name_does_not_leave_it_for_somebody_else() {
    let server = server().await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    ada.say(&ClientMessage::Next).await;
    assert_eq!(ada.hear_error().await, ErrorCode::NotInRoom);
    let mut bob = Client::welcomed(&server).await;
    let (_, present) = bob.join("owl", "Bob").await;
    assert_eq!(present.len(), 1, "she is still there");
}

#[tokio::test]
async fn a_broken_connection_keeps_its_place_and_meets_nobody_until_it_is_back() {
    let server = server().await;
    let (mut ada, session) = Client::begun(&server).await;
    ada.say(&seek("Ada")).await;
    hear_queued(&mut ada).await;
    ada.break_off().await;
    let mut bob = seeking(&server, seek("Bob")).await;
    assert_eq!(hear_queued(&mut bob).await, (2, 2));
    let (mut ada, ..) = Client::greeted(&server, &resuming(&session, 1)).await;
    assert_eq!(hear_met(&mut ada).await.2.name.as_str(), "Bob");
    assert_eq!(hear_met(&mut bob).await.2.name.as_str(), "Ada");
}

#[tokio::test]
async fn who_waits_for_long_is_content_with_less() {
    let widen = Duration::from_millis(200);
    let server = server_with(MatchingConfig { widen, ..MatchingConfig::default() }).await;
    let mut ada = seeking(&server, seek_tea("Ada")).await;
    hear_queued(&mut ada).await;
    let mut bob = seeking(&server, seek("Bob")).await;
    hear_queued(&mut bob).await;
    assert_eq!(hear_met(&mut ada).await.2.name.as_str(), "Bob");
}

#[tokio::test]
async fn where_it_is_off_nobody_is_brought_together() {
    let server = TestServer::start().await;
    let mut ada = seeking(&server, seek("Ada")).await;
    assert_eq!(ada.hear_error().await, ErrorCode::MatchingOff);
    ada.say(&ClientMessage::Next).await;
    assert_eq!(ada.hear_error().await, ErrorCode::MatchingOff);
    ada.join("owl", "Ada").await;
}

/// Meets, and says which paths the room has.
async fn hear_paths(client: &mut Client) -> Option<IceMode> {
    match client.hear().await {
        ServerMessage::Joined { ice_mode, .. } => ice_mode,
        other => panic!("met nobody: {other:?}"),
    }
}

#[tokio::test]
async fn with_a_relay_strangers_take_it_until_both_want_a_direct_path() {
    let turn = TurnConfig {
        enabled: true,
        listen: "127.0.0.1:0".parse().expect("an address"),
        ..TurnConfig::default()
    };
    let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
    let server = TestServer::start_with(Config { matching, turn, ..Config::default() }).await;
    let mut ada = seeking(&server, seek("Ada")).await;
    hear_queued(&mut ada).await;
    let mut bob = seeking(&server, seek("Bob")).await;
    assert_eq!(hear_paths(&mut ada).await, Some(IceMode::Relay));
    assert_eq!(hear_paths(&mut bob).await, Some(IceMode::Relay));
    ada.hear_joined().await;
    bob.say(&ClientMessage::Consent).await;
    assert!(matches!(ada.hear().await, ServerMessage::Consent { .. }));
    ada.say(&ClientMessage::Consent).await;
    assert_eq!(ada.hear().await, ServerMessage::Direct);
    assert_eq!(bob.hear().await, ServerMessage::Direct);
    // In a room with a name nobody is asked.
    let mut eve = Client::welcomed(&server).await;
    eve.join("owl", "Eve").await;
    eve.say(&ClientMessage::Consent).await;
    eve.say(&ClientMessage::Next).await;
    assert_eq!(eve.hear_error().await, ErrorCode::NotInRoom, "nothing was said before");
}

#[tokio::test]
async fn where_strangers_are_to_be_relayed_always_there_is_no_server_without_a_relay() {
    let matching = MatchingConfig { enabled: true, relay: MatchRelay::Always, ..MatchingConfig::default() };
    let listen = vec!["127.0.0.1:0".parse().expect("an address")];
    let refused = Server::bind(Config { listen, matching, ..Config::default() }).await;
    assert!(matches!(refused, Err(ServerError::NoRelay)), "{refused:?}");
}
