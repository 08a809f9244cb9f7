//! The actor that owns the database. Whoever asks it waits for itself alone, and the hub not at all.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::{Instrument as _, Span, debug};
use visavis_protocol::{ParticipantId, ServerMessage};

use super::ban::Ban;
use super::bans::Bans;
use super::clerk::{ArchiveError, Clerk, Verdict};
use super::records::{AuditLine, Forgotten, NewBan, NewReport, Page, Part, Report};
use super::store::{OpenError, Store};
use super::{Moment, Refusal};
use crate::config::{DatabaseUrl, ModerationConfig};
use crate::hub::WeakHubHandle;
use crate::metrics::{Metrics, gauged};
use crate::sessions::SessionId;
use crate::telemetry::spans;

/// Commands that may wait for the database.
const COMMANDS_QUEUED: usize = 256;

/// How often it looks for what other servers changed, and for what is to be deleted.
const BETWEEN_LOOKS: Duration = Duration::from_secs(10);

/// The actor's state.
#[derive(Debug)]
pub(crate) struct Archive {
    clerk: Clerk,
    commands: mpsc::Receiver<Order>,
    hub: WeakHubHandle,
    metrics: Arc<Metrics>,
    /// Blocks that were made before are known.
    looked_at: Moment,
}

/// What the hub is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// What became of what a session asked for.
    Answer { to: SessionId, message: ServerMessage },
    /// All the bans that hold.
    Bans(Bans),
    /// Pairs that do not want to meet, besides those that are known.
    Blocks(Vec<(String, String)>),
    /// An identity of which nothing is to be known any more.
    Forget(String),
}

type Reply<T> = oneshot::Sender<Result<T, ArchiveError>>;

/// What it is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    File { from: SessionId, report: Box<NewReport> },
    Block { from: SessionId, participant: ParticipantId, blocker: String, blocked: String },
    Reports { open: bool, part: Part, reply: Reply<Page<Report>> },
    Resolve { moderator: String, id: String, verdict: Verdict, note: String, reply: Reply<Report> },
    Bans { part: Part, reply: Reply<Page<Ban>> },
    Ban { moderator: String, ban: Box<NewBan>, reply: Reply<Ban> },
    Lift { moderator: String, id: String, reply: Reply<()> },
    Audit { part: Part, reply: Reply<Page<AuditLine>> },
    Forget { moderator: String, identity: String, reply: Reply<Forgotten> },
    Close,
}

/// A command on its way, in the trace of who gave it.
#[derive(Debug)]
pub(crate) struct Order {
    command: Command,
    span: Span,
}

impl From<Command> for Order {
    fn from(command: Command) -> Self {
        let span = spans::database(command.name());
        Self { command, span }
    }
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Block { .. } => "block",
            Self::Reports { .. } => "reports",
            Self::Resolve { .. } => "resolve",
            Self::Bans { .. } => "bans",
            Self::Ban { .. } => "ban",
            Self::Lift { .. } => "lift",
            Self::Audit { .. } => "audit",
            Self::Forget { .. } => "forget",
            Self::Close => "close",
        }
    }
}

/// How everybody else talks to the archive.
#[derive(Debug, Clone)]
pub(crate) struct ArchiveHandle {
    commands: mpsc::Sender<Order>,
}

impl Archive {
    /// Opens the database, for what comes over a handle, and tells `hub` what holds.
    pub(crate) async fn open(
        url: &DatabaseUrl,
        config: &ModerationConfig,
        commands: mpsc::Receiver<Order>,
        hub: WeakHubHandle,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let store = Store::open(url).await?;
        let clerk = Clerk::new(store, config.keep_days, config.open_reports, rand::make_rng());
        let mut archive = Self { clerk, commands, hub, metrics, looked_at: Moment::from_ms(0) };
        archive.tell_what_holds(Moment::from(SystemTime::now())).await.map_err(OpenError::Read)?;
        Ok(archive)
    }

    /// Serves until it is closed.
    pub(crate) async fn run(mut self) {
        let mut looks = interval_at(Instant::now() + BETWEEN_LOOKS, BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.gauge().await;
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Order { command: Command::Close, .. }) | None => break,
                    Some(Order { command, span }) => {
                        self.on_command(Moment::from(SystemTime::now()), command).instrument(span).await;
                    }
                },
                _ = looks.tick() => self.on_look(Moment::from(SystemTime::now())).await,
            }
            self.gauge().await;
        }
        self.clerk.store.close().await;
    }

    async fn on_command(&mut self, now: Moment, command: Command) {
        // Who asked may have gone.
        match command {
            Command::File { from, report } => self.on_file(now, from, &report).await,
            Command::Block { from, participant, blocker, blocked } => {
                self.on_block(now, from, participant, blocker, blocked).await;
            }
            Command::Reports { open, part, reply } => {
                reply.send(self.clerk.store.reports(open, &part).await.map_err(Into::into)).ok();
            }
            Command::Resolve { moderator, id, verdict, note, reply } => {
                let report = self.clerk.resolve(now, &moderator, &id, verdict, note).await;
                self.on_change(now).await;
                reply.send(report).ok();
            }
            Command::Bans { part, reply } => {
                reply.send(self.clerk.store.bans(now, &part).await.map_err(Into::into)).ok();
            }
            Command::Ban { moderator, ban, reply } => {
                let ban = self.clerk.ban(now, &moderator, *ban).await;
                self.on_change(now).await;
                reply.send(ban).ok();
            }
            Command::Lift { moderator, id, reply } => {
                let lifted = self.clerk.lift(now, &moderator, &id).await;
                self.on_change(now).await;
                reply.send(lifted).ok();
            }
            Command::Audit { part, reply } => {
                reply.send(self.clerk.store.audit(&part).await.map_err(Into::into)).ok();
            }
            Command::Forget { moderator, identity, reply } => {
                let forgotten = self.clerk.forget(now, &moderator, &identity).await;
                self.tell(Notice::Forget(identity)).await;
                self.on_change(now).await;
                reply.send(forgotten).ok();
            }
            Command::Close => {}
        }
    }

    async fn on_file(&mut self, now: Moment, from: SessionId, report: &NewReport) {
        let message = match self.clerk.file(now, report).await {
            Ok(report) => {
                self.metrics.reports.inc();
                ServerMessage::Reported { report }
            }
            Err(error) => refusal(error),
        };
        self.tell(Notice::Answer { to: from, message }).await;
    }

    async fn on_block(
        &mut self,
        now: Moment,
        from: SessionId,
        participant: ParticipantId,
        blocker: String,
        blocked: String,
    ) {
        let message = match self.clerk.store.insert_block(now, &blocker, &blocked).await {
            Ok(()) => {
                self.tell(Notice::Blocks(vec![(blocker, blocked)])).await;
                ServerMessage::Blocked { participant }
            }
            Err(error) => refusal(error.into()),
        };
        self.tell(Notice::Answer { to: from, message }).await;
    }

    /// Deletes what was kept for long enough, and tells of what other servers with the same database have changed.
    async fn on_look(&mut self, now: Moment) {
        // A failure is logged where it is seen, and the next look is soon.
        self.clerk.purge(now).await.ok();
        self.tell_what_holds(now).await.map_err(ArchiveError::from).ok();
    }

    async fn on_change(&mut self, now: Moment) {
        // The hub goes on with what it knows.
        self.tell_bans(now).await.map_err(ArchiveError::from).ok();
    }

    async fn tell_what_holds(&mut self, now: Moment) -> sqlx::Result<()> {
        self.tell_bans(now).await?;
        // What another server wrote may have taken a while.
        let blocks = self.clerk.store.blocks_since(self.looked_at.before(BETWEEN_LOOKS)).await?;
        self.looked_at = now;
        self.tell(Notice::Blocks(blocks)).await;
        Ok(())
    }

    async fn tell_bans(&self, now: Moment) -> sqlx::Result<()> {
        let bans = Bans::from_iter(self.clerk.store.bans_in_force(now).await?);
        self.metrics.bans.set(gauged(bans.len()));
        self.tell(Notice::Bans(bans)).await;
        Ok(())
    }

    async fn tell(&self, notice: Notice) {
        if self.hub.tell(notice).await.is_err() {
            debug!("there is no hub any more");
        }
    }

    async fn gauge(&self) {
        if let Ok(open) = self.clerk.store.count_open().await {
            self.metrics.reports_open.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
    }
}

/// What a client is told: it need not know why.
fn refusal(_: ArchiveError) -> ServerMessage {
    Refusal::Unavailable.into_message()
}

impl ArchiveHandle {
    /// A handle, and what comes over it and its clones.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Order>) {
        let (sender, commands) = mpsc::channel(COMMANDS_QUEUED);
        (Self { commands: sender }, commands)
    }

    /// Has a report kept, unless too much waits already; the session hears of it.
    pub(crate) fn file(&self, from: SessionId, report: NewReport) -> Result<(), Refusal> {
        self.send(Command::File { from, report: Box::new(report) }).map_err(|_| Refusal::Unavailable)
    }

    /// Has a block kept, unless too much waits already; the session hears of it.
    pub(crate) fn block(
        &self,
        from: SessionId,
        participant: ParticipantId,
        (blocker, blocked): (String, String),
    ) -> Result<(), Refusal> {
        let command = Command::Block { from, participant, blocker, blocked };
        self.send(command).map_err(|_| Refusal::Unavailable)
    }

    pub(super) async fn reports(&self, open: bool, part: Part) -> Result<Page<Report>, ArchiveError> {
        self.ask(|reply| Command::Reports { open, part, reply }).await
    }

    pub(super) async fn resolve(
        &self,
        moderator: String,
        id: String,
        verdict: Verdict,
        note: String,
    ) -> Result<Report, ArchiveError> {
        self.ask(|reply| Command::Resolve { moderator, id, verdict, note, reply }).await
    }

    pub(super) async fn bans(&self, part: Part) -> Result<Page<Ban>, ArchiveError> {
        self.ask(|reply| Command::Bans { part, reply }).await
    }

    pub(super) async fn ban(&self, moderator: String, ban: NewBan) -> Result<Ban, ArchiveError> {
        self.ask(|reply| Command::Ban { moderator, ban: Box::new(ban), reply }).await
    }

    pub(super) async fn lift(&self, moderator: String, id: String) -> Result<(), ArchiveError> {
        self.ask(|reply| Command::Lift { moderator, id, reply }).await
    }

    pub(super) async fn audit(&self, part: Part) -> Result<Page<AuditLine>, ArchiveError> {
        self.ask(|reply| Command::Audit { part, reply }).await
    }

    pub(super) async fn forget(
        &self,
        moderator: String,
        identity: String,
    ) -> Result<Forgotten, ArchiveError> {
        self.ask(|reply| Command::Forget { moderator, identity, reply }).await
    }

    /// Has the archive end when it has done what it was asked for.
    pub(crate) async fn close(&self) {
        // One that has ended already is closed.
        self.commands.send(Command::Close.into()).await.ok();
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, ArchiveError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply))?;
        answer.await.map_err(|_| ArchiveError::Unavailable)?
    }

    fn send(&self, command: Command) -> Result<(), ArchiveError> {
        self.commands.try_send(command.into()).map_err(|_| ArchiveError::Unavailable)
    }
}
