use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tracing::{debug, warn};

use super::admission::Token;
use super::hub::FrameHub;
use super::wire::{Writer, parse_acknowledgement};

/// Connections that may be in their handshake at the same time; more have to wait.
const MAX_HANDSHAKES: usize = 8;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);
/// Before the next try when the system has no connection to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The page sends acknowledgements and, at the end, a close frame.
const MAX_INCOMING_BYTES: usize = 256;

/// Where the page finds the frame socket, and what it proves itself with, as `?token=…`.
#[derive(Clone, Serialize)]
pub(crate) struct FrameSocketAddress {
    url: String,
    token: String,
}

/// The WebSocket server on a loopback port, for one page at a time.
pub(crate) struct FrameServer {
    listener: TcpListener,
    token: Token,
    hub: FrameHub,
}

impl FrameServer {
    pub(crate) async fn bind(hub: FrameHub) -> io::Result<(Self, FrameSocketAddress)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let token = Token::random();
        let url = format!("ws://{}/", listener.local_addr()?);
        let address = FrameSocketAddress { url, token: token.as_str().to_owned() };
        Ok((Self { listener, token, hub }, address))
    }

    /// Serves the page that connected last, for ever.
    pub(crate) async fn run(self) {
        let mut handshakes = JoinSet::new();
        let mut page = JoinSet::new();
        loop {
            tokio::select! {
                connection = self.listener.accept(), if handshakes.len() < MAX_HANDSHAKES => match connection {
                    Ok((stream, _)) => {
                        let handshake = shake_hands(stream, self.token.clone());
                        handshakes.spawn(tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake));
                    }
                    Err(error) => {
                        warn!(%error, "no connection for the frame socket");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(outcome) = handshakes.join_next() => match outcome {
                    Ok(Ok(Ok(socket))) => {
                        // A page that was loaded anew takes the place of the one before.
                        page.shutdown().await;
                        page.spawn(serve(socket, self.hub.clone()));
                    }
                    Ok(Ok(Err(error))) => debug!(%error, "a connection to the frame socket was refused"),
                    Ok(Err(_)) => debug!("a connection to the frame socket said nothing"),
                    Err(error) => warn!(%error, "a handshake of the frame socket"),
                },
                Some(outcome) = page.join_next() => match outcome {
                    Ok(Ok(())) => debug!("the page closed the frame socket"),
                    Ok(Err(error)) => debug!(%error, "the frame socket broke"),
                    Err(error) => warn!(%error, "the frame socket"),
                },
            }
        }
    }
}

async fn shake_hands(stream: TcpStream, token: Token) -> Result<WebSocketStream<TcpStream>, WebSocketError> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_INCOMING_BYTES))
        .max_frame_size(Some(MAX_INCOMING_BYTES));
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let admit = |request: &Request, response: Response| {
        if token.admits(request) { Ok(response) } else { Err(forbidden()) }
    };
    accept_hdr_async_with_config(stream, admit, Some(config)).await
}

fn forbidden() -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// Sends what there is to send until the page is gone.
async fn serve(mut socket: WebSocketStream<TcpStream>, hub: FrameHub) -> Result<(), WebSocketError> {
    let mut writer = Writer::new();
    hub.on_new_page();
    loop {
        while let Some(output) = hub.poll_output() {
            match writer.message(output) {
                Ok(message) => socket.send(message).await?,
                Err(error) => warn!(%error, "a stream cannot be announced"),
            }
        }
        tokio::select! {
            () = hub.changed() => {}
            received = socket.next() => match received {
                None => return Ok(()),
                Some(Ok(Message::Binary(bytes))) => {
                    if let Some((index, sequence)) = parse_acknowledgement(&bytes) {
                        hub.on_acknowledgement(index, sequence);
                    }
                }
                // The library answers pings and close frames itself.
                Some(Ok(
                    Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
                )) => {}
                Some(Err(error)) => return Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    use tokio_tungstenite::tungstenite::http::header::ORIGIN;
    use tokio_tungstenite::{MaybeTlsStream, connect_async};
    use visavis_engine::FrameSink;
    use visavis_engine::api::StreamId;
    use visavis_media::video::{Frame, Size};

    use super::*;

    type Page = WebSocketStream<MaybeTlsStream<TcpStream>>;

    const PAGE: &str = "tauri://localhost";

    struct Rig {
        hub: FrameHub,
        sink: FrameSink,
        address: FrameSocketAddress,
        _server: JoinSet<()>,
    }

    impl Rig {
        async fn new() -> Self {
            let hub = FrameHub::default();
            let (server, address) = FrameServer::bind(hub.clone()).await.expect("a loopback port");
            let mut tasks = JoinSet::new();
            tasks.spawn(server.run());
            Self { sink: hub.sink(), hub, address, _server: tasks }
        }

        async fn connect(&self, token: &str, origin: Option<&str>) -> Result<Page, WebSocketError> {
            let mut request = format!("{}?token={token}", self.address.url).into_client_request()?;
            if let Some(origin) = origin {
                request.headers_mut().insert(ORIGIN, origin.parse().expect("an origin"));
            }
            Ok(connect_async(request).await?.0)
        }

        async fn page(&self) -> Page {
            self.connect(&self.address.token, Some(PAGE)).await.expect("admitted")
        }

        fn put(&self, frame: &Arc<Frame>) {
            (self.sink)(&StreamId::Own, Arc::clone(frame));
        }
    }

    fn frame(width: u32, height: u32) -> Arc<Frame> {
        Arc::new(Frame::black(Size::new(width, height).expect("a size"), Instant::now()))
    }

    /// A short word for the next message.
    async fn next(page: &mut Page) -> String {
        let message = page.next().await.expect("open").expect("a message");
        let Message::Binary(bytes) = &message else {
            return message.to_text().expect("a text").to_owned();
        };
        let sequence = bytes.get(12..16).and_then(|bytes| bytes.try_into().ok()).expect("a header");
        format!("frame {} of {} bytes", u32::from_le_bytes(sequence), bytes.len())
    }

    async fn acknowledge(page: &mut Page, sequence: u32) {
        let message = [&[0, 0][..], &sequence.to_le_bytes()].concat();
        page.send(Message::binary(message)).await.expect("sent");
    }

    #[tokio::test]
    async fn strangers_are_refused() {
        let rig = Rig::new().await;
        let token = &rig.address.token;
        let wrong = token.replace(|digit| digit != '0', "0");
        for (token, origin) in [
            (&wrong, Some(PAGE)),
            (&String::new(), Some(PAGE)),
            (token, Some("https://evil.example")),
            (token, Some("null")),
            (token, None),
        ] {
            match rig.connect(token, origin).await {
                Err(WebSocketError::Http(response)) => assert_eq!(response.status(), StatusCode::FORBIDDEN),
                other => panic!("{origin:?} with {token} got {other:?}"),
            }
        }
        rig.page().await;
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_holds_up_nobody() {
        let rig = Rig::new().await;
        let port = rig.address.url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let mut silent = Vec::new();
        for _ in 1..MAX_HANDSHAKES {
            silent.push(TcpStream::connect(&port).await.expect("connected"));
        }
        rig.page().await;
    }

    #[tokio::test]
    async fn frames_flow_as_fast_as_they_are_acknowledged() {
        let rig = Rig::new().await;
        let mut page = rig.page().await;
        rig.put(&frame(4, 2));
        assert_eq!(next(&mut page).await, r#"{"type":"stream","index":0,"stream":{"type":"own"}}"#);
        assert_eq!(next(&mut page).await, "frame 1 of 36 bytes");
        for _ in 0..3 {
            rig.put(&frame(4, 2));
        }
        acknowledge(&mut page, 1).await;
        assert_eq!(next(&mut page).await, "frame 4 of 36 bytes");
        acknowledge(&mut page, 4).await;
        rig.hub.end(&StreamId::Own);
        assert_eq!(next(&mut page).await, r#"{"type":"stream_end","index":0}"#);
    }

    #[tokio::test]
    async fn a_page_that_reads_slowly_gets_the_latest_and_costs_two_frames_at_most() {
        let rig = Rig::new().await;
        let mut page = rig.page().await;
        let frames: Vec<_> = (0..200).map(|_| frame(640, 360)).collect();
        rig.put(&frames[0]);
        next(&mut page).await;
        assert_eq!(next(&mut page).await, "frame 1 of 345624 bytes");
        for frame in &frames[1..] {
            rig.put(frame);
            tokio::task::yield_now().await;
            let held = frames.iter().filter(|frame| Arc::strong_count(frame) > 1).count();
            assert!(held <= 2, "{held} frames are held");
        }
        acknowledge(&mut page, 1).await;
        assert_eq!(next(&mut page).await, "frame 200 of 345624 bytes");
    }

    #[tokio::test]
    async fn a_page_that_was_loaded_anew_takes_over() {
        let rig = Rig::new().await;
        let mut before = rig.page().await;
        rig.put(&frame(4, 2));
        next(&mut before).await;
        assert_eq!(next(&mut before).await, "frame 1 of 36 bytes");
        let mut after = rig.page().await;
        assert_eq!(next(&mut after).await, r#"{"type":"stream","index":0,"stream":{"type":"own"}}"#);
        rig.put(&frame(4, 2));
        assert_eq!(next(&mut after).await, "frame 2 of 36 bytes");
        assert!(!matches!(before.next().await, Some(Ok(_))));
    }

    #[tokio::test]
    async fn an_oversized_message_ends_only_that_connection() {
        let rig = Rig::new().await;
        let mut page = rig.page().await;
        page.send(Message::binary(vec![0; MAX_INCOMING_BYTES + 1])).await.expect("sent");
        while let Some(Ok(_)) = page.next().await {}
        rig.put(&frame(4, 2));
        let mut page = rig.page().await;
        assert_eq!(next(&mut page).await, r#"{"type":"stream","index":0,"stream":{"type":"own"}}"#);
    }
}
