//! Sockets: where the server listens, and what it does with those who come and say little.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use visavis_server::{AdminConfig, Config, LimitsConfig, Server, Timing};

use crate::http::get;
use crate::support::{Call, TestServer, within};

/// Ends when the other side closes, in whatever way; what it said.
async fn read_to_end(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    within(stream.read_to_end(&mut said)).await.ok();
    String::from_utf8_lossy(&said).into_owned()
}

/// Other systems have only one loopback address.
#[cfg(target_os = "linux")]
async fn connect_from(source: [u8; 4], server: &TestServer) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((source, 0).into()).expect("an address of this machine");
    socket.connect(server.address).await.expect("connect")
}

#[tokio::test]
async fn a_thousand_who_never_come_to_an_end_are_closed_in_time_and_hold_up_nobody() {
    let head = Duration::from_secs(2);
    let config = Config {
        trusted_proxies: Vec::new(),
        limits: LimitsConfig { socket_openings_burst: 2000, sockets_per_address: 2000, ..Default::default() },
        timing: Timing { head, ..Timing::default() },
        ..Config::default()
    };
    let server = TestServer::start_with(config).await;
    let mut call = Call::begin(&server, "owl").await;
    let begun = Instant::now();
    let slow: Vec<_> = join_all((0..1000).map(async |number| {
        let mut stream = TcpStream::connect(server.address).await.expect("connect");
        // Some say nothing, some half of it.
        let said: &[u8] = if number % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " };
        stream.write_all(said).await.expect("write");
        stream
    }))
    .await;
    let asked = Instant::now();
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    call.assert_untouched().await;
    assert!(asked.elapsed() < head / 2, "{:?}", asked.elapsed());

    let mut said = join_all(slow.into_iter().map(read_to_end)).await;
    assert!(begun.elapsed() < head * 5, "{:?}", begun.elapsed());
    said.retain(|said| !said.is_empty() && !said.starts_with("HTTP/1.1 408"));
    assert_eq!(said, [""; 0]);
    call.assert_untouched().await;
    server.stop().await.expect("the server ends well");
}

#[tokio::test]
async fn who_never_comes_to_an_end_holds_up_no_operator_and_is_closed_in_time() {
    let (head, places) = (Duration::from_secs(1), 50);
    let admin = AdminConfig { listen: Some(([127, 0, 0, 1], 0).into()), ..AdminConfig::default() };
    let config = Config {
        admin,
        trusted_proxies: Vec::new(),
        limits: LimitsConfig { half_open_sockets: places, ..LimitsConfig::default() },
        timing: Timing { head, ..Timing::default() },
        ..Config::default()
    };
    let server = TestServer::start_with(config).await;
    let operators = server.admin.expect("it answers operators");
    let crowd = async |address, said: &'static [u8], count| {
        join_all((0..count).map(async |_| {
            let mut stream = TcpStream::connect(address).await.expect("connect");
            stream.write_all(said).await.ok();
            stream
        }))
        .await
    };
    // Clients have taken all places that there are for them.
    let silent = crowd(server.address, b"", places).await;
    let begun = Instant::now();
    let slow = crowd(operators, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ", 200).await;
    assert_eq!(get(operators, "/readyz").await.status, 200);
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(20_000));
    let mut stream = TcpStream::connect(operators).await.expect("connect");
    stream.write_all(long.as_bytes()).await.expect("write");
    let answer = read_to_end(stream).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");

    let mut said = join_all(slow.into_iter().chain(silent).map(read_to_end)).await;
    assert!(begun.elapsed() < head * 5, "{:?}", begun.elapsed());
    said.retain(|said| !said.is_empty() && !said.starts_with("HTTP/1.1 408"));
    assert_eq!(said, [""; 0]);
    server.stop().await.expect("the server ends well");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.expect("connect");
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(20_000));
    stream.write_all(head.as_bytes()).await.expect("write");
    let answer = read_to_end(stream).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_has_only_so_many_sockets_and_others_have_theirs() {
    let config = Config {
        trusted_proxies: Vec::new(),
        limits: LimitsConfig { sockets_per_address: 3, ..LimitsConfig::default() },
        ..Config::default()
    };
    let server = TestServer::start_with(config).await;
    let greedy = [127, 0, 0, 2];
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(connect_from(greedy, &server).await);
    }
    assert_eq!(read_to_end(connect_from(greedy, &server).await).await, "", "it is closed unheard");
    assert_eq!(get(server.address, "/healthz").await.status, 200);

    kept.pop();
    let begun = Instant::now();
    loop {
        let mut stream = connect_from(greedy, &server).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.ok();
        if read_to_end(stream).await.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "a place that was given back is free");
    }
}

#[tokio::test]
async fn both_families_are_served_side_by_side_at_one_port() {
    let any: [SocketAddr; 2] = ["0.0.0.0:0", "[::]:0"].map(|address| address.parse().expect("an address"));
    let first = Server::bind(Config { listen: any[..1].to_vec(), ..Config::default() }).await.expect("bind");
    let port = first.local_addrs()[0].port();
    drop(first);
    let listen = any.map(|address| SocketAddr::new(address.ip(), port)).to_vec();
    let server =
        Server::bind(Config { listen: listen.clone(), ..Config::default() }).await.expect("bind both");
    assert_eq!(server.local_addrs(), listen);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let running = tokio::spawn(server.run(stopped, std::future::pending()));
    for host in ["127.0.0.1", "::1"] {
        let address = SocketAddr::new(host.parse().expect("an address"), port);
        assert_eq!(get(address, "/healthz").await.status, 200, "{host}");
    }
    drop(stop);
    within(running).await.expect("no panic").expect("it ends well");
}
