use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;

use super::super::packet::tests::{channel_data, stun};
use super::*;

const LIMIT: Duration = Duration::from_secs(5);
const ALLOCATE: u16 = 0x0003;
const REFRESH: u16 = 0x0004;
const MEDIA: &[u8] = b"\x80\x60\x00\x01media";

/// A stream whose other end is in the test's hands.
struct Bench {
    stream: Stream,
    relay: DuplexStream,
    received: mpsc::Receiver<Received>,
    ended: tokio::task::JoinHandle<End>,
}

fn stand_in() -> SocketAddr {
    "192.0.0.8:1".parse().expect("an address")
}

/// `room`: how many bytes are on their way at most.
fn open(room: usize) -> Bench {
    let (stream, outbox, released) = Stream::queues();
    let (end, relay) = duplex(room);
    let (sender, received) = mpsc::channel(8);
    let ended = tokio::spawn(async move { converse(end, outbox, released, stand_in(), &sender).await });
    Bench { stream, relay, received, ended }
}

fn send(stream: &mut Stream, datagram: &[u8]) {
    stream.send(Packet::new(datagram).expect("a packet"), datagram);
}

async fn next(relay: &mut (impl AsyncRead + Unpin), bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    timeout(LIMIT, relay.read_exact(&mut read)).await.expect("in time").expect("bytes");
    read
}

/// ChannelData that needs no padding.
async fn next_frame(relay: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let header = next(relay, 4).await;
    let length = u16::from_be_bytes([header[2], header[3]]);
    [header, next(relay, length.into()).await].concat()
}

async fn end(bench: Bench) -> End {
    timeout(LIMIT, bench.ended).await.expect("in time").expect("no panic")
}

#[tokio::test]
async fn packets_go_both_ways_and_seem_to_come_from_the_stand_in() {
    let mut bench = open(4096);
    let (request, media) = (stun(ALLOCATE, b""), channel_data(MEDIA));
    send(&mut bench.stream, &request);
    assert_eq!(next(&mut bench.relay, request.len()).await, request);
    send(&mut bench.stream, &media);
    assert_eq!(next(&mut bench.relay, 16).await, [&media[..], b"\0\0\0"].concat(), "padded");
    bench.relay.write_all(&framed(&media)).await.expect("room");
    let received = timeout(LIMIT, bench.received.recv()).await.expect("in time");
    assert_eq!(received, Some(Received { stand_in: stand_in(), datagram: media }));
}

#[tokio::test]
async fn a_request_is_not_repeated() {
    let mut bench = open(4096);
    let (allocate, refresh) = (stun(ALLOCATE, b""), stun(REFRESH, b""));
    let mut other = refresh.clone();
    *other.last_mut().expect("an id") ^= 1;
    for request in [&allocate, &allocate, &other, &allocate] {
        send(&mut bench.stream, request);
    }
    let both = [allocate, other].concat();
    assert_eq!(next(&mut bench.relay, both.len()).await, both);
    drop(bench.stream);
    let mut rest = Vec::new();
    bench.relay.read_to_end(&mut rest).await.expect("an end");
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn media_is_dropped_while_the_stream_is_behind_and_a_check_overtakes_it() {
    let mut bench = open(64);
    let (media, check) = (channel_data(&[0x80; 1000]), channel_data(&stun(0x0001, b"")));
    for _ in 0..10 * MEDIA_QUEUE {
        send(&mut bench.stream, &media);
    }
    // What was taken before stands in front of the check.
    assert_eq!(next(&mut bench.relay, media.len()).await, media);
    send(&mut bench.stream, &check);
    let mut before = 1;
    while next_frame(&mut bench.relay).await != check {
        before += 1;
    }
    assert!(before <= 2 + WRITE_BYTES / media.len(), "{before} packets of media went before it");
    for _ in before..MEDIA_QUEUE {
        assert_eq!(next_frame(&mut bench.relay).await, media);
    }
    send(&mut bench.stream, &check);
    assert_eq!(next_frame(&mut bench.relay).await, check, "no more media than the queue holds");
}

#[tokio::test]
async fn the_relay_is_given_back_before_the_stream_ends() {
    let mut bench = open(4096);
    let refresh = stun(REFRESH, b"");
    send(&mut bench.stream, &refresh);
    drop(bench.stream);
    let mut rest = Vec::new();
    timeout(LIMIT, bench.relay.read_to_end(&mut rest)).await.expect("in time").expect("an end");
    assert_eq!(rest, refresh);
    assert_eq!(timeout(LIMIT, bench.ended).await.expect("in time").expect("no panic"), End::Released);
}

#[tokio::test]
async fn a_stream_that_breaks_is_lost_if_media_went_over_it() {
    let mut bench = open(4096);
    send(&mut bench.stream, &channel_data(MEDIA));
    next(&mut bench.relay, 16).await;
    bench.relay = duplex(1).0;
    assert_eq!(end(bench).await, End::Lost);
}

#[tokio::test]
async fn a_stream_that_breaks_unused_is_missed_by_nobody() {
    let mut bench = open(4096);
    send(&mut bench.stream, &stun(ALLOCATE, b""));
    next(&mut bench.relay, 20).await;
    bench.relay = duplex(1).0;
    assert_eq!(end(bench).await, End::Unused);
}

#[tokio::test]
async fn a_relay_that_does_not_speak_turn_is_left() {
    let mut bench = open(4096);
    bench.relay.write_all(b"\xffHTTP").await.expect("room");
    assert_eq!(end(bench).await, End::Unused);
}

fn route(port: u16) -> Route {
    let server = StreamServer { host: "127.0.0.1".to_owned(), port, has_tls: false };
    let local = IpAddr::from([0, 0, 0, 0]);
    Route { server, stand_in: stand_in(), local, relays: Relays::new(&[], || {}) }
}

#[tokio::test]
async fn it_connects_and_what_was_asked_meanwhile_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (received, _queue) = mpsc::channel(8);
    let route = route(listener.local_addr().expect("an address").port());
    let mut stream = Stream::open(&Handle::current(), route, received);
    let request = stun(ALLOCATE, b"");
    send(&mut stream, &request);
    let (mut relay, _) = timeout(LIMIT, listener.accept()).await.expect("in time").expect("a stream");
    assert_eq!(next(&mut relay, request.len()).await, request);
    assert!(!stream.is_over());
}

#[tokio::test]
async fn it_is_over_where_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let route = route(listener.local_addr().expect("an address").port());
    drop(listener);
    let (received, _queue) = mpsc::channel(8);
    let stream = Stream::open(&Handle::current(), route, received);
    timeout(LIMIT, stream.signals.closed()).await.expect("in time");
    assert!(stream.is_over());
}
