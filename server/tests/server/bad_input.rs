//! Whatever a client sends, it gets a coded error, and no other call is touched.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use visavis_protocol::{
    ClientMessage, DescriptionKind, ErrorCode, LeaveReason, MAX_MESSAGE_BYTES, PROTOCOL_VERSION,
};
use visavis_server::{Config, Timing};

use crate::support::{Call, Client, TestServer, description, hello, join};

const POLICY_VIOLATION: u16 = 1008;
const MESSAGE_TOO_BIG: u16 = 1009;
const INVALID_DATA: u16 = 1007;

/// A server with a call in it, and somebody beside it who was welcomed.
async fn culprit() -> (TestServer, Call, Client) {
    let server = TestServer::start().await;
    let call = Call::begin(&server, "bystanders").await;
    let culprit = Client::welcomed(&server).await;
    (server, call, culprit)
}

/// The culprit is refused with the code, stays connected, and nobody else notices.
async fn assert_survives(text: &str, code: ErrorCode) {
    let (_server, mut call, mut culprit) = culprit().await;
    culprit.say_text(text).await;
    assert_eq!(culprit.hear_error().await, code, "{text}");
    culprit.join("owl", "Culprit").await;
    call.assert_untouched().await;
}

#[tokio::test]
async fn malformed_messages() {
    for text in [
        "",
        "{",
        "null",
        "[1,2]",
        r#"{"type":"leave"} {"type":"leave"}"#,
        r#"{"payload":{}}"#,
        r#"{"type":"dance"}"#,
        r#"{"type":"join"}"#,
        r#"{"type":"join","payload":{"room":"a/b","name":"Eve","media":{"microphone":true,"camera":true}}}"#,
        r#"{"type":"join","payload":{"room":"owl","name":" ","media":{"microphone":true,"camera":true}}}"#,
        r#"{"type":"join","payload":{"room":"owl","name":"Eve","media":{"microphone":1,"camera":true}}}"#,
        r#"{"type":"description","payload":{"to":"x","description":{"kind":"offer","negotiation":-1,"sdp":""}}}"#,
    ] {
        assert_survives(text, ErrorCode::InvalidMessage).await;
    }
}

#[tokio::test]
async fn deeply_nested_json() {
    assert_survives(&"[".repeat(MAX_MESSAGE_BYTES), ErrorCode::InvalidMessage).await;
}

#[tokio::test]
async fn too_many_candidates() {
    let candidate = r#"{"candidate":"candidate:1","mid":"0","ufrag":"u"}"#;
    let list = vec![candidate; 33].join(",");
    let text = format!(r#"{{"type":"candidates","payload":{{"to":"x","candidates":[{list}]}}}}"#);
    assert_survives(&text, ErrorCode::InvalidMessage).await;
}

#[tokio::test]
async fn binary_frames() {
    let (_server, mut call, mut culprit) = culprit().await;
    culprit.send(Message::binary(vec![0; 100])).await;
    assert_eq!(culprit.hear_error().await, ErrorCode::InvalidMessage);
    culprit.join("owl", "Culprit").await;
    call.assert_untouched().await;
}

#[tokio::test]
async fn nonsense_without_end() {
    let (_server, mut call, mut culprit) = culprit().await;
    for _ in 1..32 {
        culprit.say_text("{").await;
        assert_eq!(culprit.hear_error().await, ErrorCode::InvalidMessage);
    }
    culprit.say_text("{").await;
    assert_eq!(culprit.hear_end().await, (ErrorCode::InvalidMessage, INVALID_DATA));
    call.assert_untouched().await;
}

#[tokio::test]
async fn text_that_is_not_utf8() {
    let (_server, mut call, mut culprit) = culprit().await;
    let frame = Frame::message(vec![b'"', 0xff, b'"'], OpCode::Data(Data::Text), true);
    culprit.send(Message::Frame(frame)).await;
    assert_eq!(culprit.hear_end().await, (ErrorCode::InvalidMessage, INVALID_DATA));
    call.assert_untouched().await;
}

#[tokio::test]
async fn frames_that_are_none_of_websocket() {
    let mut compressed = Frame::message(b"x".to_vec(), OpCode::Data(Data::Text), true);
    compressed.header_mut().rsv1 = true;
    let mut reserved = Frame::message(b"x".to_vec(), OpCode::Data(Data::Text), true);
    reserved.header_mut().opcode = OpCode::Data(Data::Reserved(5));
    let large_ping = Frame::ping(vec![0; 126]);
    for frame in [compressed, reserved, large_ping] {
        let (_server, mut call, mut culprit) = culprit().await;
        culprit.send(Message::Frame(frame)).await;
        assert_eq!(culprit.hear_end().await, (ErrorCode::InvalidMessage, INVALID_DATA));
        call.assert_untouched().await;
    }
}

#[tokio::test]
async fn too_large_messages() {
    for bytes in [MAX_MESSAGE_BYTES + 1, 16 << 20] {
        let (_server, mut call, mut culprit) = culprit().await;
        culprit.say_text(&" ".repeat(bytes)).await;
        assert_eq!(culprit.hear_end().await, (ErrorCode::MessageTooLarge, MESSAGE_TOO_BIG), "{bytes}");
        call.assert_untouched().await;
    }
}

#[tokio::test]
async fn too_large_a_message_in_small_pieces() {
    let (_server, mut call, mut culprit) = culprit().await;
    let piece = vec![b' '; 40_000];
    let first = Frame::message(piece.clone(), OpCode::Data(Data::Text), false);
    let second = Frame::message(piece, OpCode::Data(Data::Continue), true);
    culprit.send(Message::Frame(first)).await;
    culprit.send(Message::Frame(second)).await;
    assert_eq!(culprit.hear_end().await, (ErrorCode::MessageTooLarge, MESSAGE_TOO_BIG));
    call.assert_untouched().await;
}

#[tokio::test]
async fn a_cut_off_participant_is_gone_for_its_room() {
    let (server, mut call, mut culprit) = culprit().await;
    let (culprit_id, _) = culprit.join("owl", "Culprit").await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    culprit.hear_joined().await;

    culprit.say_text(&" ".repeat(MAX_MESSAGE_BYTES + 1)).await;
    assert_eq!(ada.hear_left().await, (culprit_id, LeaveReason::Disconnected));
    assert_eq!(culprit.hear_end().await, (ErrorCode::MessageTooLarge, MESSAGE_TOO_BIG));
    call.assert_untouched().await;
}

#[tokio::test]
async fn another_protocol_version() {
    let server = TestServer::start().await;
    let mut call = Call::begin(&server, "bystanders").await;
    for version in [0, PROTOCOL_VERSION + 1, u32::MAX] {
        let mut culprit = Client::connect(&server).await;
        culprit.say(&hello(version)).await;
        assert_eq!(culprit.hear_end().await, (ErrorCode::UnsupportedProtocol, POLICY_VIOLATION));
        call.assert_untouched().await;
    }
}

#[tokio::test]
async fn something_else_than_hello_first() {
    let server = TestServer::start().await;
    let mut call = Call::begin(&server, "bystanders").await;
    for text in [r#"{"type":"leave"}"#, "{", r#"{"type":"hello","payload":{"protocol":"one"}}"#] {
        let mut culprit = Client::connect(&server).await;
        culprit.say_text(text).await;
        assert_eq!(culprit.hear_end().await, (ErrorCode::HelloExpected, POLICY_VIOLATION), "{text}");
        call.assert_untouched().await;
    }
}

#[tokio::test]
async fn no_hello_at_all() {
    let timing = Timing { hello: Duration::from_millis(700), ..Timing::default() };
    let server = TestServer::start_with(Config { timing, ..Config::default() }).await;
    let mut call = Call::begin(&server, "bystanders").await;
    let mut culprit = Client::connect(&server).await;
    assert_eq!(culprit.hear_end().await, (ErrorCode::HelloExpected, POLICY_VIOLATION));
    call.assert_untouched().await;
}

#[tokio::test]
async fn a_second_hello() {
    let (_server, mut call, mut culprit) = culprit().await;
    culprit.say(&hello(PROTOCOL_VERSION)).await;
    assert_eq!(culprit.hear_error().await, ErrorCode::UnexpectedMessage);
    culprit.join("owl", "Culprit").await;
    call.assert_untouched().await;
}

#[tokio::test]
async fn a_second_join() {
    let (_server, mut call, mut culprit) = culprit().await;
    culprit.join("owl", "Culprit").await;
    for room in ["owl", "bystanders", "fox"] {
        culprit.say(&join(room, "Culprit")).await;
        assert_eq!(culprit.hear_error().await, ErrorCode::UnexpectedMessage);
    }
    call.assert_untouched().await;
}

#[tokio::test]
async fn messages_out_of_a_room() {
    let (_server, mut call, mut culprit) = culprit().await;
    culprit.say(&ClientMessage::Leave).await;
    assert_eq!(culprit.hear_error().await, ErrorCode::NotInRoom);
    call.assert_untouched().await;
}

#[tokio::test]
async fn unknown_addressees() {
    let (_server, mut call, mut culprit) = culprit().await;
    let (own_id, _) = culprit.join("owl", "Culprit").await;
    let nobody = "AAAAAAAAAAAAAAAA".parse().expect("an id");
    for to in [nobody, own_id] {
        let offer = description(DescriptionKind::Offer, 1, 100);
        culprit.say(&ClientMessage::Description { to, description: offer }).await;
        assert_eq!(culprit.hear_error().await, ErrorCode::UnknownParticipant);
    }
    call.assert_untouched().await;
}
