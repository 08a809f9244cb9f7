//! Connections that are no HTTP go to whoever takes them, over real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, client};

use super::*;
use crate::config::{LimitsConfig, TlsConfig};
use crate::tls::Tls;

/// The head of a binding request (RFC 8489 section 5).
const BINDING: [u8; 8] = [0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xA4, 0x42];
const PATIENCE: Patience = Patience { head: Duration::from_secs(20), silence: Duration::from_secs(45) };

struct Fixture {
    address: SocketAddr,
    taken: mpsc::Receiver<StunConnection>,
    metrics: Arc<Metrics>,
    certificate: Vec<u8>,
    _folder: tempfile::TempDir,
    serving: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Fixture {
    async fn start(patience: Patience, half_open: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["calls.example".to_owned()]).expect("a certificate");
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let write = |file: &Path, text: String| std::fs::write(file, text).expect("write it");
        write(&certificate, made.cert.pem());
        write(&key, made.key_pair.serialize_pem());
        let metrics = Arc::new(Metrics::new());
        let config = TlsConfig { certificate: Some(certificate), key: Some(key), ..TlsConfig::default() };
        let tls = Tls::load(&config, true, &metrics).await.expect("a pair").expect("it is asked for");

        let (stun, taken) = mpsc::channel(4);
        let front = Front {
            router: Router::new().fallback(async || "HTTP\n"),
            gate: Arc::new(Gate::new(LimitsConfig::default(), Vec::new())),
            tls: Some(tls.config),
            stun: Some(stun),
            half_open: Arc::new(Semaphore::new(half_open)),
            patience,
            linger: Arc::new(Linger::new(Duration::from_secs(1))),
            bytes: BytePace::new(LimitsConfig::default()),
            metrics: Arc::clone(&metrics),
        };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("listen");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, front, stopped));
        let certificate = made.cert.der().to_vec();
        Self { address, taken, metrics, certificate, _folder: folder, serving, stop }
    }

    async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connect")
    }

    async fn tls(&self, protocols: &[&[u8]]) -> io::Result<client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.certificate.clone())).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("calls.example").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, self.plain().await).await
    }

    /// The next connection is taken with all that was said on it, and can be answered.
    async fn takes(&mut self, client: &mut (impl linger::Stream + ?Sized)) {
        let StunConnection { mut stream, peer } = self.taken.recv().await.expect("it is taken");
        assert_eq!(peer.ip(), self.address.ip());
        let mut said = [0; BINDING.len()];
        stream.read_exact(&mut said).await.expect("read");
        assert_eq!(said, BINDING);
        stream.write_all(b"answer").await.expect("write");
        stream.flush().await.expect("flush");
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"answer");
    }
}

async fn asks(mut client: impl linger::Stream) -> String {
    let request = b"GET / HTTP/1.1\r\nHost: calls.example\r\nConnection: close\r\n\r\n";
    client.write_all(request).await.expect("ask");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn stun_is_taken_with_and_without_tls_and_http_is_served_beside() {
    let mut front = Fixture::start(PATIENCE, 4).await;
    let mut plain = front.plain().await;
    plain.write_all(&BINDING).await.expect("write");
    front.takes(&mut plain).await;
    // Agreed on in the handshake (RFC 7443), or not.
    for protocols in [&[STUN_TURN][..], &[]] {
        let mut client = front.tls(protocols).await.expect("a handshake");
        client.write_all(&BINDING).await.expect("write");
        front.takes(&mut client).await;
    }
    for protocols in [&[HTTP_1_1, STUN_TURN][..], &[]] {
        let answer = asks(front.tls(protocols).await.expect("a handshake")).await;
        assert!(answer.ends_with("HTTP\n"), "{answer}");
    }
    assert!(front.taken.try_recv().is_err(), "HTTP is nothing to take");
    assert_eq!(front.metrics.front.tls_handshakes.get(), 4);
}

#[tokio::test]
async fn what_nobody_speaks_is_refused_in_the_handshake() {
    let front = Fixture::start(PATIENCE, 4).await;
    front.tls(&[b"h2"]).await.expect_err("no protocol in common");
    let mut plain = front.plain().await;
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("write");
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP"), "not without TLS");
    assert_eq!(front.metrics.front.tls_handshakes.get(), 0);
    assert_eq!(front.metrics.front.tls_handshakes_failed.get(), 2);
}

#[tokio::test]
async fn a_connection_that_nobody_takes_is_closed() {
    let front = Fixture::start(PATIENCE, 8).await;
    let mut kept = Vec::new();
    for _ in 0..5 {
        let mut client = front.plain().await;
        client.write_all(&BINDING).await.expect("write");
        kept.push(client);
    }
    // Four wait to be taken.
    let closed =
        async |client: &mut TcpStream| client.read(&mut [0]).await.map_or(true, |length| length == 0);
    let (ended, _, _) =
        futures_util::future::select_all(kept.iter_mut().map(|client| Box::pin(closed(client)))).await;
    assert!(ended);
    assert_eq!(front.taken.len(), 4);
}

#[tokio::test]
async fn who_says_nothing_gives_the_place_back_in_time() {
    let head = Duration::from_millis(200);
    let front = Fixture::start(Patience { head, ..PATIENCE }, 2).await;
    let mut silent = [front.plain().await, front.plain().await];
    // Half a handshake is nothing said.
    silent[1].write_all(&[0x16, 0x03, 0x01]).await.expect("write");
    while front.metrics.front.sockets_refused.get() == 0 {
        let mut third = front.plain().await;
        assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0, "there is no third place");
    }
    for client in &mut silent {
        assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    }
    let mut fourth = front.tls(&[]).await;
    while fourth.is_err() {
        fourth = front.tls(&[]).await;
    }
    assert!(asks(fourth.expect("a place")).await.ends_with("HTTP\n"));
}

#[tokio::test]
async fn half_a_handshake_does_not_hold_up_the_end() {
    let mut front = Fixture::start(PATIENCE, 4).await;
    let mut half = front.plain().await;
    half.write_all(&[0x16, 0x03, 0x01]).await.expect("write");
    let mut taken = front.plain().await;
    taken.write_all(&BINDING).await.expect("write");
    front.takes(&mut taken).await;
    front.stop.send_replace(true);
    timeout(PATIENCE.head / 2, front.serving).await.expect("it does not wait").expect("no panic");
}
