//! What operators see.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::yield_now;
use visavis_protocol::ErrorCode;
use visavis_server::{AdminConfig, Config, Timing};

use crate::http::get;
use crate::support::{Client, TestServer, join, within};

async fn start() -> (TestServer, SocketAddr) {
    start_with(Timing::default()).await
}

async fn start_with(timing: Timing) -> (TestServer, SocketAddr) {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let admin = AdminConfig { listen, ..AdminConfig::default() };
    let server = TestServer::start_with(Config { admin, timing, ..Config::default() }).await;
    let address = server.admin.expect("it answers operators");
    (server, address)
}

/// The value of a metric, by its name and labels as they stand in the text.
pub(crate) async fn metric(address: SocketAddr, name: &str) -> f64 {
    let answer = get(address, "/metrics").await;
    assert_eq!(answer.status, 200);
    let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {}", answer.body))
}

/// Waits until a metric has this value: a server hears of the end of a connection when it does.
async fn becomes(address: SocketAddr, name: &str, value: f64) {
    within(async {
        while metric(address, name).await != value {
            yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_there_is_counted_until_they_are_gone() {
    let (server, operators) = start().await;
    let mut ada = Client::welcomed(&server).await;
    let mut bob = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    bob.join("owl", "Bob").await;
    ada.hear_joined().await;
    let mut eve = Client::welcomed(&server).await;
    eve.say(&join("owl", "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomFull);

    for (name, value) in [
        ("visavis_connections", 3.0),
        ("visavis_connections_opened_total", 3.0),
        ("visavis_sessions", 3.0),
        ("visavis_rooms", 1.0),
        ("visavis_participants", 2.0),
        ("visavis_joins_total", 2.0),
        ("visavis_join_duration_seconds_count", 3.0),
        ("visavis_messages_received_total", 3.0),
        ("visavis_errors_total{code=\"room_full\"}", 1.0),
    ] {
        assert_eq!(metric(operators, name).await, value, "{name}");
    }
    let stats = get(operators, "/stats").await;
    assert_eq!(stats.header("content-type"), Some("application/json"));
    let stats: serde_json::Value = serde_json::from_str(&stats.body).expect("JSON");
    assert_eq!((&stats["participants"], &stats["rooms"]), (&2.into(), &1.into()));

    drop(ada);
    becomes(operators, "visavis_sessions_absent", 1.0).await;
    assert_eq!(metric(operators, "visavis_participants").await, 2.0, "she may come back");
    drop(eve);
    becomes(operators, "visavis_connections", 1.0).await;
    assert_eq!(metric(operators, "visavis_sessions").await, 2.0, "Eve was nowhere");
}

#[tokio::test]
async fn what_clients_do_wrong_is_counted_by_its_code() {
    let (server, operators) = start().await;
    let mut client = Client::welcomed(&server).await;
    client.say_text("{").await;
    assert_eq!(client.hear_error().await, ErrorCode::InvalidMessage);
    let mut rude = Client::connect(&server).await;
    rude.say_text("{}").await;
    let (code, _) = rude.hear_end().await;
    for code in [ErrorCode::InvalidMessage.as_str(), code.as_str()] {
        let name = format!("visavis_errors_total{{code=\"{code}\"}}");
        assert!(metric(operators, &name).await >= 1.0, "{name}");
    }
}

#[tokio::test]
async fn the_text_is_what_collectors_read() {
    let (_server, operators) = start().await;
    let answer = get(operators, "/metrics").await;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(content_type));
    assert!(answer.body.ends_with("# EOF\n"));
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        answer.body.contains(&format!("visavis_build_info{{version=\"{version}\"}} 1")),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn clients_do_not_see_it() {
    let (server, _) = start().await;
    for path in ["/metrics", "/stats"] {
        let answer = get(server.address, path).await;
        assert!(!answer.body.contains("visavis_") && !answer.body.contains("uptime"), "{path}");
    }
}

#[tokio::test]
async fn it_is_ready_until_it_ends() {
    let timing = Timing { farewell: Duration::from_millis(500), ..Timing::default() };
    let (server, operators) = start_with(timing).await;
    for address in [server.address, operators] {
        assert_eq!(get(address, "/readyz").await.status, 200);
        assert_eq!(get(address, "/healthz").await.body, "ok\n");
    }
    // A client that does not read holds it up a little.
    let _deaf = Client::welcomed(&server).await;
    let stopping = tokio::spawn(server.stop());
    within(async {
        while get(operators, "/readyz").await.status != 503 {
            yield_now().await;
        }
    })
    .await;
    assert_eq!(get(operators, "/healthz").await.status, 200);
    within(stopping).await.expect("no panic").expect("ends well");
}

/// A metric that is counted and not looked at is not worth counting.
#[tokio::test]
async fn the_dashboard_shows_every_metric_and_no_other() {
    let (_server, operators) = start().await;
    let text = get(operators, "/metrics").await.body;
    let counted: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "histogram" => format!("{name}_bucket"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    let dashboard = include_str!("../../../deploy/grafana/visavis.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let shown: BTreeSet<String> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .flat_map(|target| {
            let expression = target["expr"].as_str().expect("an expression");
            expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        })
        .filter(|word| word.starts_with("visavis_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(shown, counted);
}
