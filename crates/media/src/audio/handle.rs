//! The handle of a worker thread.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tracing::error;

/// Far more than anybody says before a worker, which never waits for long, has heard of it.
const QUEUED_COMMANDS: usize = 256;

/// Brings commands to a thread of its own, which ends, and is waited for, when this is dropped.
pub(super) struct Handle<C> {
    /// Taken by `drop` only.
    commands: Option<SyncSender<C>>,
    worker: Option<JoinHandle<()>>,
}

impl<C: Send + 'static> Handle<C> {
    /// Runs a worker until there is nobody to give it commands. Fails only if the system has no thread to give.
    pub(super) fn spawn(name: &str, run: impl FnOnce(&Receiver<C>) + Send + 'static) -> io::Result<Self> {
        let (commands, inbox) = sync_channel(QUEUED_COMMANDS);
        let worker = thread::Builder::new().name(name.to_owned()).spawn(move || run(&inbox))?;
        Ok(Self { commands: Some(commands), worker: Some(worker) })
    }

    /// The worker ends only with this handle, so a command arrives, unless the worker is stuck.
    pub(super) fn send(&self, command: C) {
        if let Some(commands) = &self.commands
            && let Err(TrySendError::Full(_)) = commands.try_send(command)
        {
            error!("a thread for sound does not keep up with commands");
        }
    }
}

/// The next command; or [`Timeout`](RecvTimeoutError::Timeout) when there is none until then. Without a time it is waited for.
pub(super) fn next_command<C>(inbox: &Receiver<C>, until: Option<Instant>) -> Result<C, RecvTimeoutError> {
    match until {
        None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(until) => inbox.recv_timeout(until.saturating_duration_since(Instant::now())),
    }
}

impl<C> Drop for Handle<C> {
    fn drop(&mut self) {
        self.commands = None;
        // What the worker tells may be what drops its handle.
        if let Some(worker) = self.worker.take()
            && worker.thread().id() != thread::current().id()
        {
            let _ = worker.join();
        }
    }
}
