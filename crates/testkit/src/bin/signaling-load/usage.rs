use std::fs;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;

/// The unit of processor times in /proc.
const TICKS_PER_S: f64 = 100.0;

/// Processes that are looked at together.
#[derive(Debug, Clone)]
pub(crate) struct Processes(Vec<u32>);

impl Processes {
    pub(crate) fn of(pids: Vec<u32>) -> Self {
        Self(pids)
    }

    fn own() -> Self {
        Self(vec![std::process::id()])
    }

    /// Processor time of all their threads so far, in seconds.
    fn processor_s(&self) -> anyhow::Result<f64> {
        self.0.iter().map(|pid| processor_s(*pid)).sum()
    }

    /// Resident memory in bytes. What the kernel keeps for their sockets is not in it.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        self.0.iter().map(|pid| resident(*pid)).sum()
    }
}

/// Fields 14 and 15 of /proc/PID/stat (proc(5)).
fn processor_s(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("/proc has a stat without a name")?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(times.sum::<Result<f64, _>>()? / TICKS_PER_S)
}

fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kilobytes.context("/proc has no VmRSS")?.trim().parse::<u64>()? * 1024)
}

/// Processor time of the server and of this process, from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Meter {
    server: Processes,
    began: Instant,
    server_s: f64,
    own_s: f64,
}

/// What a load took.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Used {
    seconds: f64,
    /// Processor time, in seconds.
    server_s: f64,
    own_s: f64,
}

impl Meter {
    pub(crate) fn start(server: &Processes) -> anyhow::Result<Self> {
        let (server_s, own_s) = (server.processor_s()?, Processes::own().processor_s()?);
        Ok(Self { server: server.clone(), began: Instant::now(), server_s, own_s })
    }

    pub(crate) fn stop(self) -> anyhow::Result<Used> {
        Ok(Used {
            seconds: self.began.elapsed().as_secs_f64(),
            server_s: self.server.processor_s()? - self.server_s,
            own_s: Processes::own().processor_s()? - self.own_s,
        })
    }
}
