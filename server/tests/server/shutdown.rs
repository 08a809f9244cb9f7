//! The end of the server.

use std::time::Duration;

use visavis_protocol::{ClientMessage, ErrorCode, LeaveReason};
use visavis_server::{Config, MatchingConfig, Timing};

use crate::matching::{hear_met, hear_queued, seek, seek_tea, seeking};
use crate::support::{Call, Client, TestServer, join, within};

/// A server that lets calls go on for so long.
async fn patient(drain: Duration) -> TestServer {
    let timing = Timing { drain, ..Timing::default() };
    TestServer::start_with(Config { timing, ..Config::default() }).await
}

#[tokio::test]
async fn everybody_is_told_and_the_server_ends() {
    let server = TestServer::start().await;
    let mut fresh = Client::connect(&server).await;
    let mut idle = Client::welcomed(&server).await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    let mut bob = Client::welcomed(&server).await;
    bob.join("owl", "Bob").await;
    ada.hear_joined().await;

    let address = server.address;
    let ends = async {
        let fresh = fresh.hear_end().await;
        let idle = idle.hear_end().await;
        let ada = ada.hear_end().await;
        let bob = bob.hear_end().await;
        [fresh, idle, ada, bob]
    };
    let (stopped, ends) = within(async { tokio::join!(server.stop(), ends) }).await;
    stopped.expect("the server ends well");
    assert_eq!(ends, [(ErrorCode::ShuttingDown, 1001); 4]);
    tokio::net::TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn a_client_that_ignores_it_does_not_hold_the_server_up() {
    let server = TestServer::start().await;
    let mut deaf = Client::welcomed(&server).await;
    deaf.join("owl", "Deaf").await;
    server.stop().await.expect("the server ends well");
}

#[tokio::test]
async fn calls_that_are_under_way_go_on_and_no_others_begin() {
    let server = patient(Duration::from_secs(600)).await;
    let mut call = Call::begin(&server, "owl").await;
    let mut idle = Client::welcomed(&server).await;
    let mut late = Client::connect(&server).await;
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(idle.hear_end().await, (ErrorCode::ShuttingDown, 1001), "who is in no room moves at once");
    call.assert_untouched().await;

    late.greet().await;
    late.say(&join("fox", "Late")).await;
    assert_eq!(late.hear_end().await, (ErrorCode::ShuttingDown, 1001), "no new rooms");
    call.assert_untouched().await;
    assert!(!stopping.is_finished());

    // Who leaves moves too; with the last one the server ends.
    let (mut ada, mut bob) = call.into_clients();
    for client in [&mut ada, &mut bob] {
        client.say(&ClientMessage::Leave).await;
    }
    within(stopping).await.expect("no panic").expect("ends well");
    tokio::net::TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn strangers_who_have_met_stay_together_and_nobody_else_is_brought_together() {
    let timing = Timing { drain: Duration::from_secs(600), ..Timing::default() };
    let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
    let server = TestServer::start_with(Config { timing, matching, ..Config::default() }).await;
    let mut ada = seeking(&server, seek("Ada")).await;
    hear_queued(&mut ada).await;
    let mut bob = seeking(&server, seek("Bob")).await;
    let (_, ada_id, _) = hear_met(&mut ada).await;
    hear_met(&mut bob).await;
    let mut cat = seeking(&server, seek_tea("Cat")).await;
    hear_queued(&mut cat).await;
    let mut late = Client::welcomed(&server).await;
    late.say(&join("owl", "Late")).await;
    late.hear().await;

    let stopping = tokio::spawn(server.stop());
    assert_eq!(cat.hear_end().await, (ErrorCode::ShuttingDown, 1001), "who waits moves at once");
    late.say(&ClientMessage::Leave).await;
    assert_eq!(late.hear_end().await, (ErrorCode::ShuttingDown, 1001));
    ada.say(&ClientMessage::Next).await;
    assert_eq!(ada.hear_end().await, (ErrorCode::ShuttingDown, 1001), "no other one is found");
    assert_eq!(bob.hear_left().await, (ada_id, LeaveReason::Disconnected));
    bob.say(&ClientMessage::Leave).await;
    within(stopping).await.expect("no panic").expect("ends well");
}

#[tokio::test]
async fn calls_that_go_on_for_too_long_are_ended() {
    let server = patient(Duration::from_millis(300)).await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(ada.hear_end().await, (ErrorCode::ShuttingDown, 1001));
    within(stopping).await.expect("no panic").expect("ends well");
}
