//! A server on a free port, clients for it, and a call that must not notice what other clients do.

use std::fmt::Debug;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};
use visavis_protocol::{
    ClientMessage, Description, DescriptionKind, DisplayName, ErrorCode, Hello, Join, LeaveReason,
    MediaState, Participant, ParticipantId, Resume, Resumed, RoomName, ServerMessage, SessionToken,
    parse_server_message, to_text,
};
use visavis_server::{Config, Server, ServerError};

/// Nothing here takes long; what takes longer does not come any more.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const MEDIA: MediaState = MediaState { microphone: true, camera: false, screen: false };

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) redirect: Option<SocketAddr>,
    pub(crate) turn: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServerError>>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    /// Starts a server with these settings, but on a free loopback port.
    pub(crate) async fn start_with(config: Config) -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let server = Server::bind(Config { listen, ..config }).await.expect("bind to a free port");
        let (address, admin) = (server.local_addrs()[0], server.admin_addr());
        let (redirect, turn) = (server.redirect_addr(), server.turn_addr());
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            stopped.await.ok();
        };
        let running = tokio::spawn(server.run(stopped, pending()));
        Self { address, admin, redirect, turn, stop, running }
    }

    pub(crate) async fn stop(self) -> Result<(), ServerError> {
        self.stop.send(()).expect("the server runs");
        within(self.running).await.expect("the server does not panic")
    }

    pub(crate) fn websocket_url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

/// One WebSocket. It answers pings only while something is awaited from it.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Opens a connection and says nothing.
    pub(crate) async fn connect(server: &TestServer) -> Self {
        Self::request(server.websocket_url()).await.expect("open a WebSocket")
    }

    pub(crate) async fn connect_from(server: &TestServer, origin: &str) -> tungstenite::Result<Self> {
        let url = server.websocket_url().parse().expect("a URL");
        Self::request(ClientRequestBuilder::new(url).with_header("Origin", origin)).await
    }

    /// Opens a connection as a proxy does, for somebody else.
    pub(crate) async fn connect_for(server: &TestServer, forwarded: &str) -> tungstenite::Result<Self> {
        Self::connect_for_all(server, &[forwarded.as_bytes()]).await
    }

    /// The same, with more than one header that says for whom.
    pub(crate) async fn connect_for_all(
        server: &TestServer,
        forwarded: &[&[u8]],
    ) -> tungstenite::Result<Self> {
        let mut request = server.websocket_url().into_client_request().expect("a request");
        for line in forwarded {
            let line = HeaderValue::from_bytes(line).expect("a header");
            request.headers_mut().append("X-Forwarded-For", line);
        }
        Self::request(request).await
    }

    /// Opens a connection to another process.
    pub(crate) async fn connect_to(url: &str) -> Self {
        Self::request(url).await.expect("open a connection")
    }

    async fn request(request: impl IntoClientRequest + Unpin) -> tungstenite::Result<Self> {
        within(connect_async(request)).await.map(|(socket, _)| Self { socket })
    }

    /// Opens a connection over TLS that is there already.
    pub(crate) async fn over(stream: TlsStream<TcpStream>) -> Self {
        let stream = MaybeTlsStream::Rustls(stream);
        let (socket, _) =
            within(client_async("wss://calls.example/ws", stream)).await.expect("open a WebSocket");
        Self { socket }
    }

    /// Opens a connection and gets the welcome.
    pub(crate) async fn welcomed(server: &TestServer) -> Self {
        Self::begun(server).await.0
    }

    /// Opens a connection and begins a session.
    pub(crate) async fn begun(server: &TestServer) -> (Self, SessionToken) {
        let (client, session, resumed) =
            Self::greeted(server, &hello(visavis_protocol::PROTOCOL_VERSION)).await;
        assert_eq!(resumed, None);
        (client, session)
    }

    /// Opens a connection and says this hello; the session in the welcome, and how it goes on if it does.
    pub(crate) async fn greeted(
        server: &TestServer,
        hello: &ClientMessage,
    ) -> (Self, SessionToken, Option<Resumed>) {
        let mut client = Self::connect(server).await;
        client.say(hello).await;
        let (session, resumed) = client.hear_welcome().await;
        (client, session, resumed)
    }

    /// Opens a connection as a proxy does, for somebody else, and gets the welcome.
    pub(crate) async fn welcomed_for(server: &TestServer, forwarded: &str) -> Self {
        let mut client = Self::connect_for(server, forwarded).await.expect("it is let in");
        client.greet().await;
        client
    }

    /// Hears a last error, with its text and when to come again, and the close that follows.
    pub(crate) async fn hear_last_words(&mut self) -> (ErrorCode, String, Option<u32>, u16) {
        match self.hear().await {
            ServerMessage::Error { code, message, retry_after_ms } => {
                (code, message, retry_after_ms, self.hear_close().await)
            }
            other => panic!("not an error: {other:?}"),
        }
    }

    /// Begins a session.
    pub(crate) async fn greet(&mut self) {
        self.say(&hello(visavis_protocol::PROTOCOL_VERSION)).await;
        self.hear_welcome().await;
    }

    async fn hear_welcome(&mut self) -> (SessionToken, Option<Resumed>) {
        match self.hear().await {
            ServerMessage::Welcome { session: Some(session), resumed, .. } => (session, resumed),
            other => panic!("not welcome: {other:?}"),
        }
    }

    pub(crate) async fn join(&mut self, room: &str, name: &str) -> (ParticipantId, Vec<Participant>) {
        self.say(&join(room, name)).await;
        match self.hear().await {
            ServerMessage::Joined { room: joined, you, participants, .. } => {
                assert_eq!(joined.as_str(), room);
                (you, participants)
            }
            other => panic!("did not join: {other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.send(Message::text(to_text(message))).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn send(&mut self, frame: Message) {
        within(self.socket.send(frame)).await.expect("send a frame");
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        match self.hear_frame().await {
            Message::Text(text) => parse_server_message(&text).expect("a message of the protocol"),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// A message that is there already.
    pub(crate) fn hear_at_once(&mut self) -> Option<ServerMessage> {
        self.hear().now_or_never()
    }

    pub(crate) async fn hear_error(&mut self) -> ErrorCode {
        match self.hear().await {
            ServerMessage::Error { code, message, .. } => {
                assert!(!message.is_empty());
                code
            }
            other => panic!("not an error: {other:?}"),
        }
    }

    /// Hears that somebody joined; before that maybe that it is a host now.
    pub(crate) async fn hear_joined(&mut self) -> Participant {
        loop {
            match self.hear().await {
                ServerMessage::ParticipantJoined { participant } => return participant,
                ServerMessage::Host { .. } => {}
                other => panic!("nobody joined: {other:?}"),
            }
        }
    }

    /// Hears that somebody left.
    pub(crate) async fn hear_left(&mut self) -> (ParticipantId, LeaveReason) {
        match self.hear().await {
            ServerMessage::ParticipantLeft { participant, reason } => (participant, reason),
            other => panic!("nobody left: {other:?}"),
        }
    }

    /// Closes the connection as one that breaks; the server knows of it when this is done.
    pub(crate) async fn break_off(mut self) {
        self.send(Message::Close(None)).await;
        while within(self.socket.next()).await.is_some_and(|frame| frame.is_ok()) {}
    }

    /// Hears the close frame, and then the end of the connection; the close code.
    pub(crate) async fn hear_close(&mut self) -> u16 {
        let code = match self.hear_frame().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("not closed: {other:?}"),
        };
        assert!(within(self.socket.next()).await.is_none(), "more after the close");
        code
    }

    /// Hears a last error and the close that follows.
    pub(crate) async fn hear_end(&mut self) -> (ErrorCode, u16) {
        (self.hear_error().await, self.hear_close().await)
    }

    /// Waits for a ping; nothing else comes before.
    pub(crate) async fn hear_ping(&mut self) {
        let frame = within(self.socket.next()).await.expect("the connection is open").expect("a frame");
        assert!(frame.is_ping(), "{frame:?}");
    }

    async fn hear_frame(&mut self) -> Message {
        loop {
            let frame = within(self.socket.next()).await.expect("the connection is open").expect("a frame");
            if !frame.is_ping() && !frame.is_pong() {
                return frame;
            }
        }
    }
}

/// Two clients in a room of their own.
pub(crate) struct Call {
    ada: Client,
    ada_id: ParticipantId,
    bob: Client,
    bob_id: ParticipantId,
    exchanges: u32,
}

impl Call {
    pub(crate) async fn begin(server: &TestServer, room: &str) -> Self {
        Self::between(Client::welcomed(server).await, Client::welcomed(server).await, room).await
    }

    /// Two who are welcome already meet.
    pub(crate) async fn between(mut ada: Client, mut bob: Client, room: &str) -> Self {
        let (ada_id, _) = ada.join(room, "Ada").await;
        let (bob_id, _) = bob.join(room, "Bob").await;
        assert_eq!(ada.hear_joined().await.id, bob_id);
        Self { ada, ada_id, bob, bob_id, exchanges: 0 }
    }

    pub(crate) fn into_clients(self) -> (Client, Client) {
        (self.ada, self.bob)
    }

    /// Both still reach each other, and have heard nothing else since the last time.
    pub(crate) async fn assert_untouched(&mut self) {
        self.exchanges += 1;
        let offer = description(DescriptionKind::Offer, self.exchanges, 2000);
        let answer = description(DescriptionKind::Answer, self.exchanges, 2000);
        pass(&mut self.bob, &self.bob_id, &mut self.ada, &self.ada_id, offer).await;
        pass(&mut self.ada, &self.ada_id, &mut self.bob, &self.bob_id, answer).await;
    }
}

async fn pass(
    sender: &mut Client,
    from: &ParticipantId,
    receiver: &mut Client,
    to: &ParticipantId,
    description: Description,
) {
    sender.say(&ClientMessage::Description { to: to.clone(), description: description.clone() }).await;
    assert_eq!(receiver.hear().await, ServerMessage::Description { from: from.clone(), description });
}

pub(crate) fn hello(protocol: u32) -> ClientMessage {
    let client = "visavis-server-tests/1".to_owned();
    ClientMessage::Hello(Hello { protocol, client, resume: None, token: None })
}

/// Goes on with a session of which so many messages have come.
pub(crate) fn resuming(session: &SessionToken, received: u32) -> ClientMessage {
    ClientMessage::Hello(Hello {
        protocol: visavis_protocol::PROTOCOL_VERSION,
        client: "visavis-server-tests/1".to_owned(),
        resume: Some(Resume { session: session.clone(), received }),
        token: None,
    })
}

pub(crate) fn join(room: &str, name: &str) -> ClientMessage {
    ClientMessage::Join(Join {
        room: RoomName::new(room).expect("a room name"),
        name: DisplayName::new(name).expect("a display name"),
        media: MEDIA,
        again: None,
    })
}

/// A description of about so many bytes.
pub(crate) fn description(kind: DescriptionKind, negotiation: u32, bytes: usize) -> Description {
    Description { kind, negotiation, sdp: "a=x\r\n".repeat(bytes / 5) }
}

/// Awaits what has to come.
pub(crate) async fn within<F: Future<Output: Debug>>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it comes in time")
}
