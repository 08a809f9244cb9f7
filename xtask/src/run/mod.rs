//! `cargo xtask run`: a server and a call in it, from nothing.

mod children;

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use children::Children;

use crate::binaries::{self, Binary, Profile};
use crate::system::{self, Purpose};
use crate::ui;

/// How often the children are looked at.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install what is missing without asking
    #[arg(long, short)]
    yes: bool,

    /// The room to call in
    #[arg(long, default_value = "hello", value_parser = room)]
    room: String,

    /// Where the server listens, on this machine only; another port is taken if this one is busy
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// End by itself after this many seconds
    #[arg(long = "for", hide = true, value_name = "SECONDS")]
    seconds: Option<u64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    system::ensure(Purpose::Run, args.yes)?;
    let has_display = system::has_display();
    let caller = if has_display { Binary::App } else { Binary::Peer };
    ui::build()?;
    binaries::build(&[Binary::Server, caller], Profile::Dev)?;

    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nobody receives any more when everything is ending already.
        let _ = stop.send(());
    })
    .context("cannot listen for Ctrl-C")?;
    let mut children = Children::default();
    let address = start_server(&mut children, args.port)?;
    let link = format!("http://{address}/r/{}", args.room);
    start_caller(&mut children, caller, &link)?;

    if has_display {
        println!("\nThe desktop app is in the call. For the other side, open this in a browser:\n");
    } else {
        println!(
            "\nA call is running: there is no display for the desktop app, so a test picture and a tone are in it."
        );
        println!("Open this in a browser:\n");
    }
    println!("    {link}\n");
    println!("Ctrl-C ends it.");

    let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let ended = wait(&mut children, &stopped, end)?;
    children.end();
    match ended {
        Some((name, status)) if !status.success() => bail!("{name} ended by itself: {status}"),
        Some(_) | None => Ok(()),
    }
}

/// Starts the server and waits until it listens. Returns where.
fn start_server(children: &mut Children, port: u16) -> anyhow::Result<SocketAddr> {
    let port = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => port,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            println!("Port {port} is busy: taking another.");
            0
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on port {port}")),
    };
    let mut server = Command::new(binaries::path(Binary::Server, Profile::Dev)?);
    server.args(["--listen", &format!("127.0.0.1:{port}")]).stdout(Stdio::piped());
    if std::env::var_os("VISAVIS_LOG").is_none() {
        server.env("VISAVIS_LOG", "warn");
    }
    let stdout = children.start(Binary::Server.name(), &mut server)?.stdout.take();
    let mut lines = BufReader::new(stdout.context("the server has no output")?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let address = listening_address(&first).context("the server did not say where it listens")?;
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            println!("{line}");
        }
    });
    Ok(address)
}

/// Starts who is in the call first: a person at the desktop app, or the headless peer with a test picture.
fn start_caller(children: &mut Children, caller: Binary, link: &str) -> anyhow::Result<()> {
    let mut command = Command::new(binaries::path(caller, Profile::Dev)?);
    command.arg(link);
    if caller == Binary::App {
        command.args(["--join", "--name", "Visavis"]);
    }
    if caller == Binary::Peer {
        command.args([
            "--camera",
            "pattern",
            "--microphone",
            "tone",
            "--speaker",
            "none",
            "--name",
            "Test picture",
        ]);
        // Events, for programs.
        command.stdout(Stdio::null());
    }
    children.start(caller.name(), &mut command)?;
    Ok(())
}

/// Waits for Ctrl-C, the end of the time, or a child that ends by itself; returns which one did.
fn wait(
    children: &mut Children,
    stopped: &mpsc::Receiver<()>,
    end: Option<Instant>,
) -> anyhow::Result<Option<(&'static str, ExitStatus)>> {
    loop {
        match stopped.recv_timeout(LOOK) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(ended) = children.ended()? {
            return Ok(Some(ended));
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return Ok(None);
        }
    }
}

/// The address in the server's first line of output, `listening on http://127.0.0.1:8080`.
fn listening_address(line: &str) -> Option<SocketAddr> {
    line.trim().strip_prefix("listening on http://")?.parse().ok()
}

/// Room names that need no escaping in a link; the server takes more.
fn room(name: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) {
        Ok(name.to_owned())
    } else {
        Err("1 to 64 letters, digits, - and _")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_first_line() {
        let address = "127.0.0.1:8080".parse().ok();
        assert_eq!(listening_address("listening on http://127.0.0.1:8080\n"), address);
        assert_eq!(listening_address("error: no"), None);
        assert_eq!(listening_address(""), None);
    }

    #[test]
    fn rooms_fit_into_a_link() {
        assert_eq!(room("Monday_9-30").as_deref(), Ok("Monday_9-30"));
        for name in ["", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(room(name).is_err(), "{name:?}");
        }
    }
}
