//! The task that owns one WebSocket: reads, writes, keeps it alive and ends it.

mod alarm;
mod ending;
mod fuzz;
mod hearing;
mod hello;
mod keep_alive;
mod socket;
mod upgrade;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

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
use hearing::RestOfFrame;
use keep_alive::KeepAlive;
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
    let now = Instant::now();
    let deadline = now + shared.timing.hello;
    tokio::spawn(serve(Box::new(Connection {
        id,
        socket,
        inbox,
        admission,
        conversation: Conversation::new(),
        place: None,
        keep_alive: KeepAlive::default(),
        pace: Pace::new(shared.limits.messages_per_s, shared.limits.messages_burst),
        unheard_until: None,
        told_to_wait: None,
        deadline,
        last_heard: now,
        alarm: Alarm::new(deadline),
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

/// What a connection waits for, besides the next thing that happens.
enum Rest {
    /// The client does not take what is said.
    Unsent,
    /// It is time for something.
    Rung,
    OfFrame(RestOfFrame),
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
    keep_alive: KeepAlive,
    /// Of what the client says.
    pace: Pace,
    /// A client that says too much is not read until then.
    unheard_until: Option<Instant>,
    /// When it was last told so.
    told_to_wait: Option<Instant>,
    /// When the client has to have said hello; once it has, when to see whether to ping it.
    deadline: Instant,
    last_heard: Instant,
    /// Set for the first of those times.
    alarm: Alarm,
    shared: Arc<Shared>,
}

impl Connection {
    async fn run(&mut self) -> Ending {
        loop {
            let rest = match poll_fn(|context| self.poll(context)).await {
                Ok(rest) => Box::pin(self.go_on(rest)).await,
                Err(ending) => Err(ending),
            };
            if let Err(ending) = rest {
                return ending;
            }
        }
    }

    /// Does all that can be done at once, which is nearly always everything, and comes back with what has to be waited for.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Rest, Ending>> {
        loop {
            // What is cheap to ask comes first. Whoever is said more to than it reads is dismissed, so nothing waits for ever.
            let said = self.inbox.poll_next(context)?.map(|message| self.pass_on(&message))?;
            if said.is_ready() && self.socket.unsent() < UNSENT_BYTES {
                continue;
            }
            match self.socket.poll_flush(context) {
                Poll::Ready(written) => written.map_err(|_| Ending::Gone)?,
                Poll::Pending => return Poll::Ready(Ok(Rest::Unsent)),
            }
            if said.is_ready() {
                continue;
            }
            if self.unheard_until.is_none()
                && let Poll::Ready(frame) = self.socket.poll_next(context)
            {
                match self.on_frame(frame.ok_or(Ending::Gone)?.map_err(read_failure)?)? {
                    Some(rest) => return Poll::Ready(Ok(Rest::OfFrame(rest))),
                    None => continue,
                }
            }
            self.alarm.set(self.unheard_until.map_or(self.deadline, |until| until.min(self.deadline)));
            return self.alarm.poll_rings(context).map(|()| Ok(Rest::Rung));
        }
    }

    /// Does what has to be waited for.
    async fn go_on(&mut self, rest: Rest) -> Result<(), Ending> {
        match rest {
            Rest::Unsent => self.flush().await,
            Rest::Rung => self.on_alarm().await,
            Rest::OfFrame(rest) => self.hear_on(rest).await,
        }
    }

    async fn on_alarm(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        self.unheard_until = self.unheard_until.filter(|until| *until > now);
        if self.deadline > now {
            return Ok(());
        }
        if let Some(complaint) = self.conversation.handle_hello_timeout() {
            return Err(Ending::Told(complaint));
        }
        if self.last_heard.elapsed() >= self.shared.timing.silence {
            return Err(Ending::Gone);
        }
        if !self.keep_alive.wants_ping() {
            self.deadline = self.last_heard + self.shared.timing.ping;
            return Ok(());
        }
        self.deadline = now + self.shared.timing.ping;
        self.write(Message::Ping(Default::default())).await
    }

    /// Puts a message of the session behind what is to be sent.
    fn pass_on(&mut self, message: &ServerMessage) -> Result<(), Ending> {
        if message.is_counted() {
            self.keep_alive.say();
        }
        self.socket.write(Message::text(to_text(message))).map_err(|_| Ending::Gone)
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
