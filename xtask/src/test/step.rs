//! One command of a test run: its output is shown as it comes, kept in a file, and counted.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::tally::{Runner, Tally};
use crate::process;

/// How many lines may wait to be shown and written.
const WAITING_LINES: usize = 1024;

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) runner: Runner,
    pub(crate) command: Command,
}

/// How a step went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) elapsed: Duration,
    pub(crate) tally: Tally,
}

impl Step {
    /// Runs to the end; a failing command is an outcome, not an error.
    pub(crate) fn run(mut self, log: &Path) -> anyhow::Result<Outcome> {
        println!("\n== {}: {}", self.name, process::words(&self.command));
        let mut log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let start = Instant::now();
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let (lines, shown) = mpsc::sync_channel(WAITING_LINES);
        let stdout = child.stdout.take().context("it is piped")?;
        let stderr = child.stderr.take().context("it is piped")?;
        forward(stdout, lines.clone());
        forward(stderr, lines);
        let mut tally = Tally::default();
        for line in shown {
            println!("{line}");
            writeln!(log, "{line}").context("cannot write the log")?;
            tally.count(self.runner, &line);
        }
        let status = child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(Outcome { status, elapsed: start.elapsed(), tally })
    }
}

/// Sends what comes out, line by line, until the end.
fn forward(output: impl Read + Send + 'static, lines: SyncSender<String>) {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        // Tests may print what is not text.
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if lines.send(text).is_err() {
                return;
            }
        }
    });
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_and_counted_and_failure_is_an_outcome() {
        let log = std::env::temp_dir().join(format!("visavis-xtask-step-{}.log", std::process::id()));
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo 'test result: ok. 2 passed; 1 failed; 0 ignored'; printf 'a\\377b' >&2; exit 7",
        ]);
        let outcome = Step { name: "it", runner: Runner::Cargo, command }.run(&log).expect("sh starts");
        assert_eq!(outcome.status.code(), Some(7));
        assert_eq!(outcome.tally, Tally { passed: 2, failed: 1, skipped: 0 });
        let kept = std::fs::read_to_string(&log).expect("the log is there");
        std::fs::remove_file(&log).expect("remove the log");
        assert!(kept.contains("2 passed") && kept.contains("a\u{fffd}b"), "{kept:?}");
    }
}
