//! The pages.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use visavis_server::{Config, MatchingConfig, ModerationConfig};

use crate::http::{get, request};
use crate::support::TestServer;

async fn serve(folder: PathBuf) -> TestServer {
    TestServer::start_with(Config { ui_dir: Some(folder), ..Config::default() }).await
}

/// A server with a small UI. A file that must not be served lies beside its folder.
async fn with_ui() -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("secret.txt"), "secret").expect("write");
    let dist = folder.path().join("dist");
    fs::create_dir_all(dist.join("assets")).expect("make a folder");
    for (path, content) in [
        ("index.html", "<!doctype html><title>Visavis</title>"),
        ("assets/index-B4xQ.js", "export {};"),
        ("assets/index-C7yR.css", ":root {}"),
        ("icon.svg", "<svg/>"),
    ] {
        fs::write(dist.join(path), content).expect("write");
    }
    (serve(dist).await, folder)
}

#[tokio::test]
async fn healthz_says_ok() {
    let answer = get(TestServer::start().await.address, "/healthz").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[tokio::test]
async fn every_place_in_the_ui_is_the_page() {
    let (server, _folder) = with_ui().await;
    for path in
        ["/", "/index.html", "/r/blue-owl", "/r/with.a.dot", "/r/K%C3%BCche", "/settings", "/a/b/c?d=e.f"]
    {
        let answer = get(server.address, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.contains("<title>Visavis</title>"), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
    }
}

#[tokio::test]
async fn files_come_with_their_type_and_life_time() {
    let (server, _folder) = with_ui().await;
    let for_ever = "public, max-age=31536000, immutable";
    for (path, body, content_type, cache) in [
        ("/assets/index-B4xQ.js", "export {};", "text/javascript; charset=utf-8", for_ever),
        ("/assets/index-C7yR.css", ":root {}", "text/css; charset=utf-8", for_ever),
        ("/icon.svg", "<svg/>", "image/svg+xml", "no-cache"),
    ] {
        let answer = get(server.address, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.header("cache-control"), Some(cache));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (server, _folder) = with_ui().await;
    for path in [
        "/assets/old-A1.js",
        "/favicon.ico",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "//secret.txt",
        "/r/../secret.txt",
    ] {
        let answer = get(server.address, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains("secret"), "{path}");
    }
    assert_eq!(request(server.address, "POST", "/").await.status, 405);
    assert_eq!(request(server.address, "HEAD", "/").await.status, 200);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let (server, _folder) = with_ui().await;
    for path in ["/", "/healthz", "/assets/index-B4xQ.js", "/missing.js", "/ws"] {
        let answer = get(server.address, path).await;
        let policy = answer.header("content-security-policy").expect(path);
        for directive in
            ["default-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.split("; ").any(|given| given == directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}

#[tokio::test]
async fn without_a_ui_the_page_says_how_to_build_it() {
    let empty = tempfile::tempdir().expect("a folder");
    let server = serve(empty.path().to_owned()).await;
    for path in ["/", "/r/blue-owl"] {
        let answer = get(server.address, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("npm run build"), "{path}");
    }
    assert_eq!(get(server.address, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_plain_request_for_the_websocket_is_refused() {
    let server = TestServer::start().await;
    let answer = get(server.address, "/ws").await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")));
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    assert_eq!(request(server.address, "POST", "/ws").await.status, 405);
}

#[tokio::test]
async fn what_is_said_together_with_the_request_for_a_websocket_is_heard() {
    let server = TestServer::start().await;
    let hello = r#"{"type":"hello","payload":{"protocol":1,"client":"test/1"}}"#;
    let mut said = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        .as_bytes()
        .to_vec();
    // A masked text frame whose mask changes nothing (RFC 6455 section 5.2).
    said.extend([0x81, 0x80 | u8::try_from(hello.len()).expect("it is short"), 0, 0, 0, 0]);
    said.extend(hello.as_bytes());
    let mut stream = TcpStream::connect(server.address).await.expect("connect");
    stream.write_all(&said).await.expect("it is open");
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(r#""type":"welcome""#) {
        let read = timeout(Duration::from_secs(5), stream.read_buf(&mut heard)).await;
        assert!(read.expect("an answer in time").expect("it is open") > 0, "it was not heard");
    }
}

#[tokio::test]
async fn a_page_is_told_what_it_may_offer() {
    let nothing = TestServer::start().await;
    assert_eq!(get(nothing.address, "/features").await.body, r#"{"strangers":false,"reports":false}"#);

    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("visavis.db").display());
    let moderation =
        ModerationConfig { database: Some(database.parse().expect("a URL")), ..ModerationConfig::default() };
    let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
    let all = TestServer::start_with(Config { matching, moderation, ..Config::default() }).await;
    assert_eq!(get(all.address, "/features").await.body, r#"{"strangers":true,"reports":true}"#);
}
