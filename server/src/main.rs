//! `visavis-server`: reads the options, runs the server until it is told to stop.

use std::io::{self, Write as _};
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};
use visavis_server::{Args, Config, Notice, Ports, Server, Supervisor, Task, Telemetry};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let config = args.load()?;
    runtime(config.threads.get()).context("cannot start its threads")?.block_on(run(&args, config))
}

/// One thread serves the sockets by itself: nobody has to be woken to pass a message on.
fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

async fn run(args: &Args, config: Config) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    if args.print_config {
        write!(stdout, "{}", config.to_toml()?)?;
        return Ok(());
    }
    match &args.task {
        Some(Task::Token(options)) => {
            let token = visavis_server::issue(&config.access, options.order(), SystemTime::now())?;
            writeln!(stdout, "{token}")?;
            return Ok(());
        }
        Some(Task::Health(options)) => {
            visavis_server::check_health(&config, options.question()).await?;
            writeln!(stdout, "ok")?;
            return Ok(());
        }
        Some(Task::GenerateKeys) => {
            write!(stdout, "{}", visavis_server::generate_keys())?;
            return Ok(());
        }
        Some(Task::Ports) => {
            write!(stdout, "{}", Ports::of(&config)?)?;
            return Ok(());
        }
        None => {}
    }
    let telemetry = Telemetry::begin(&config.log, config.log_format)?;
    let served = serve(config, &mut stdout).await;
    telemetry.flush().await;
    served
}

async fn serve(config: Config, stdout: &mut impl io::Write) -> anyhow::Result<()> {
    let supervisor = Supervisor::from_environment();

    let [stop, hurry] = [told_to_stop(1), told_to_stop(2)];
    let (stop, hurry) =
        (stop.context("cannot listen for signals")?, hurry.context("cannot listen for signals")?);
    raise_file_limit();
    let server = Server::bind(config).await?;
    for address in server.local_addrs() {
        writeln!(stdout, "listening on {}://{address}", server.scheme())?;
    }
    stdout.flush()?;
    supervisor.tell(Notice::Ready);
    let stop = async {
        stop.await;
        supervisor.tell(Notice::Stopping);
    };
    server.run(stop, hurry).await?;
    Ok(())
}

/// Takes as many file descriptors as the system allows: each socket is one, and what shells start with is meant for programs that
/// ask with `select`.
#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(not(unix))]
fn raise_file_limit() {}

/// Resolves when the operator, or the system, has said so many times that the server is to end.
#[cfg(unix)]
fn told_to_stop(times: u32) -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        for _ in 0..times {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
    })
}

/// Resolves when the operator has said so many times that the server is to end.
#[cfg(not(unix))]
fn told_to_stop(times: u32) -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async move {
        for _ in 0..times {
            if let Err(error) = tokio::signal::ctrl_c().await {
                tracing::warn!(%error, "cannot listen for Ctrl-C");
                std::future::pending::<()>().await;
            }
        }
    })
}
