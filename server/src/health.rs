//! Asks a server that runs beside this program how it is, so that a container needs no other program for that.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Config;
use crate::config::TlsConfigError;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of an answer as holds its status.
const STATUS_BYTES: usize = 12;

/// What to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether it runs.
    Alive,
    /// Whether clients are to be sent to it.
    Ready,
}

/// Why it is not well, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    #[error("with TLS it is asked at the operators' address, and there is no admin.listen")]
    NowhereToAsk,
    #[error("its port is not known: it is 0")]
    AnyPort,
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    #[error("{address} does not answer")]
    Unreachable { address: SocketAddr, source: io::Error },
    #[error("{0} does not answer in time")]
    Slow(SocketAddr),
    #[error("{0} answers what is not HTTP")]
    NotHttp(SocketAddr),
    #[error("{address} answers with status {status}")]
    Unwell { address: SocketAddr, status: u16 },
}

/// Asks the server that runs on this machine with this configuration.
pub async fn check_health(config: &Config, question: Question) -> Result<(), HealthError> {
    let address = place(config)?;
    let unreachable = |source| HealthError::Unreachable { address, source };
    let answer = timeout(PATIENCE, ask(address, question)).await.map_err(|_| HealthError::Slow(address))?;
    match status(&answer.map_err(unreachable)?) {
        Some(200) => Ok(()),
        Some(status) => Err(HealthError::Unwell { address, status }),
        None => Err(HealthError::NotHttp(address)),
    }
}

/// Where it answers without TLS, from this machine.
fn place(config: &Config) -> Result<SocketAddr, HealthError> {
    let address = match (config.admin.listen, config.tls.source()?) {
        (Some(address), _) => address,
        (None, None) => *config.listen.first().ok_or(HealthError::NowhereToAsk)?,
        (None, Some(_)) => return Err(HealthError::NowhereToAsk),
    };
    if address.port() == 0 {
        return Err(HealthError::AnyPort);
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    Ok(SocketAddr::new(ip, address.port()))
}

/// The beginning of the answer.
async fn ask(address: SocketAddr, question: Question) -> io::Result<Vec<u8>> {
    let path = match question {
        Question::Alive => "/healthz",
        Question::Ready => "/readyz",
    };
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; STATUS_BYTES];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The status of an answer that begins so (RFC 9112 section 4).
fn status(answer: &[u8]) -> Option<u16> {
    let text = str::from_utf8(answer).ok()?;
    text.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<String, HealthError> {
        place(&toml::from_str(text).expect(text)).map(|address| address.to_string())
    }

    #[test]
    fn it_is_asked_where_it_answers_without_tls() {
        assert_eq!(asked("").expect("a place"), "127.0.0.1:8080");
        assert_eq!(asked("listen = '0.0.0.0:80'").expect("a place"), "127.0.0.1:80");
        assert_eq!(asked("listen = ['[::]:80', '0.0.0.0:81']").expect("a place"), "[::1]:80");
        assert_eq!(asked("[admin]\nlisten = '10.0.0.1:9464'").expect("a place"), "10.0.0.1:9464");
        let tls = "[tls]\ncertificate = '/c'\nkey = '/k'";
        assert_eq!(asked(&format!("[admin]\nlisten = '[::]:1'\n{tls}")).expect("a place"), "[::1]:1");
        assert!(matches!(asked(tls), Err(HealthError::NowhereToAsk)));
        assert!(matches!(asked("listen = '[::1]:0'"), Err(HealthError::AnyPort)));
    }

    #[test]
    fn the_status_is_read_and_nothing_else_taken_for_one() {
        assert_eq!(status(b"HTTP/1.1 503"), Some(503));
        assert_eq!(status(b"HTTP/1.0 200"), Some(200));
        for wrong in [&b"HTTP/1.1 abc"[..], b"SSH-2.0-Open", b"HTTP/1.", b"\xff\xff\xff", b""] {
            assert_eq!(status(wrong), None, "{wrong:?}");
        }
    }
}
