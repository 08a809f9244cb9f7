//! The task that owns one WebSocket: reads, writes, keeps it alive and ends it.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt as _;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument as _, debug};
use tungstenite::error::ProtocolError;
use visavis_protocol::{
    AccessToken, ErrorCode, Hello, MAX_MESSAGE_BYTES, PROTOCOL_VERSION, ServerMessage, to_text,
};

use crate::access::{Access, Admitted, Identity};
use crate::conversation::{Complaint, Conversation, Reaction};
use crate::hub::{Dismissal, Greeting, HubGone, HubHandle, Inbox, Parting};
use crate::ice::Ice;
use crate::limits::{Admission, Identities, Pace};
use crate::metrics::Metrics;
use crate::sessions::ConnectionId;
use crate::telemetry::spans;
use crate::{LimitsConfig, Timing};

/// How often a client is told at most that it says too much.
const LEAST_BETWEEN_TELLS: Duration = Duration::from_secs(1);

/// Frames of a client that are passed over while it is waited for to close, after it was told to.
const UNHEARD: u32 = 256;

/// What the connections of a server have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hub: HubHandle,
    pub(crate) timing: Timing,
    pub(crate) limits: LimitsConfig,
    pub(crate) access: Access,
    pub(crate) identities: Identities,
    pub(crate) ice: Ice,
    pub(crate) metrics: Arc<Metrics>,
}

/// Lets a client's connection begin, which gives back the place that it was let in to when it ends.
pub(crate) async fn begin(socket: WebSocket, shared: Arc<Shared>, admission: Admission) {
    let Ok((id, inbox)) = shared.hub.connect().await else { return };
    debug!(connection = id.0, "connected");
    tokio::spawn(serve(Box::new(Connection {
        id,
        socket,
        inbox,
        admission,
        conversation: Conversation::new(),
        place: None,
        said: 0,
        said_before_ping: None,
        pace: Pace::new(shared.limits.messages_per_s, shared.limits.messages_burst),
        unheard_until: None,
        told_to_wait: None,
        deadline: Instant::now() + shared.timing.hello,
        last_heard: Instant::now(),
        shared,
    })));
}

/// Serves one client until either side ends it.
///
/// There are very many of these tasks, and nearly all of them are idle. So the state is boxed, as a task has room for what it
/// is given and for what it makes of that; what is large and rare is boxed for as long as it is there; and nothing that was
/// said is held over a wait.
async fn serve(mut connection: Box<Connection>) {
    let ending = connection.run().await;
    debug!(connection = connection.id.0, ?ending, "ending");
    // Before the farewell, which may take a while: the others in the room hear of it at once.
    connection.shared.hub.disconnect(connection.id, ending.parting()).await.ok();
    Box::pin(connection.close(ending)).await;
}

struct Connection {
    id: ConnectionId,
    socket: WebSocket,
    inbox: Inbox,
    /// Among those of its address.
    admission: Admission,
    conversation: Conversation,
    /// Among those of its identity, once the client has one.
    place: Option<Admission<Identity>>,
    /// How many messages of its session the client was sent, over this connection or before.
    said: u32,
    /// What `said` was at the ping that is not answered yet.
    said_before_ping: Option<u32>,
    /// Of what the client says.
    pace: Pace,
    /// A client that says too much is not read until then.
    unheard_until: Option<Instant>,
    /// When it was last told so.
    told_to_wait: Option<Instant>,
    /// When the client has to have said hello; once it has, when to ping it.
    deadline: Instant,
    last_heard: Instant,
    shared: Arc<Shared>,
}

/// How a connection ends.
#[derive(Debug)]
enum Ending {
    /// The client is gone, or deaf and dumb: there is nobody to say goodbye to.
    Gone,
    /// The client has closed, for good or to come back over another connection.
    Closed(Parting),
    /// The client is told why, and can still be heard.
    Told(Complaint),
    /// The client is told why; the rest of what it sends cannot be read.
    ToldUnheard(Complaint),
    /// The client goes on with its session over another connection, and that at once.
    Interrupted,
}

impl Ending {
    /// Whether the client may come back.
    fn parting(&self) -> Parting {
        match self {
            Self::Gone | Self::Interrupted => Parting::Lost,
            Self::Closed(parting) => *parting,
            Self::Told(_) | Self::ToldUnheard(_) => Parting::Closed,
        }
    }
}

impl Connection {
    async fn run(&mut self) -> Ending {
        match self.converse().await {
            Ok(never) => match never {},
            Err(ending) => ending,
        }
    }

    async fn converse(&mut self) -> Result<Infallible, Ending> {
        let mut alarm = pin!(sleep_until(self.next_alarm()));
        loop {
            tokio::select! {
                dismissal = &mut self.inbox.dismissal => return Err(dismissal.into()),
                frame = self.socket.recv(), if self.unheard_until.is_none() => match frame {
                    Some(Ok(frame)) => self.on_frame(frame).await?,
                    Some(Err(error)) => return Err(read_failure(error)),
                    None => return Err(Ending::Gone),
                },
                Ok(message) = self.inbox.messages.recv() => Box::pin(self.pass_on(message)).await?,
                () = &mut alarm => Box::pin(self.on_alarm()).await?,
            }
            let next = self.next_alarm();
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
        }
    }

    fn next_alarm(&self) -> Instant {
        self.unheard_until.map_or(self.deadline, |until| until.min(self.deadline))
    }

    async fn on_frame(&mut self, frame: Message) -> Result<(), Ending> {
        self.last_heard = Instant::now();
        if let Some(complaint) = self.keep_pace() {
            Box::pin(self.complain(complaint)).await?;
        }
        let place = self.shared.hub.reserve().await.map_err(hub_gone)?;
        let reaction = match frame {
            Message::Text(text) => self.conversation.handle_text(&text),
            Message::Binary(_) => self.conversation.handle_binary(),
            Message::Pong(_) => {
                // What was sent before the ping has been read: a connection keeps the order.
                if let Some(count) = self.said_before_ping.take() {
                    place.read(self.id, count);
                }
                return Ok(());
            }
            Message::Close(frame) => return Err(closing(frame)),
            // Answered by the library, as RFC 6455 section 5.5.2 asks.
            Message::Ping(_) => return Ok(()),
        };
        match reaction {
            Reaction::Pass(message) => {
                place.say(self.id, message);
                Ok(())
            }
            Reaction::Welcome(hello) => {
                drop(place);
                Box::pin(self.on_hello(hello)).await
            }
            Reaction::Refuse(complaint) => {
                place.babble(self.id);
                Box::pin(self.complain(complaint)).await?;
                // Whoever says one such thing may have many more ready.
                yield_now().await;
                Ok(())
            }
            Reaction::Close(complaint) => Err(Ending::Told(complaint)),
        }
    }

    async fn on_hello(&mut self, hello: Hello) -> Result<(), Ending> {
        let span = spans::hello();
        let greeted = self.greet(hello).instrument(span.clone()).await;
        if let Err(Ending::Told(complaint) | Ending::ToldUnheard(complaint)) = &greeted {
            spans::fail(&span, complaint.code.as_str());
        }
        greeted
    }

    async fn greet(&mut self, hello: Hello) -> Result<(), Ending> {
        debug!(connection = self.id.0, client = shortened(&hello.client), "hello");
        let admitted = tokio::select! {
            admitted = self.shared.access.admit(hello.token.as_ref(), SystemTime::now()) => admitted,
            dismissal = &mut self.inbox.dismissal => return Err(dismissal.into()),
        };
        let Admitted { grant, guest } = admitted
            .map_err(|error| Ending::Told(Complaint::new(ErrorCode::Unauthorized, error.to_string())))?;
        let place = self.shared.identities.admit(grant.identity.clone());
        self.place = Some(place.map_err(|too_many| {
            Ending::Told(Complaint {
                retry_after: Some(too_many.retry_after),
                ..Complaint::new(ErrorCode::RateLimited, "you have too many connections")
            })
        })?);
        let is_newcomer = grant.is_newcomer();
        self.deadline = Instant::now() + self.shared.timing.ping;
        let source = self.admission.source();
        let greeting = self.shared.hub.greet(self.id, source, hello.resume, grant).await?;
        self.said = greeting.read;
        // Who goes on with a session without having shown anything stays who they were.
        let guest = guest.filter(|_| !(is_newcomer && greeting.resumed.is_some()));
        self.say(&self.welcome(greeting, guest)).await
    }

    /// Stops reading for a while from a client that says too much: nothing is lost, and it waits for itself alone. What it is
    /// told of that, if that is news.
    fn keep_pace(&mut self) -> Option<Complaint> {
        let wait = self.pace.count(self.last_heard.into_std());
        if wait.is_zero() {
            return None;
        }
        // A pause that follows another at once is the same one to the client.
        let is_news = self.told_to_wait.is_none_or(|at| self.last_heard >= at + LEAST_BETWEEN_TELLS);
        self.unheard_until = Some(self.last_heard + wait);
        if !is_news {
            return None;
        }
        self.told_to_wait = Some(self.last_heard);
        Some(Complaint {
            retry_after: Some(wait),
            ..Complaint::new(ErrorCode::RateLimited, "you say more than you may; you are read on later")
        })
    }

    async fn complain(&mut self, complaint: Complaint) -> Result<(), Ending> {
        self.shared.metrics.error(complaint.code);
        self.say(&complaint.into()).await
    }

    async fn on_alarm(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        self.unheard_until = self.unheard_until.filter(|until| *until > now);
        if self.deadline > now {
            return Ok(());
        }
        self.on_deadline().await
    }

    async fn on_deadline(&mut self) -> Result<(), Ending> {
        if let Some(complaint) = self.conversation.handle_hello_timeout() {
            return Err(Ending::Told(complaint));
        }
        if self.last_heard.elapsed() >= self.shared.timing.silence {
            return Err(Ending::Gone);
        }
        self.deadline = Instant::now() + self.shared.timing.ping;
        self.said_before_ping = Some(self.said);
        self.write(Message::Ping(Default::default())).await
    }

    /// Says a message of the session, and what else there is to say: all of it at once.
    async fn pass_on(&mut self, message: Arc<ServerMessage>) -> Result<(), Ending> {
        let Self { socket, inbox: Inbox { messages, dismissal }, said, shared, .. } = self;
        let written = async {
            let mut next = Some(message);
            while let Some(message) = next.take() {
                if message.is_counted() {
                    *said = said.wrapping_add(1);
                }
                socket.feed(Message::text(to_text(&*message))).await?;
                next = messages.try_recv().ok();
            }
            socket.flush().await
        };
        written_in_time(written, shared.timing.silence, dismissal).await
    }

    async fn say(&mut self, message: &ServerMessage) -> Result<(), Ending> {
        self.write(Message::text(to_text(message))).await
    }

    async fn write(&mut self, frame: Message) -> Result<(), Ending> {
        let Self { socket, inbox: Inbox { dismissal, .. }, shared, .. } = self;
        written_in_time(socket.send(frame), shared.timing.silence, dismissal).await
    }

    fn welcome(&self, greeting: Greeting, guest: Option<AccessToken>) -> ServerMessage {
        ServerMessage::Welcome {
            protocol: PROTOCOL_VERSION,
            server: concat!("visavis-server/", env!("CARGO_PKG_VERSION")).to_owned(),
            ice_servers: self.shared.ice.servers(&greeting.session, SystemTime::now()),
            session: Some(greeting.session),
            resumed: greeting.resumed,
            guest,
            ice_mode: self.shared.ice.mode(),
        }
    }

    /// Says goodbye, as far as the client lets it.
    async fn close(&mut self, ending: Ending) {
        let farewell = self.shared.timing.farewell;
        let (complaint, heard) = match ending {
            // The answer to a close frame (RFC 6455 section 5.5.1) is the library's; it wants to be driven until it is out.
            Ending::Closed(_) => {
                timeout(farewell, async {
                    while self.socket.recv().await.is_some_and(|frame| frame.is_ok()) {}
                })
                .await
                .ok();
                return;
            }
            Ending::Gone => return,
            Ending::Interrupted => {
                let frame =
                    CloseFrame { code: close_code::RESTART, reason: Utf8Bytes::from_static("interrupted") };
                timeout(farewell, async {
                    self.socket.send(Message::Close(Some(frame))).await.ok();
                    while self.socket.recv().await.is_some_and(|frame| frame.is_ok()) {}
                })
                .await
                .ok();
                return;
            }
            Ending::Told(complaint) => (complaint, true),
            Ending::ToldUnheard(complaint) => (complaint, false),
        };
        self.shared.metrics.error(complaint.code);
        let frame =
            CloseFrame { code: close_code_of(complaint.code), reason: complaint.code.as_str().into() };
        let told = async {
            self.socket.send(Message::text(to_text(&ServerMessage::from(complaint)))).await?;
            self.socket.send(Message::Close(Some(frame))).await?;
            // Its answer, behind what was on its way; who says more than that has not listened.
            let mut unheard = if heard { UNHEARD } else { 0 };
            while unheard > 0 && self.socket.recv().await.is_some_and(|frame| frame.is_ok()) {
                unheard -= 1;
            }
            Ok::<(), axum::Error>(())
        };
        if !matches!(timeout(farewell, told).await, Ok(Ok(()))) {
            debug!(connection = self.id.0, "the client did not take its farewell");
        }
    }
}

impl From<Complaint> for ServerMessage {
    fn from(complaint: Complaint) -> Self {
        let retry_after_ms =
            complaint.retry_after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX));
        Self::Error { code: complaint.code, message: complaint.text, retry_after_ms }
    }
}

impl From<Dismissal> for Ending {
    fn from(dismissal: Dismissal) -> Self {
        Self::Told(match dismissal {
            Dismissal::Interrupted => return Self::Interrupted,
            Dismissal::TooSlow => {
                Complaint::new(ErrorCode::TooSlow, "you did not read fast enough what was sent to you")
            }
            Dismissal::Banned(complaint) => complaint,
            Dismissal::Superseded => {
                Complaint::new(ErrorCode::Superseded, "you go on over another connection")
            }
            Dismissal::ShuttingDown => Complaint::new(ErrorCode::ShuttingDown, "the server is going away"),
        })
    }
}

/// What the hub's end of the connection says; that it is gone can only mean that the server is.
impl From<Result<Dismissal, oneshot::error::RecvError>> for Ending {
    fn from(dismissal: Result<Dismissal, oneshot::error::RecvError>) -> Self {
        dismissal.unwrap_or(Dismissal::ShuttingDown).into()
    }
}

/// Gives up when the client does not take what is written for as long as `patience`, or the hub wants the connection to end.
async fn written_in_time(
    written: impl Future<Output = Result<(), axum::Error>>,
    patience: Duration,
    dismissal: &mut oneshot::Receiver<Dismissal>,
) -> Result<(), Ending> {
    tokio::select! {
        result = timeout(patience, written) => match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ending::Gone),
        },
        dismissal = dismissal => Err(dismissal.into()),
    }
}

fn hub_gone(_: HubGone) -> Ending {
    Dismissal::ShuttingDown.into()
}

/// A client that is done says so: 1000, or 1001 when its page goes away (RFC 6455 section 7.4.1). One that only wants
/// another connection gives no code.
fn closing(frame: Option<CloseFrame>) -> Ending {
    match frame.map(|frame| frame.code) {
        Some(close_code::NORMAL | close_code::AWAY) => Ending::Closed(Parting::Closed),
        Some(_) | None => Ending::Closed(Parting::Lost),
    }
}

fn read_failure(error: axum::Error) -> Ending {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Ending::ToldUnheard(Complaint::new(
            ErrorCode::MessageTooLarge,
            format!("a message may have {MAX_MESSAGE_BYTES} bytes"),
        )),
        Some(tungstenite::Error::Utf8(_)) => {
            Ending::Told(Complaint::new(ErrorCode::InvalidMessage, "a text frame has to hold UTF-8"))
        }
        // Connections that break are such errors too.
        Some(tungstenite::Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing,
        )) => Ending::Gone,
        Some(tungstenite::Error::Protocol(_)) => {
            Ending::ToldUnheard(Complaint::new(ErrorCode::InvalidMessage, "this is no WebSocket (RFC 6455)"))
        }
        _ => Ending::Gone,
    }
}

/// RFC 6455 section 7.4.1.
fn close_code_of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::MessageTooLarge => close_code::SIZE,
        ErrorCode::ShuttingDown => close_code::AWAY,
        ErrorCode::InvalidMessage => close_code::INVALID,
        ErrorCode::UnsupportedProtocol
        | ErrorCode::HelloExpected
        | ErrorCode::UnexpectedMessage
        | ErrorCode::RoomFull
        | ErrorCode::RoomLocked
        | ErrorCode::NotHost
        | ErrorCode::MatchingOff
        | ErrorCode::NotInRoom
        | ErrorCode::UnknownParticipant
        | ErrorCode::TooSlow
        | ErrorCode::Superseded
        | ErrorCode::RateLimited
        | ErrorCode::Unauthorized
        | ErrorCode::Forbidden
        | ErrorCode::Banned
        | ErrorCode::Unavailable => close_code::POLICY,
    }
}

/// The beginning of a text that a client chose, with control characters escaped.
fn shortened(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
