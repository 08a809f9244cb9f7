//! Clients that are no longer there, though their connection was never closed.

use std::time::Duration;

use visavis_protocol::LeaveReason;
use visavis_server::{Config, Timing};

use crate::support::{Client, TestServer};

#[tokio::test]
async fn who_answers_no_ping_is_gone_and_who_answers_stays() {
    let timing = Timing {
        ping: Duration::from_millis(100),
        silence: Duration::from_millis(1500),
        grace: Duration::ZERO,
        ..Timing::default()
    };
    let server = TestServer::start_with(Config { timing, ..Config::default() }).await;
    let mut silent = Client::welcomed(&server).await;
    let (silent_id, _) = silent.join("owl", "Silent").await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;

    // Ada answers pings while she waits; the other reads nothing any more.
    assert_eq!(ada.hear_left().await, (silent_id, LeaveReason::Disconnected));
    let mut bob = Client::welcomed(&server).await;
    let (bob_id, present) = bob.join("owl", "Bob").await;
    assert_eq!(present.len(), 1);
    assert_eq!(ada.hear_joined().await.id, bob_id);
}
