//! The handle of a worker thread.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

/// Brings commands to a thread of its own, which ends, and is waited for, when this is dropped.
pub(super) struct Handle<C> {
    /// Taken by `drop` only.
    commands: Option<Sender<C>>,
    worker: Option<JoinHandle<()>>,
}

impl<C: Send + 'static> Handle<C> {
    /// Runs a worker until there is nobody to give it commands. Fails only if the system has no thread to give.
    pub(super) fn spawn(name: &str, run: impl FnOnce(&Receiver<C>) + Send + 'static) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let worker = thread::Builder::new().name(name.to_owned()).spawn(move || run(&inbox))?;
        Ok(Self { commands: Some(commands), worker: Some(worker) })
    }

    /// The worker ends only with this handle, so a command always arrives.
    pub(super) fn send(&self, command: C) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
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
