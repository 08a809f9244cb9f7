//! Who may connect, and where to.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use visavis_protocol::{
    AccessToken, ClientMessage, ErrorCode, Hello, PROTOCOL_VERSION, Resume, ServerMessage, SessionToken,
};
use visavis_server::{
    AccessConfig, Config, LimitsConfig, Order, Permission, Secret, SecretConfig, SecretSource, issue,
};

use crate::support::{Client, TestServer, join, within};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Only who has a token may come.
fn closed() -> AccessConfig {
    let secret = Secret::try_from(SECRET.to_owned()).expect("a secret");
    let secrets = vec![SecretConfig { id: "main".to_owned(), source: SecretSource::Here(secret) }];
    AccessConfig { anonymous: false, secrets, ..AccessConfig::default() }
}

async fn start(access: AccessConfig) -> TestServer {
    TestServer::start_with(Config { access, ..Config::default() }).await
}

fn order(identity: &str, room: &str, can: &[Permission]) -> Order {
    Order {
        identity: identity.parse().expect("an identity"),
        name: None,
        rooms: vec![room.parse().expect("a room name")],
        can: can.to_vec(),
        lifetime: Duration::from_secs(600),
        key: None,
    }
}

fn token(identity: &str, room: &str) -> AccessToken {
    issue(&closed(), order(identity, room, &[Permission::Create]), SystemTime::now()).expect("a token")
}

fn hello(token: Option<&AccessToken>, resume: Option<(&SessionToken, u32)>) -> ClientMessage {
    ClientMessage::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        client: "visavis-server-tests/1".to_owned(),
        resume: resume.map(|(session, received)| Resume { session: session.clone(), received }),
        token: token.cloned(),
    })
}

/// The guest's token in the welcome.
async fn guest(client: &mut Client) -> Option<AccessToken> {
    match client.hear().await {
        ServerMessage::Welcome { guest, .. } => guest,
        other => panic!("not welcome: {other:?}"),
    }
}

/// The refusal of a client that shows this.
async fn refused(server: &TestServer, token: Option<&AccessToken>) -> (ErrorCode, u16) {
    let mut client = Client::connect(server).await;
    client.say(&hello(token, None)).await;
    client.hear_end().await
}

#[tokio::test]
async fn who_has_a_token_enters_its_room_and_no_other() {
    let server = start(closed()).await;
    let (mut ada, ..) = Client::greeted(&server, &hello(Some(&token("ada", "owl")), None)).await;
    ada.say(&join("fox", "Ada")).await;
    assert_eq!(ada.hear_error().await, ErrorCode::Forbidden);
    ada.join("owl", "Ada").await;
}

#[tokio::test]
async fn who_has_no_valid_token_is_told_so_and_does_not_come_in() {
    let server = start(closed()).await;
    let genuine = token("ada", "owl");
    let forged = AccessToken::new(genuine.as_str().replace('.', ".A")).expect("a text");
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let expired = issue(&closed(), order("ada", "owl", &[]), hour_ago).expect("a token");
    let nonsense = AccessToken::new("nonsense").expect("a text");
    for shown in [None, Some(&forged), Some(&expired), Some(&nonsense)] {
        assert_eq!(refused(&server, shown).await, (ErrorCode::Unauthorized, 1008), "{shown:?}");
    }
    Client::greeted(&server, &hello(Some(&genuine), None)).await;
}

#[tokio::test]
async fn a_token_that_is_too_large_is_no_hello() {
    let server = start(closed()).await;
    let mut client = Client::connect(&server).await;
    let large = "x".repeat(4097);
    client
        .say_text(
            &json!({"type": "hello", "payload": {"protocol": 1, "client": "c", "token": large}}).to_string(),
        )
        .await;
    assert_eq!(client.hear_end().await, (ErrorCode::HelloExpected, 1008));
}

#[tokio::test]
async fn only_who_may_opens_a_room() {
    let server = start(closed()).await;
    let visitor = issue(&closed(), order("bob", "owl", &[]), SystemTime::now()).expect("a token");
    let (mut bob, ..) = Client::greeted(&server, &hello(Some(&visitor), None)).await;
    bob.say(&join("owl", "Bob")).await;
    assert_eq!(bob.hear_error().await, ErrorCode::Forbidden);
    let (mut ada, ..) = Client::greeted(&server, &hello(Some(&token("ada", "owl")), None)).await;
    ada.join("owl", "Ada").await;
    bob.join("owl", "Bob").await;
}

#[tokio::test]
async fn others_see_the_name_that_the_token_says() {
    let server = start(closed()).await;
    let named =
        Order { name: Some("Ada L.".parse().expect("a name")), ..order("ada", "owl", &[Permission::Create]) };
    let named = issue(&closed(), named, SystemTime::now()).expect("a token");
    let (mut ada, ..) = Client::greeted(&server, &hello(Some(&named), None)).await;
    ada.join("owl", "The President").await;
    let (mut bob, ..) = Client::greeted(&server, &hello(Some(&token("bob", "owl")), None)).await;
    let (_, present) = bob.join("owl", "Bob").await;
    assert_eq!(present[0].name.as_str(), "Ada L.");
}

#[tokio::test]
async fn a_session_goes_on_for_its_own_identity_only() {
    let server = start(closed()).await;
    let [ada, eve] = ["ada", "eve"].map(|identity| token(identity, "owl"));
    let (mut first, session, _) = Client::greeted(&server, &hello(Some(&ada), None)).await;
    first.join("owl", "Ada").await;
    let (_, begun, resumed) = Client::greeted(&server, &hello(Some(&eve), Some((&session, 1)))).await;
    assert!(resumed.is_none() && begun != session);
    let newer = token("ada", "owl");
    let (_, again, resumed) = Client::greeted(&server, &hello(Some(&newer), Some((&session, 1)))).await;
    assert!(resumed.is_some() && again == session);
}

#[tokio::test]
async fn a_guest_is_given_an_identity_and_is_known_by_it() {
    let server = start(AccessConfig::default()).await;
    let mut first = Client::connect(&server).await;
    first.say(&hello(None, None)).await;
    let shown = guest(&mut first).await.expect("an identity");
    let mut again = Client::connect(&server).await;
    again.say(&hello(Some(&shown), None)).await;
    assert_eq!(guest(&mut again).await, None, "there is one already");

    // With another key, as after a restart, it means nothing, and is no reason to turn anybody away.
    let other = start(AccessConfig::default()).await;
    let mut stranger = Client::connect(&other).await;
    stranger.say(&hello(Some(&shown), None)).await;
    assert!(guest(&mut stranger).await.is_some_and(|given| given != shown));
    assert_eq!(refused(&start(closed()).await, Some(&shown)).await, (ErrorCode::Unauthorized, 1008));
}

#[tokio::test]
async fn a_guest_who_resumes_without_a_token_is_not_made_another() {
    let server = start(AccessConfig::default()).await;
    let (mut first, session, _) = Client::greeted(&server, &hello(None, None)).await;
    first.join("owl", "Ada").await;
    drop(first);
    let mut again = Client::connect(&server).await;
    again.say(&hello(None, Some((&session, 1)))).await;
    match again.hear().await {
        ServerMessage::Welcome { resumed: Some(_), guest: None, .. } => {}
        other => panic!("not the same: {other:?}"),
    }
}

#[tokio::test]
async fn one_identity_has_only_so_many_connections_wherever_it_is() {
    let limits = LimitsConfig { connections_per_identity: 2, ..LimitsConfig::default() };
    let server = TestServer::start_with(Config { access: closed(), limits, ..Config::default() }).await;
    let ada = token("ada", "owl");
    let mut open = Vec::new();
    for address in ["192.0.2.1", "192.0.2.2"] {
        let mut client = Client::connect_for(&server, address).await.expect("let in");
        client.say(&hello(Some(&ada), None)).await;
        assert!(matches!(client.hear().await, ServerMessage::Welcome { .. }));
        open.push(client);
    }
    assert_eq!(refused(&server, Some(&ada)).await, (ErrorCode::RateLimited, 1008));
    Client::greeted(&server, &hello(Some(&token("bob", "owl")), None)).await;
}

/// An identity provider that publishes whatever it is told to, and says when it was asked.
async fn provider(document: watch::Receiver<Option<Value>>) -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let (asked, was_asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match socket.read_u8().await {
                    Ok(byte) => request.push(byte),
                    Err(_) => break,
                }
            }
            let answer = match &*document.borrow() {
                Some(keys) => {
                    let body = keys.to_string();
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    )
                }
                None => "HTTP/1.1 503 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            };
            socket.write_all(answer.as_bytes()).await.ok();
            asked.send(()).ok();
        }
    });
    (url, was_asked)
}

/// A private key, with its public half as it is published.
fn new_key(id: &str) -> (EcdsaKeyPair, Value) {
    let rng = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).expect("a key");
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &rng).expect("a key");
    let point = pair.public_key().as_ref().to_vec();
    let [x, y] = [1, 33].map(|from| URL_SAFE_NO_PAD.encode(&point[from..from + 32]));
    (pair, json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id, "x": x, "y": y}))
}

fn signed(pair: &EcdsaKeyPair, id: &str) -> AccessToken {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let parts = [json!({"alg": "ES256", "kid": id}), json!({"sub": "ada", "exp": now + 600})];
    let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).expect("sign");
    AccessToken::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))).expect("a token")
}

#[tokio::test]
async fn keys_are_fetched_again_when_they_change_and_hold_when_nobody_answers() {
    let [(old, old_public), (new, new_public)] = ["old", "new"].map(new_key);
    let (publish, document) = watch::channel(Some(json!({"keys": [old_public]})));
    let (url, mut asked) = provider(document).await;
    let access = AccessConfig {
        anonymous: false,
        jwks_url: Some(url.parse().expect("an address")),
        jwks_pause: Duration::from_nanos(1),
        ..AccessConfig::default()
    };
    let server = start(access).await;
    within(asked.recv()).await.expect("at the start");
    Client::greeted(&server, &hello(Some(&signed(&old, "old")), None)).await;
    assert!(asked.try_recv().is_err(), "a key that is known is not asked for");

    publish.send_replace(Some(json!({"keys": [old_public, new_public]})));
    Client::greeted(&server, &hello(Some(&signed(&new, "new")), None)).await;
    within(asked.recv()).await.expect("for the new one");

    publish.send_replace(None);
    let stranger = signed(&new_key("stranger").0, "stranger");
    assert_eq!(refused(&server, Some(&stranger)).await.0, ErrorCode::Unauthorized);
    within(asked.recv()).await.expect("in vain");
    for known in [signed(&old, "old"), signed(&new, "new")] {
        Client::greeted(&server, &hello(Some(&known), None)).await;
    }
}

#[tokio::test]
async fn tokens_with_unknown_keys_make_nobody_fetch_in_between() {
    let (_publish, document) = watch::channel(Some(json!({"keys": []})));
    let (url, mut asked) = provider(document).await;
    let jwks_url = Some(url.parse().expect("an address"));
    let server = start(AccessConfig { anonymous: false, jwks_url, ..AccessConfig::default() }).await;
    let stranger = signed(&new_key("stranger").0, "stranger");
    for _ in 0..20 {
        assert_eq!(refused(&server, Some(&stranger)).await.0, ErrorCode::Unauthorized);
    }
    within(asked.recv()).await.expect("at the start");
    assert!(asked.try_recv().is_err(), "once a minute");
}

async fn run(options: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VISAVIS_")) {
        command.env_remove(name);
    }
    within(command.args(options).stdin(Stdio::null()).output()).await.expect("run")
}

#[tokio::test]
async fn the_program_makes_keys_and_tokens_that_a_server_takes_and_does_not_print_them_again() {
    let keys = run(&["generate-keys"]).await;
    let keys = String::from_utf8(keys.stdout).expect("text");
    assert_ne!(keys.as_bytes(), run(&["generate-keys"]).await.stdout, "others each time");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), keys.replace("[access]\n", "[access]\nanonymous = false\n"))
        .expect("write it");
    let path = file.path().to_str().expect("a path");

    let made = run(&[
        "token",
        "--config",
        path,
        "--identity",
        "ada",
        "--room",
        "owl",
        "--can",
        "host,create",
        "--expires",
        "2h",
    ])
    .await;
    assert!(made.status.success(), "{made:?}");
    let token = AccessToken::new(String::from_utf8(made.stdout).expect("text").trim()).expect("a token");
    let printed = run(&["--config", path, "--print-config"]).await;
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert_eq!(printed.matches("(hidden)").count(), 2, "{printed}");
    let secrets = keys.lines().filter_map(|line| Some(line.split_once(" = ")?.1.trim_matches('"')));
    assert!(secrets.filter(|text| text.len() >= 32).all(|secret| !printed.contains(secret)));

    let mut child = Command::new(env!("CARGO_BIN_EXE_visavis-server"))
        .args(["--config", path, "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("start");
    let mut line = Vec::new();
    let stdout = child.stdout.as_mut().expect("stdout is piped");
    while !line.ends_with(b"\n") {
        line.push(within(stdout.read_u8()).await.expect("a line"));
    }
    let line = String::from_utf8(line).expect("text");
    let address = line.trim().strip_prefix("listening on http://").expect("where it listens");
    let mut client = Client::connect_to(&format!("ws://{address}/ws")).await;
    client.say(&hello(Some(&token), None)).await;
    assert!(matches!(client.hear().await, ServerMessage::Welcome { .. }));
    client.join("owl", "Ada").await;
}

#[tokio::test]
async fn a_token_that_cannot_be_made_is_a_clear_error() {
    let output = run(&["token", "--identity", "ada"]).await;
    assert!(!output.status.success() && output.stdout.is_empty());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("no secret to sign with"), "{message}");
}
