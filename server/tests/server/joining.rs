//! Entering and leaving rooms.

use std::num::NonZeroUsize;

use visavis_protocol::{
    ClientMessage, ErrorCode, IceServer, LeaveReason, PROTOCOL_VERSION, Role, ServerMessage,
};
use visavis_server::{Config, IceConfig, RoomsConfig};

use crate::support::{Call, Client, MEDIA, TestServer, hello, join};

#[tokio::test]
async fn the_welcome_names_protocol_server_and_ice_servers() {
    let url = "stun:stun.example.org";
    let ice = IceConfig { stun: vec![url.parse().expect("a URL")], ..IceConfig::default() };
    let server = TestServer::start_with(Config { ice, ..Config::default() }).await;
    let mut client = Client::connect(&server).await;
    client.say(&hello(PROTOCOL_VERSION)).await;
    let ServerMessage::Welcome { protocol, server, ice_servers, .. } = client.hear().await else {
        panic!("no welcome");
    };
    assert_eq!(protocol, PROTOCOL_VERSION);
    assert!(server.starts_with("visavis-server/"), "{server}");
    assert_eq!(ice_servers, [IceServer { urls: vec![url.to_owned()], username: None, credential: None }]);
}

#[tokio::test]
async fn who_waited_longer_answers() {
    let server = TestServer::start().await;
    let mut ada = Client::welcomed(&server).await;
    let (ada_id, present) = ada.join("owl", "Ada").await;
    assert_eq!(present, []);

    let mut bob = Client::welcomed(&server).await;
    let (bob_id, present) = bob.join("owl", "Bob").await;
    let [seen] = present.as_slice() else { panic!("{present:?}") };
    assert_eq!((&seen.id, seen.name.as_str(), seen.media, seen.role), (&ada_id, "Ada", MEDIA, Role::Offerer));

    let seen = ada.hear_joined().await;
    assert_eq!((seen.id, seen.name.as_str(), seen.media, seen.role), (bob_id, "Bob", MEDIA, Role::Answerer));
}

#[tokio::test]
async fn a_full_room_refuses_and_the_connection_stays() {
    let server = TestServer::start().await;
    let mut call = Call::begin(&server, "owl").await;
    let mut eve = Client::welcomed(&server).await;
    eve.say(&join("owl", "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomFull);
    call.assert_untouched().await;

    let (_, present) = eve.join("fox", "Eve").await;
    assert_eq!(present, []);
}

#[tokio::test]
async fn the_size_of_rooms_can_be_set() {
    let size = NonZeroUsize::new(3).expect("three is not zero");
    let rooms = RoomsConfig { size, ..RoomsConfig::default() };
    let server = TestServer::start_with(Config { rooms, ..Config::default() }).await;
    Call::begin(&server, "owl").await;
    let _call = Call::begin(&server, "fox").await;
    let mut eve = Client::welcomed(&server).await;
    let (_, present) = eve.join("fox", "Eve").await;
    assert!(present.iter().all(|participant| participant.role == Role::Offerer));
    assert_eq!(present.len(), 2);
}

#[tokio::test]
async fn leaving_makes_room_and_the_connection_stays() {
    let server = TestServer::start().await;
    let mut ada = Client::welcomed(&server).await;
    let (ada_id, _) = ada.join("owl", "Ada").await;
    let mut bob = Client::welcomed(&server).await;
    let (bob_id, _) = bob.join("owl", "Bob").await;
    ada.hear_joined().await;

    ada.say(&ClientMessage::Leave).await;
    assert_eq!(bob.hear_left().await, (ada_id.clone(), LeaveReason::Left));

    let (again, present) = ada.join("owl", "Ada").await;
    assert_ne!(again, ada_id);
    assert_eq!(
        present.first().map(|participant| (&participant.id, participant.role)),
        Some((&bob_id, Role::Offerer))
    );
    assert_eq!(bob.hear_joined().await.id, again);
}
