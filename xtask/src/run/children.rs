//! The processes that `run` started: it owns them, and none outlives it.

use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How long a process may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often an ending process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Running processes, in the order they were started.
#[derive(Debug, Default)]
pub(crate) struct Children {
    running: Vec<(&'static str, Child)>,
}

impl Children {
    pub(crate) fn start(&mut self, name: &'static str, command: &mut Command) -> anyhow::Result<&mut Child> {
        shield(command);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        self.running.push((name, child));
        let (_, child) = self.running.last_mut().context("it was just started")?;
        Ok(child)
    }

    /// A process that has ended, if there is one; it is no longer ours then.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<(&'static str, ExitStatus)>> {
        for index in 0..self.running.len() {
            let (name, child) = &mut self.running[index];
            if let Some(status) = child.try_wait().with_context(|| format!("cannot look at {name}"))? {
                let (name, _) = self.running.remove(index);
                return Ok(Some((name, status)));
            }
        }
        Ok(None)
    }

    /// Ends every process, the last one started first. Whoever does not end when asked is killed.
    pub(crate) fn end(&mut self) {
        while let Some((name, mut child)) = self.running.pop() {
            if !ends_when_asked(&mut child) {
                eprintln!("{name} does not end: killing it");
                let killed = child.kill().and_then(|()| child.wait());
                if let Err(error) = killed {
                    eprintln!("cannot end {name}: {error}");
                }
            }
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.end();
    }
}

/// Keeps the terminal's Ctrl-C from the process: it is ended in turn, not all at once.
fn shield(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn ends_when_asked(child: &mut Child) -> bool {
    if !ask_to_end(child) {
        return false;
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) => thread::sleep(LOOK),
            Err(_) => return false,
        }
    }
    false
}

#[cfg(unix)]
fn ask_to_end(child: &Child) -> bool {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    i32::try_from(child.id()).is_ok_and(|id| kill(Pid::from_raw(id), Signal::SIGTERM).is_ok())
}

/// Windows knows no way to ask.
#[cfg(not(unix))]
fn ask_to_end(_child: &Child) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        command
    }

    /// Until the script has printed its first line: its traps are set then.
    fn wait_for_line(child: &mut Child) -> String {
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("read the child's output");
        line
    }

    #[test]
    fn what_ends_by_itself_is_told_with_its_status() {
        let mut children = Children::default();
        let child = children.start("it", &mut shell("echo ready; exit 3")).expect("start");
        wait_for_line(child);
        child.wait().expect("it ends");
        let (name, status) = children.ended().expect("look").expect("it has ended");
        assert_eq!((name, status.code()), ("it", Some(3)));
        assert!(children.ended().expect("look").is_none(), "it is told once");
    }

    #[test]
    fn they_are_asked_to_end() {
        let mut children = Children::default();
        let mut script = shell("trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.02; done");
        let child = children.start("it", &mut script).expect("start");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        assert_eq!(stdout.next().expect("a line").expect("text"), "ready");
        children.end();
        assert_eq!(stdout.next().expect("a line").expect("text"), "asked");
        assert!(children.running.is_empty());
    }

    #[test]
    fn none_outlives_its_owner() {
        let mut children = Children::default();
        let child = children.start("it", &mut shell("echo $$; exec sleep 1000")).expect("start");
        let id: i32 = wait_for_line(child).trim().parse().expect("a process id");
        drop(children);
        let signal_zero = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), None);
        assert_eq!(signal_zero, Err(nix::errno::Errno::ESRCH), "it is gone");
    }
}
