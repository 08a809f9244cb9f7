//! `crowd`: what it costs that two strangers meet, in nanoseconds, by how many wait. Prints a line of JSON.

use std::io::Write as _;
use std::time::{Duration, Instant};

use visavis_server::Crowd;

const WAITING: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Of each crowd, one after the other, so often: what else the machine does slows all of them down alike.
const ROUNDS: u32 = 100;
const PAIRS: u32 = 1000;

fn main() -> anyhow::Result<()> {
    let mut crowds = WAITING.map(|waiting| (Crowd::of(waiting), Duration::ZERO));
    for _ in 0..ROUNDS {
        for (crowd, took) in &mut crowds {
            let began = Instant::now();
            let met = (0..PAIRS).filter(|_| crowd.pair()).count();
            *took += began.elapsed();
            anyhow::ensure!(met == usize::try_from(PAIRS)?, "only {met} of {PAIRS} pairs have met");
        }
    }
    let costs = crowds.map(|(crowd, took)| {
        let each = took / (ROUNDS * PAIRS);
        format!(r#""{}":{}"#, crowd.len(), each.as_nanos())
    });
    writeln!(std::io::stdout(), "{{{}}}", costs.join(","))?;
    Ok(())
}
