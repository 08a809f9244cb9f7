//! Traces, as a collector gets them from the program.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Stdio;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use visavis_protocol::{AccessToken, ClientMessage, ErrorCode, Hello, PROTOCOL_VERSION};

use crate::http::{get, send};
use crate::matching::{hear_met, hear_queued, seek};
use crate::support::{Client, join, within};

const TOKEN: &str = "a-moderator-of-this-test-0123456789abcdef";
const ROOM: &str = "barn-owl-of-this-test";
const ADA: &str = "Adalbertine";
const EVE: &str = "Evergreen";
const ADDRESS: &str = "192.0.2.66";
const FORGED: &str = "forged.by.somebody";
const REASON: &str = "rudeness";

/// A span, as far as a test looks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    name: String,
    id: Vec<u8>,
    trace: Vec<u8>,
    parent: Vec<u8>,
    nanoseconds: u64,
    events: usize,
    attributes: BTreeMap<String, String>,
}

/// What was sent at once.
#[derive(Debug)]
struct Export {
    raw: Bytes,
    resource: BTreeMap<String, String>,
    spans: Vec<Span>,
    key: Option<String>,
}

/// The fields of a message of Protocol Buffers: their numbers, and their bytes or their number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Result<&[u8], u64>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().expect("a number goes on");
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Err(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_first_chunk().expect("eight bytes");
                bytes = rest;
                Err(u64::from_le_bytes(*number))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("a length");
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Ok(value)
            }
            5 => {
                let (number, rest) = bytes.split_first_chunk().expect("four bytes");
                bytes = rest;
                Err(u32::from_le_bytes(*number).into())
            }
            kind => panic!("fields of kind {kind} are not written"),
        };
        found.push((key >> 3, value));
    }
    found
}

fn messages(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    fields(bytes).into_iter().filter(|(it, _)| *it == number).filter_map(|(_, value)| value.ok()).collect()
}

fn number(bytes: &[u8], number: u64) -> u64 {
    fields(bytes).into_iter().find(|(it, _)| *it == number).and_then(|(_, value)| value.err()).unwrap_or(0)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `KeyValue`s of opentelemetry/proto/common/v1: a key (1) and a value (2), which is a string (1), a bool (2) or an int (3).
fn attributes(bytes: &[u8], number: u64) -> BTreeMap<String, String> {
    let value = |value: &[u8]| match fields(value).first() {
        Some((_, Ok(string))) => text(string),
        Some((_, Err(number))) => number.to_string(),
        None => String::new(),
    };
    messages(bytes, number)
        .into_iter()
        .map(|pair| (text(messages(pair, 1)[0]), value(messages(pair, 2)[0])))
        .collect()
}

impl Export {
    /// An `ExportTraceServiceRequest` of opentelemetry/proto/collector/trace/v1.
    fn read(raw: Bytes, headers: &HeaderMap) -> Self {
        let [resource_spans] = messages(&raw, 1)[..] else { panic!("not of one resource") };
        let resource = attributes(messages(resource_spans, 1)[0], 1);
        let spans = messages(resource_spans, 2)
            .into_iter()
            .flat_map(|scope| messages(scope, 2))
            .map(|span| Span {
                trace: messages(span, 1)[0].to_vec(),
                id: messages(span, 2)[0].to_vec(),
                parent: messages(span, 4).first().map(|id| id.to_vec()).unwrap_or_default(),
                name: text(messages(span, 5)[0]),
                nanoseconds: number(span, 8) - number(span, 7),
                attributes: attributes(span, 9),
                events: messages(span, 11).len(),
            })
            .collect();
        let key = headers.get("x-key").map(|key| text(key.as_bytes()));
        Self { resource, spans, key, raw }
    }
}

/// A collector, and what it gets.
async fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<Export>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let (exports, received) = mpsc::unbounded_channel();
    let take = post(async move |headers: HeaderMap, body: Bytes| {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        exports.send(Export::read(body, &headers)).ok();
    });
    let router = Router::new().route("/v1/traces", take);
    tokio::spawn(axum::serve(listener, router).into_future());
    (address, received)
}

struct Program {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    async fn start(folder: &std::path::Path, variables: &[(&str, &str)]) -> Self {
        let admin =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let config = format!(
            "listen = '127.0.0.1:0'\n[rooms]\nsize = 2\n[matching]\nenabled = true\n[admin]\nlisten = '{admin}'\ntoken = '{TOKEN}'\n\
             [moderation]\ndatabase = 'sqlite:{}/visavis.db'",
            folder.display()
        );
        let file = folder.join("visavis.toml");
        std::fs::write(&file, config).expect("write the settings");
        let mut command = Command::new(env!("CARGO_BIN_EXE_visavis-server"));
        command.arg("--config").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        for (name, _) in std::env::vars() {
            if name.starts_with("VISAVIS_") || name.starts_with("OTEL_") {
                command.env_remove(name);
            }
        }
        let mut child = command.envs(variables.iter().copied()).spawn().expect("start");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        within(BufReader::new(stdout).read_line(&mut line)).await.expect("a line");
        let address = line.trim().strip_prefix("listening on http://").expect("where it listens");
        Self { address: address.parse().expect("an address"), child, admin }
    }

    async fn client(&self) -> Client {
        let mut client = Client::connect_to(&format!("ws://{}/ws", self.address)).await;
        client.greet().await;
        client
    }

    /// Ends it in order; what it logged.
    async fn end(mut self) -> String {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.expect("send the signal");
        assert!(sent.success());
        let mut log = String::new();
        let stderr = self.child.stderr.as_mut().expect("stderr is piped");
        within(stderr.read_to_string(&mut log)).await.expect("its log");
        assert!(within(self.child.wait()).await.expect("it ends").success(), "{log}");
        log
    }
}

fn showing(token: &str) -> ClientMessage {
    let token = Some(AccessToken::new(token.to_owned()).expect("a text"));
    let client = "visavis-server-tests/1".to_owned();
    ClientMessage::Hello(Hello { protocol: PROTOCOL_VERSION, client, resume: None, token })
}

/// Has everything happen once that makes a span.
async fn live(program: &Program) {
    // Whatever the answer: the UI may not be built.
    get(program.address, &format!("/r/{ROOM}")).await;
    let mut ada = program.client().await;
    ada.join(ROOM, ADA).await;
    let mut eve = program.client().await;
    eve.join(ROOM, EVE).await;
    ada.hear_joined().await;
    let mut late = program.client().await;
    late.say(&join(ROOM, "Latecomer")).await;
    assert_eq!(late.hear_error().await, ErrorCode::RoomFull);

    let (mut first, mut second) = (program.client().await, program.client().await);
    first.say(&seek(ADA)).await;
    hear_queued(&mut first).await;
    second.say(&seek(EVE)).await;
    hear_met(&mut first).await;
    hear_met(&mut second).await;

    let mut stranger = Client::connect_to(&format!("ws://{}/ws", program.address)).await;
    stranger.say(&showing(FORGED)).await;
    stranger.hear_end().await;

    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let ban = format!(r#"{{"subject": {{"kind": "address", "value": "{ADDRESS}"}}, "reason": "{REASON}"}}"#);
    let made = send(program.admin, "POST", "/api/bans", &headers, &ban).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let refused = send(program.admin, "GET", "/api/audit", &[], "").await;
    assert_eq!(refused.status, 401);
}

async fn all(mut received: mpsc::UnboundedReceiver<Export>) -> Vec<Export> {
    let mut exports = Vec::new();
    while let Ok(export) = received.try_recv() {
        exports.push(export);
    }
    exports
}

#[tokio::test]
async fn what_takes_time_is_told_to_the_collector_and_nothing_of_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, received) = collector().await;
    let endpoint = format!("http://{collector}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=of-this-test"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ];
    let program = Program::start(folder.path(), &variables).await;
    live(&program).await;
    program.end().await;

    let exports = all(received).await;
    assert!(!exports.is_empty(), "what waited at the end is sent");
    for export in &exports {
        assert_eq!(export.key.as_deref(), Some("of-this-test"));
        assert_eq!(export.resource["service.name"], "visavis-server");
        assert_eq!(export.resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(export.resource["deployment.environment.name"], "test");
        let raw = text(&export.raw);
        for secret in [ROOM, ADA, EVE, ADDRESS, TOKEN, FORGED, REASON, "guest:", "Latecomer", "127.0.0.1"] {
            assert!(!raw.contains(secret), "{secret}: {raw}");
        }
    }
    let spans: Vec<Span> = exports.into_iter().flat_map(|export| export.spans).collect();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let errors = |name: &str| -> Vec<&str> {
        let errors = named(name).into_iter().filter_map(|span| span.attributes.get("error.type"));
        errors.map(String::as_str).collect()
    };
    let names: BTreeSet<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(
        names,
        [
            "GET /api/audit",
            "GET /r/{room}",
            "GET /ws",
            "POST /api/bans",
            "database",
            "hello",
            "join",
            "match"
        ]
        .into()
    );
    assert_eq!((named("GET /ws").len(), named("hello").len(), named("join").len()), (6, 6, 3));
    assert_eq!(errors("hello"), ["unauthorized"]);
    assert_eq!(errors("join"), ["room_full"]);
    assert_eq!(named("match").len(), 1);
    assert!(named("match")[0].nanoseconds > 0, "it began when the first one sought");
    assert!(spans.iter().all(|span| span.events == 0), "lines of the log are none of it");

    let upgrade = &named("GET /ws")[0].attributes;
    assert_eq!(upgrade["http.response.status_code"], "101");
    assert_eq!(upgrade["http.route"], "/ws");
    let asked = named("POST /api/bans")[0];
    let kept = named("database").into_iter().find(|span| span.attributes["db.operation.name"] == "ban");
    let kept = kept.expect("the ban was kept");
    assert_eq!((&kept.trace, &kept.parent), (&asked.trace, &asked.id), "one trace from request to database");
}

#[tokio::test]
async fn nothing_is_sent_to_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, received) = collector().await;
    let endpoint = format!("http://{collector}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_TRACES_EXPORTER", "none")];
    let program = Program::start(folder.path(), &variables).await;
    live(&program).await;
    program.end().await;
    assert!(all(received).await.is_empty());
}

#[tokio::test]
async fn a_collector_that_is_not_there_is_logged_and_keeps_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let endpoint = format!("http://{gone}");
    let program = Program::start(folder.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint)]).await;
    live(&program).await;
    let log = program.end().await;
    assert!(log.contains("opentelemetry"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
