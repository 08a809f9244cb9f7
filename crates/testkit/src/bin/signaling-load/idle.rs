use std::time::{Duration, Instant};

use anyhow::bail;
use serde::Serialize;

use crate::swarm::Swarm;
use crate::usage::Processes;

/// Clients that connect first, so that what a server sets up once is not taken for theirs.
const FIRST: usize = 200;
/// For a server to put away what the connecting took.
const SETTLING: Duration = Duration::from_secs(5);

/// What clients cost that are connected, welcomed and silent.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    sockets: usize,
    bytes_per_socket: f64,
}

/// Connects until there are `count` clients.
pub(crate) fn measure(swarm: &mut Swarm, server: &Processes, count: usize) -> anyhow::Result<Idle> {
    let Some(sockets) = count.checked_sub(FIRST).filter(|sockets| *sockets > 0) else {
        bail!("--clients has to be more than {FIRST}");
    };
    swarm.connect(FIRST)?;
    settle(swarm)?;
    let before = server.resident()?;
    swarm.connect(sockets)?;
    settle(swarm)?;
    let more = server.resident()?.saturating_sub(before);
    Ok(Idle { sockets, bytes_per_socket: more as f64 / sockets as f64 })
}

fn settle(swarm: &mut Swarm) -> anyhow::Result<()> {
    let until = Instant::now() + SETTLING;
    while Instant::now() < until {
        swarm.wait(until, |_, _| {})?;
    }
    Ok(())
}
