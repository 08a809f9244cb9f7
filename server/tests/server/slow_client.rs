//! A client that does not read.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::task::yield_now;
use visavis_protocol::{ClientMessage, DescriptionKind, ErrorCode, LeaveReason, ServerMessage};
use visavis_server::{Config, LimitsConfig, Timing};

use crate::support::{Call, Client, TestServer, description};

/// More than the queue and any socket buffer take.
const FLOOD: u32 = 5_000;

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_nobody_waits_for_it() {
    let timing = Timing { farewell: Duration::from_secs(20), ..Timing::default() };
    // As fast as one can: by itself a client may not fill another's queue before that one is taken for gone.
    let fast = NonZeroU32::MAX;
    let limits = LimitsConfig { bytes_per_s: fast, messages_per_s: fast, ..LimitsConfig::default() };
    let server = TestServer::start_with(Config { timing, limits, ..Config::default() }).await;
    let mut call = Call::begin(&server, "bystanders").await;
    let mut slow = Client::welcomed(&server).await;
    let (slow_id, _) = slow.join("owl", "Slow").await;
    let mut eager = Client::welcomed(&server).await;
    eager.join("owl", "Eager").await;

    let mut told = None;
    for negotiation in 1..=FLOOD {
        let description = description(DescriptionKind::Offer, negotiation, 40_000);
        eager.say(&ClientMessage::Description { to: slow_id.clone(), description }).await;
        yield_now().await;
        told = eager.hear_at_once();
        if told.is_some() {
            break;
        }
    }
    let left = ServerMessage::ParticipantLeft { participant: slow_id, reason: LeaveReason::Disconnected };
    assert_eq!(told, Some(left));
    call.assert_untouched().await;

    slow.hear_joined().await;
    let code = loop {
        match slow.hear().await {
            ServerMessage::Description { .. } => {}
            ServerMessage::Error { code, .. } => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((code, slow.hear_close().await), (ErrorCode::TooSlow, 1008));
}
