//! The task that owns one WebSocket: reads, writes, keeps it alive and ends it.

mod alarm;
mod ending;
mod fuzz;
mod hearing;
mod hello;
mod socket;
mod upgrade;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout};
use tracing::debug;
use tungstenite::{Error, Message};
use visavis_protocol::{ServerMessage, to_text};

use crate::access::{Access, Identity};
use crate::conversation::{Complaint, Conversation};
use crate::hub::{HubHandle, Inbox};
use crate::ice::Ice;
use crate::limits::{Admission, Identities, Pace};
use crate::metrics::Metrics;
use crate::sessions::ConnectionId;
use crate::{LimitsConfig, Timing};
use alarm::Alarm;
use ending::{Ending, read_failure};
pub use fuzz::fuzz_socket;
use socket::Socket;
pub(crate) use upgrade::Upgrade;

/// What is said without a pause goes out together, until it is so much.
const UNSENT_BYTES: usize = 4096;

/// What the connections of a server have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hub: HubHandle,
    pub(crate) timing: Timing,
    pub(crate) limits: LimitsConfig,
    pub(crate) access: Access,
    pub(crate) identities: Identities,
    pub(crate) ice: Ice,
    /// Whether clients are asked how media gets through.
    pub(crate) path_reports: bool,
    pub(crate) metrics: Arc<Metrics>,
}

/// Lets a client's connection begin, which gives back the place that it was let in to when it ends.
pub(crate) async fn begin(upgrade: Upgrade, shared: Arc<Shared>, admission: Admission) {
    let Some(socket) = upgrade.socket().await else { return };
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
    socket: Socket,
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

impl Connection {
    async fn run(&mut self) -> Ending {
        match self.converse().await {
            Ok(never) => match never {},
            Err(ending) => ending,
        }
    }

    async fn converse(&mut self) -> Result<Infallible, Ending> {
        let mut alarm = Alarm::new(self.next_alarm());
        loop {
            tokio::select! {
                // What is cheap to ask comes first. Whoever is said more to than it reads is dismissed, so nothing waits for ever.
                biased;
                message = self.inbox.next() => self.pass_on(message?).await?,
                frame = self.socket.next(), if self.unheard_until.is_none() => match frame {
                    Some(Ok(frame)) => if let Some(rest) = self.on_frame(frame)? {
                        Box::pin(self.go_on(rest)).await?;
                    },
                    Some(Err(error)) => return Err(read_failure(error)),
                    None => return Err(Ending::Gone),
                },
                () = alarm.rings() => Box::pin(self.on_alarm()).await?,
            }
            alarm.set(self.next_alarm());
        }
    }

    fn next_alarm(&self) -> Instant {
        self.unheard_until.map_or(self.deadline, |until| until.min(self.deadline))
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
        let mut next = Some(message);
        while let Some(message) = next.take() {
            if message.is_counted() {
                self.said = self.said.wrapping_add(1);
            }
            self.socket.write(Message::text(to_text(&*message))).map_err(|_| Ending::Gone)?;
            if self.socket.unsent() >= UNSENT_BYTES {
                Box::pin(self.flush()).await?;
            }
            next = self.inbox.take();
        }
        // Nearly always it all goes at once, and nothing has to be set up to wait for that.
        match self.socket.flush().now_or_never() {
            Some(written) => written.map_err(|_| Ending::Gone),
            None => Box::pin(self.flush()).await,
        }
    }

    async fn flush(&mut self) -> Result<(), Ending> {
        let Self { socket, inbox, shared, .. } = self;
        written_in_time(socket.flush(), shared.timing.silence, inbox).await
    }

    async fn say(&mut self, message: &ServerMessage) -> Result<(), Ending> {
        self.write(Message::text(to_text(message))).await
    }

    async fn write(&mut self, frame: Message) -> Result<(), Ending> {
        let Self { socket, inbox, shared, .. } = self;
        written_in_time(socket.send(frame), shared.timing.silence, inbox).await
    }
}

impl From<Complaint> for ServerMessage {
    fn from(complaint: Complaint) -> Self {
        let retry_after_ms =
            complaint.retry_after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX));
        Self::Error { code: complaint.code, message: complaint.text, retry_after_ms }
    }
}

/// Gives up when the client does not take what is written for as long as `patience`, or the hub wants the connection to end.
async fn written_in_time(
    written: impl Future<Output = Result<(), Error>>,
    patience: Duration,
    inbox: &mut Inbox,
) -> Result<(), Ending> {
    tokio::select! {
        result = timeout(patience, written) => match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ending::Gone),
        },
        dismissal = inbox.dismissed() => Err(dismissal.into()),
    }
}
