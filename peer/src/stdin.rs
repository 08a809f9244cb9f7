//! Standard input, for whoever drives this peer.

use std::io;
use std::thread;

use anyhow::Context;
use tokio::sync::mpsc;
use visavis_engine::api::Command;

/// The lines of standard input, read on a thread of its own: they may never come.
pub(crate) fn lines() -> io::Result<mpsc::Receiver<String>> {
    let (sender, receiver) = mpsc::channel(1);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// A command for the engine in each line, as JSON.
pub(crate) struct Commands(mpsc::Receiver<String>);

impl Commands {
    pub(crate) fn read() -> io::Result<Self> {
        lines().map(Self)
    }

    /// The next one; never comes back once standard input has ended. Fails if a line is none.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Command> {
        match self.0.recv().await {
            Some(line) => serde_json::from_str(&line).context("a line of standard input is no command"),
            None => std::future::pending().await,
        }
    }
}
