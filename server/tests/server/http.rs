//! Plain HTTP requests.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::within;

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, one a line.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path).await
}

pub(crate) async fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    send(address, method, path, &[], "").await
}

/// Sends a request with these headers besides the usual ones, and this body.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let length = body.len().to_string();
    let usual = [("Host", &*address.to_string()), ("Connection", "close"), ("Content-Length", &length)];
    let headers: String =
        usual.iter().chain(headers).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("send the request");
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.expect("read the answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let (status, headers) = head.split_once("\r\n").expect("a status and headers");
    Answer {
        status: status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code"),
        headers: headers.to_lowercase(),
        body: body.to_owned(),
    }
}
