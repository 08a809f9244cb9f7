//! TLS, with certificates from files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use visavis_server::{AdminConfig, Config, Server, ServerError, TlsConfig};

use crate::http::get;
use crate::support::{Call, Client, TestServer, within};

/// A certificate in files, and who trusts it.
pub(crate) struct Identity {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = write(&folder);
        Self { folder, certificate }
    }

    /// Puts another certificate into the files.
    fn change(&mut self) {
        self.certificate = write(&self.folder);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> Config {
        let tls = TlsConfig {
            certificate: Some(self.file("certificate.pem")),
            key: Some(self.file("key.pem")),
            redirect: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..TlsConfig::default()
        };
        let admin =
            AdminConfig { listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..AdminConfig::default() };
        Config { tls, admin, ..Config::default() }
    }

    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("calls.example").expect("a name");
        within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }

    pub(crate) async fn client(&self, server: &TestServer) -> std::io::Result<Client> {
        let stream = self.connect(server.address, &[&version::TLS13]).await?;
        Ok(Client::over(stream).await)
    }
}

fn write(folder: &TempDir) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["calls.example".to_owned()]).expect("a certificate");
    for (name, text) in [("certificate.pem", made.cert.pem()), ("key.pem", made.key_pair.serialize_pem())] {
        std::fs::write(folder.path().join(name), text).expect("write it");
    }
    made.cert.der().clone()
}

/// The value of a metric.
async fn metric(server: &TestServer, name: &str) -> f64 {
    let text = get(server.admin.expect("operators are answered"), "/metrics").await.body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in {text}"))
}

async fn metric_reaches(server: &TestServer, name: &str, value: f64) {
    within(async {
        while metric(server, name).await < value {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn pages_come_with_both_versions_and_what_browsers_are_told_there() {
    let identity = Identity::new();
    let server = TestServer::start_with(identity.config()).await;
    for version in [&version::TLS12, &version::TLS13] {
        let mut stream = identity.connect(server.address, &[version]).await.expect("a handshake");
        let request = b"GET /healthz HTTP/1.1\r\nHost: calls.example\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.expect("ask");
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.expect("an answer, and an end in order");
        let answer = answer.to_lowercase();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{answer}");
        assert!(answer.contains("\r\ncross-origin-opener-policy: same-origin\r\n"), "{answer}");
    }
    assert_eq!(metric(&server, "visavis_tls_handshakes_total").await, 2.0);
    assert!(metric(&server, "visavis_certificate_expiry_timestamp_seconds").await > 1.8e9);
    server.stop().await.expect("the server ends well");
}

#[tokio::test]
async fn who_comes_without_tls_is_sent_to_it() {
    let identity = Identity::new();
    let server = TestServer::start_with(identity.config()).await;
    let answer = get(server.redirect.expect("there is a redirect"), "/r/owl?a=b").await;
    assert_eq!(answer.status, 308);
    let place = format!("https://127.0.0.1:{}/r/owl?a=b", server.address.port());
    assert_eq!(answer.header("location"), Some(place.as_str()));
    assert_eq!(answer.header("strict-transport-security"), None, "only TLS may say that");
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_open_connections_go_on_while_a_broken_one_changes_nothing() {
    let mut identity = Identity::new();
    let server = TestServer::start_with(identity.config()).await;
    let mut ada = identity.client(&server).await.expect("a handshake");
    ada.greet().await;

    std::fs::write(identity.file("key.pem"), "nonsense").expect("write it");
    metric_reaches(&server, "visavis_certificates_failed_total", 1.0).await;
    let mut bob = identity.client(&server).await.expect("the old certificate holds");
    bob.greet().await;

    identity.change();
    metric_reaches(&server, "visavis_certificates_loaded_total", 2.0).await;
    let mut eve = identity.client(&server).await.expect("the new certificate is shown");
    eve.greet().await;
    Call::between(ada, bob, "owl").await.assert_untouched().await;
    server.stop().await.expect("the server ends well");
}

#[tokio::test]
async fn what_cannot_be_used_is_said_at_the_start() {
    let identity = Identity::new();
    std::fs::write(identity.file("key.pem"), "nonsense").expect("write it");
    let refused =
        Server::bind(Config { listen: vec![([127, 0, 0, 1], 0).into()], ..identity.config() }).await;
    let Err(ServerError::Tls(error)) = refused else { panic!("it starts") };
    assert!(error.to_string().contains("key.pem"), "{error}");
}
