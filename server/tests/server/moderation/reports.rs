//! What clients report, and what becomes of it.

use std::num::NonZeroU32;

use serde_json::json;
use visavis_protocol::{ClientMessage, ErrorCode, MAX_MESSAGE_BYTES, ParticipantId, ServerMessage};
use visavis_server::LimitsConfig;

use super::{ADA, EVE, Moderated, hear_reported, report};
use crate::support::{Call, Client, TestServer};

#[tokio::test]
async fn a_report_reaches_the_queue_with_both_sides_of_it() {
    let moderated = Moderated::start().await;
    let (mut ada, mut eve, eve_id) = moderated.meeting("owl").await;
    let words = "She said: '); DROP TABLE reports; --\n\t<script>alert(1)</script> 🦉";
    ada.say(&report(&eve_id, words)).await;
    let id = hear_reported(&mut ada).await;

    let reports = moderated.items("/api/reports?state=open").await;
    let [kept] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!(kept["id"], json!(id));
    assert_eq!(
        (&kept["place"], &kept["reason"], &kept["words"]),
        (&json!("owl"), &json!("harassment"), &json!(words))
    );
    assert_eq!((&kept["reporter"]["name"], &kept["reporter"]["address"]), (&json!("Ada"), &json!(ADA)));
    assert_eq!((&kept["reported"]["name"], &kept["reported"]["address"]), (&json!("Eve"), &json!(EVE)));
    assert_ne!(kept["reporter"]["identity"], kept["reported"]["identity"]);
    assert_eq!(eve.hear_at_once(), None, "she is not told");
}

#[tokio::test]
async fn who_has_left_can_still_be_reported_by_who_has_left_too() {
    let moderated = Moderated::start().await;
    let (mut ada, mut eve, eve_id) = moderated.meeting("owl").await;
    eve.say(&ClientMessage::Leave).await;
    ada.hear_left().await;
    ada.say(&report(&eve_id, "first")).await;
    hear_reported(&mut ada).await;
    ada.say(&ClientMessage::Leave).await;
    drop(eve);
    ada.say(&report(&eve_id, "second")).await;
    hear_reported(&mut ada).await;
    let reports = moderated.items("/api/reports").await;
    assert!(reports.iter().all(|report| report["reported"]["address"] == json!(EVE)), "{reports:?}");
    assert_eq!(reports.len(), 2);
}

#[tokio::test]
async fn nobody_is_reported_or_blocked_by_a_stranger_or_by_oneself() {
    let moderated = Moderated::start().await;
    let (_ada, mut eve, eve_id) = moderated.meeting("owl").await;
    let mut bob = Client::welcomed(&moderated.server).await;
    for stranger in [eve_id.clone(), ParticipantId::new("nobody").expect("an id")] {
        bob.say(&report(&stranger, "")).await;
        assert_eq!(bob.hear_error().await, ErrorCode::UnknownParticipant);
        bob.say(&ClientMessage::Block { participant: stranger }).await;
        assert_eq!(bob.hear_error().await, ErrorCode::UnknownParticipant);
    }
    eve.say(&report(&eve_id, "")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::UnknownParticipant);
    assert_eq!(moderated.items("/api/reports").await.len(), 0);
}

#[tokio::test]
async fn a_block_is_confirmed_and_not_told() {
    let moderated = Moderated::start().await;
    let (mut ada, mut eve, eve_id) = moderated.meeting("owl").await;
    ada.say(&ClientMessage::Block { participant: eve_id.clone() }).await;
    assert_eq!(ada.hear().await, ServerMessage::Blocked { participant: eve_id });
    assert_eq!(eve.hear_at_once(), None);
}

#[tokio::test]
async fn without_a_database_reports_and_blocks_are_refused_and_the_call_goes_on() {
    let server = TestServer::start().await;
    let mut call = Call::begin(&server, "owl").await;
    call.assert_untouched().await;
    let (mut ada, _bob) = call.into_clients();
    let id = ParticipantId::new("x").expect("an id");
    for message in [report(&id, ""), ClientMessage::Block { participant: id }] {
        ada.say(&message).await;
        assert_eq!(ada.hear_error().await, ErrorCode::Unavailable);
    }
}

#[tokio::test]
async fn ten_thousand_reports_of_one_client_are_a_few_and_nobody_else_waits() {
    let many = const { NonZeroU32::new(1_000_000).expect("it is not zero") };
    let limits = LimitsConfig { messages_per_s: many, messages_burst: many.get(), ..LimitsConfig::default() };
    let moderated = Moderated::start_with(limits).await;
    let (mut ada, _eve, eve_id) = moderated.meeting("owl").await;
    let mut others = Call::begin(&moderated.server, "fox").await;
    let (mut kept, mut refused) = (0, 0);
    for number in 0..10_000 {
        ada.say(&report(&eve_id, &format!("the {number}th"))).await;
        match ada.hear().await {
            ServerMessage::Reported { .. } => kept += 1,
            ServerMessage::Error {
                code: ErrorCode::RateLimited, retry_after_ms: Some(1..=30_000), ..
            } => {
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        if number % 1000 == 0 {
            others.assert_untouched().await;
        }
    }
    assert_eq!((kept, refused), (10, 9_990));
    assert_eq!(moderated.items("/api/reports").await.len(), 10);

    // Another session of the same address has no share of its own.
    let mut again = Client::welcomed_for(&moderated.server, ADA).await;
    again.join("owl2", "Ada").await;
    let mut eve = Client::welcomed_for(&moderated.server, EVE).await;
    let (eve_id, _) = eve.join("owl2", "Eve").await;
    again.hear_joined().await;
    again.say(&report(&eve_id, "")).await;
    assert_eq!(again.hear_error().await, ErrorCode::RateLimited);
}

#[tokio::test]
async fn words_that_are_none_are_refused_with_a_code() {
    let moderated = Moderated::start().await;
    let (mut ada, _eve, eve_id) = moderated.meeting("owl").await;
    let said = |words: &str, reason: &str| {
        let payload = json!({"participant": eve_id, "reason": reason, "words": words});
        json!({"type": "report", "payload": payload}).to_string()
    };
    for hostile in [
        said("a\0b", "spam"),
        said("\u{1b}[2J", "spam"),
        said(&"x".repeat(1001), "spam"),
        said("", "revenge"),
        said("\u{0}", "spam").replace("\\u0000", "\\ud800"),
    ] {
        ada.say_text(&hostile).await;
        assert_eq!(ada.hear_error().await, ErrorCode::InvalidMessage, "{hostile}");
    }
    ada.say(&report(&eve_id, &"🦉".repeat(1000))).await;
    hear_reported(&mut ada).await;
    let large = said(&"x".repeat(1_000_000), "spam");
    assert!(large.len() > MAX_MESSAGE_BYTES);
    ada.say_text(&large).await;
    assert_eq!(ada.hear_end().await, (ErrorCode::MessageTooLarge, 1009));
    assert_eq!(moderated.items("/api/reports").await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_missed_comes_when_the_client_is_back() {
    use visavis_protocol::ReportWords;

    use crate::support::resuming;

    let moderated = Moderated::start().await;
    let (mut ada, session) = Client::begun(&moderated.server).await;
    ada.join("owl", "Ada").await;
    let mut eve = Client::welcomed_for(&moderated.server, EVE).await;
    let (eve_id, _) = eve.join("owl", "Eve").await;
    ada.hear_joined().await;
    let words = ReportWords::new("").expect("words");
    assert!(words.as_str().is_empty());
    ada.say(&report(&eve_id, "")).await;
    let id = hear_reported(&mut ada).await;
    drop(ada);
    // `joined` and `participant_joined` had come; the answer is said again.
    let (mut ada, _, resumed) = Client::greeted(&moderated.server, &resuming(&session, 2)).await;
    assert_eq!(resumed.map(|resumed| resumed.received), Some(2));
    assert_eq!(hear_reported(&mut ada).await, id);
}
