//! `signaling-load --url ws://ADDRESS:PORT/ws --server PID`: what a signaling server takes for clients that are connected and
//! idle, that meet strangers, and that set up calls. Prints one line of JSON. Of a server with several nodes, all are named.
//!
//! Arrivals are open-loop: they come by a schedule, whatever the server does, and every latency counts from the time in the
//! schedule, so that a server that falls behind cannot slow down its own measurement (coordinated omission). One process, one
//! thread; the processor time that it took itself is in the result.

#[cfg(target_os = "linux")]
mod chatter;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod matching;
#[cfg(target_os = "linux")]
mod schedule;
#[cfg(target_os = "linux")]
mod swarm;
#[cfg(target_os = "linux")]
mod usage;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("what a process takes is read from /proc, which is a thing of Linux")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Write as _;
    use std::time::Duration;

    use clap::Parser as _;
    use serde::Serialize;

    use crate::chatter::{self, Chatter};
    use crate::idle::{self, Idle};
    use crate::load::Pace;
    use crate::matching::{self, Matching};
    use crate::swarm::Swarm;
    use crate::usage::Processes;

    #[derive(Debug, clap::Parser)]
    struct Args {
        /// Where the server takes WebSockets: ws://ADDRESS:PORT/ws; of several, clients take turns
        #[arg(long, required = true)]
        url: Vec<String>,
        /// The server's process, or its processes
        #[arg(long, value_name = "PID", required = true)]
        server: Vec<u32>,
        /// Clients that are connected
        #[arg(long, default_value_t = 5000)]
        clients: usize,
        /// Arrivals in a second of clients that seek a stranger
        #[arg(long, default_value_t = 2000)]
        joins_per_s: u32,
        /// Messages in a second between clients that have met
        #[arg(long, default_value_t = 6000)]
        messages_per_s: u32,
        /// How long each load is measured, in seconds
        #[arg(long, default_value_t = 15)]
        seconds: u64,
        /// How long each load goes on before that
        #[arg(long, default_value_t = 3)]
        warm_up: u64,
    }

    #[derive(Debug, Serialize)]
    struct Report {
        idle: Idle,
        matching: Matching,
        chatter: Chatter,
    }

    pub(crate) fn main() -> anyhow::Result<()> {
        let args = Args::parse();
        let server = Processes::of(args.server);
        let mut swarm = Swarm::new(&args.url)?;
        let [warm_up, measured] = [args.warm_up, args.seconds].map(Duration::from_secs);
        let idle = idle::measure(&mut swarm, &server, args.clients)?;
        let pace = |per_s| Pace { per_s, warm_up, measured };
        let matching = matching::measure(&mut swarm, &server, pace(args.joins_per_s))?;
        let chatter = chatter::measure(&mut swarm, &server, pace(args.messages_per_s))?;
        let report = Report { idle, matching, chatter };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
        Ok(())
    }
}
