//! What clients tell of how media gets through.

use std::net::SocketAddr;

use visavis_protocol::{
    AddressFamily, CandidateType, ClientMessage, Door, ErrorCode, PathReport, RelayProtocol, SelectedPair,
    ServerMessage, to_text,
};
use visavis_server::{AdminConfig, Config, MatchingConfig, RoomsConfig};

use crate::admin::metric;
use crate::support::{Call, Client, TestServer, hello, join};

const RELAYED: SelectedPair = SelectedPair {
    kind: CandidateType::Relay,
    relay_protocol: Some(RelayProtocol::Tls),
    family: Some(AddressFamily::Ipv6),
};
const DIRECT: SelectedPair =
    SelectedPair { kind: CandidateType::Host, relay_protocol: None, family: Some(AddressFamily::Ipv4) };
const CONNECTED: PathReport = PathReport::Connected { connect_ms: 412, pair: DIRECT };

const DIRECT_CONNECTIONS: &str =
    "visavis_path_connections_total{kind=\"host\",relay_protocol=\"\",family=\"ipv4\"}";

async fn start(config: Config) -> (TestServer, SocketAddr) {
    let server = TestServer::start_with(Config { admin: watched(true), ..config }).await;
    let operators = server.admin.expect("it answers operators");
    (server, operators)
}

fn watched(path_reports: bool) -> AdminConfig {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    AdminConfig { listen, path_reports, ..AdminConfig::default() }
}

/// Says it and, as it is not answered, something that is.
async fn tell(client: &mut Client, report: PathReport) -> ErrorCode {
    client.say(&ClientMessage::Path(report)).await;
    client.say_text("{}").await;
    client.hear_error().await
}

#[tokio::test]
async fn what_happened_to_a_path_is_counted() {
    let (server, operators) = start(Config::default()).await;
    let mut call = Call::begin(&server, "owl").await;
    call.assert_untouched().await;
    let (mut ada, mut bob) = call.into_clients();
    for report in [
        CONNECTED,
        PathReport::Changed { pair: RELAYED },
        PathReport::Restarted {},
        PathReport::Reconnected {},
        PathReport::Failed { was_connected: true },
    ] {
        assert_eq!(tell(&mut ada, report).await, ErrorCode::InvalidMessage, "{report:?}");
    }
    let relayed = PathReport::Connected { connect_ms: 1500, pair: RELAYED };
    assert_eq!(tell(&mut bob, relayed).await, ErrorCode::InvalidMessage);
    assert_eq!(bob.hear_at_once(), None, "nobody else hears of it");

    let of_relay = "kind=\"relay\",relay_protocol=\"tls\",family=\"ipv6\"";
    for (name, value) in [
        (DIRECT_CONNECTIONS, 1.0),
        (&format!("visavis_path_connections_total{{{of_relay}}}"), 1.0),
        (&format!("visavis_path_changes_total{{{of_relay}}}"), 1.0),
        ("visavis_path_connect_duration_seconds_sum{kind=\"host\"}", 0.412),
        ("visavis_path_connect_duration_seconds_sum{kind=\"relay\"}", 1.5),
        ("visavis_path_restarts_total", 1.0),
        ("visavis_path_reconnects_total", 1.0),
        ("visavis_path_failures_total{was_connected=\"true\"}", 1.0),
        ("visavis_path_failures_total{was_connected=\"false\"}", 0.0),
    ] {
        assert_eq!(metric(operators, name).await, value, "{name}");
    }
}

#[tokio::test]
async fn who_is_in_no_room_has_nothing_to_tell() {
    let (server, operators) = start(Config {
        rooms: RoomsConfig { door: Door::Lobby, ..Config::default().rooms },
        matching: MatchingConfig { enabled: true, ..MatchingConfig::default() },
        ..Config::default()
    })
    .await;
    let mut nowhere = Client::welcomed(&server).await;
    let mut host = Client::welcomed(&server).await;
    host.join("owl", "Ada").await;
    let mut in_lobby = Client::welcomed(&server).await;
    in_lobby.say(&join("owl", "Bob")).await;
    assert!(matches!(in_lobby.hear().await, ServerMessage::Waiting { .. }));
    let mut in_queue = Client::welcomed(&server).await;
    let media = "{\"microphone\":true,\"camera\":true}";
    in_queue
        .say_text(&format!("{{\"type\":\"seek\",\"payload\":{{\"name\":\"Eve\",\"media\":{media}}}}}"))
        .await;
    assert!(matches!(in_queue.hear().await, ServerMessage::Queued { .. }));
    for client in [&mut nowhere, &mut in_lobby, &mut in_queue] {
        assert_eq!(tell(client, CONNECTED).await, ErrorCode::NotInRoom);
    }
    assert_eq!(metric(operators, DIRECT_CONNECTIONS).await, 0.0);
}

#[tokio::test]
async fn nonsense_is_refused_and_what_makes_no_sense_together_is_left_out() {
    let (server, operators) = start(Config::default()).await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    let connected = to_text(&ClientMessage::Path(CONNECTED));
    for (sense, nonsense) in
        [("412", "3600001"), ("412", "-1"), ("412", "1e3"), ("host", "hosts"), ("ipv4", "10.0.0.1")]
    {
        ada.say_text(&connected.replace(sense, nonsense)).await;
        assert_eq!(ada.hear_error().await, ErrorCode::InvalidMessage, "{nonsense}");
    }
    assert_eq!(metric(operators, DIRECT_CONNECTIONS).await, 0.0);
    let pair = SelectedPair { relay_protocol: Some(RelayProtocol::Udp), ..DIRECT };
    tell(&mut ada, PathReport::Connected { connect_ms: 0, pair }).await;
    assert_eq!(metric(operators, DIRECT_CONNECTIONS).await, 1.0, "a direct pair has no relay");
}

#[tokio::test]
async fn clients_are_asked_only_where_operators_want_to_know() {
    for (admin, expected) in [(watched(true), true), (watched(false), false), (AdminConfig::default(), false)]
    {
        let server = TestServer::start_with(Config { admin: admin.clone(), ..Config::default() }).await;
        let mut client = Client::connect(&server).await;
        client.say(&hello(visavis_protocol::PROTOCOL_VERSION)).await;
        let ServerMessage::Welcome { path_reports, .. } = client.hear().await else { panic!("no welcome") };
        assert_eq!(path_reports, expected, "{admin:?}");
    }
}
