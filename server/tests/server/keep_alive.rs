//! Clients that are no longer there, though their connection was never closed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
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

#[tokio::test]
async fn who_comes_at_once_is_not_pinged_at_once() {
    const CLIENTS: usize = 20;
    let timing = Timing { ping: Duration::from_secs(2), ..Timing::default() };
    let server = TestServer::start_with(Config { timing, ..Config::default() }).await;
    let mut clients = join_all((0..CLIENTS).map(|_| Client::welcomed(&server))).await;
    let welcomed = Instant::now();

    let pinged = join_all(clients.iter_mut().map(async |client| {
        client.hear_ping().await;
        welcomed.elapsed()
    }))
    .await;

    let (first, last) = (pinged.iter().min(), pinged.iter().max());
    // That so many are within a quarter of the time by chance does not happen.
    assert!(last.zip(first).is_some_and(|(last, first)| *last - *first > timing.ping / 4), "{pinged:?}");
}
