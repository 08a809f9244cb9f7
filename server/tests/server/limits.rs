//! One client's hunger is not another's.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{self, http::Response};
use visavis_protocol::{ClientMessage, ErrorCode, MediaState, ServerMessage};
use visavis_server::{Config, LimitsConfig};

use crate::support::{Call, Client, MEDIA, TestServer};

async fn start(limits: LimitsConfig) -> TestServer {
    TestServer::start_with(Config { limits, ..Config::default() }).await
}

/// The answer of a server that does not open a WebSocket.
fn refusal(result: tungstenite::Result<Client>) -> Response<Option<Vec<u8>>> {
    match result {
        Err(tungstenite::Error::Http(answer)) => *answer,
        Err(other) => panic!("no answer: {other}"),
        Ok(_) => panic!("it was let in"),
    }
}

#[tokio::test]
async fn an_address_has_only_so_many_connections_and_others_have_theirs() {
    let server = start(LimitsConfig { connections_per_address: 3, ..LimitsConfig::default() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(Client::connect_for(&server, "192.0.2.1").await.expect("three are let in"));
    }
    let answer = refusal(Client::connect_for(&server, "192.0.2.1").await);
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "10");
    Client::connect_for(&server, "192.0.2.2").await.expect("somebody else");
    Call::begin(&server, "owl").await.assert_untouched().await;

    open.pop();
    let begun = Instant::now();
    while Client::connect_for(&server, "192.0.2.1").await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "a place that was given back is free");
    }
}

#[tokio::test]
async fn what_a_client_says_of_itself_makes_it_nobody_else() {
    let server = start(LimitsConfig { connections_per_address: 1, ..LimitsConfig::default() }).await;
    let _first = Client::connect_for(&server, "192.0.2.1").await.expect("one is let in");
    let proxied: [&[&[u8]]; 3] = [
        &[b"198.51.100.1, 192.0.2.1"],
        // Some proxies add a header of their own.
        &[b"198.51.100.2", b"192.0.2.1"],
        &[b"\xff\xfe", b"192.0.2.1"],
    ];
    for forwarded in proxied {
        let answer = refusal(Client::connect_for_all(&server, forwarded).await);
        assert_eq!(answer.status(), 429, "{forwarded:?}");
    }
}

#[tokio::test]
async fn who_opens_and_closes_too_often_is_told_to_wait() {
    let limits =
        LimitsConfig { openings_per_s: NonZeroU32::MIN, openings_burst: 5, ..LimitsConfig::default() };
    let server = start(limits).await;
    for _ in 0..5 {
        Client::connect_for(&server, "192.0.2.1").await.expect("the first ones are let in");
    }
    let answer = refusal(Client::connect_for(&server, "192.0.2.1").await);
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (429, &b"1"[..]));
}

#[tokio::test]
async fn who_says_too_much_is_read_more_slowly_and_nothing_is_lost() {
    let limits = LimitsConfig {
        messages_per_s: const { NonZeroU32::new(50).expect("it is not zero") },
        messages_burst: 10,
        ..LimitsConfig::default()
    };
    let server = start(limits).await;
    let mut hasty = Client::welcomed(&server).await;
    hasty.join("owl", "Hasty").await;
    let mut patient = Client::welcomed(&server).await;
    patient.join("owl", "Patient").await;
    hasty.hear_joined().await;
    let mut others = Call::begin(&server, "fox").await;

    let begun = Instant::now();
    let said: Vec<_> = (0..100).map(|number| MediaState { camera: number % 2 == 0, ..MEDIA }).collect();
    for media in &said {
        hasty.say(&ClientMessage::Media(*media)).await;
    }
    let asked = Instant::now();
    others.assert_untouched().await;
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    let mut heard = Vec::new();
    while heard.len() < said.len() {
        let ServerMessage::Media { media, .. } = patient.hear().await else { panic!("nothing else is said") };
        heard.push(media);
    }
    assert_eq!(heard, said);
    // Hello and join are of the burst, too: at least 90 of 50 a second.
    assert!(begun.elapsed() > Duration::from_millis(1700), "{:?}", begun.elapsed());

    let mut told = 0;
    while let Some(ServerMessage::Error { code, retry_after_ms, .. }) = hasty.hear_at_once() {
        assert_eq!(code, ErrorCode::RateLimited);
        assert!(retry_after_ms.is_some_and(|after| after > 0));
        told += 1;
    }
    assert!((1..=3).contains(&told), "once a second, not for every message: {told}");
}
