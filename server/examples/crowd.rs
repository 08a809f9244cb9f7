//! `crowd`: what it costs that two strangers meet, in nanoseconds, by how many wait. Prints a line of JSON.

use std::io::Write as _;
use std::time::Instant;

use visavis_server::Crowd;

const WAITING: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const ROUNDS: u32 = 100_000;

fn main() -> anyhow::Result<()> {
    let costs: Vec<String> = WAITING
        .into_iter()
        .map(|waiting| {
            let mut crowd = Crowd::of(waiting);
            let began = Instant::now();
            let met = (0..ROUNDS).filter(|_| crowd.pair()).count();
            let each = began.elapsed() / ROUNDS;
            anyhow::ensure!(met == usize::try_from(ROUNDS)?, "only {met} pairs have met");
            Ok(format!(r#""{waiting}":{}"#, each.as_nanos()))
        })
        .collect::<anyhow::Result<_>>()?;
    writeln!(std::io::stdout(), "{{{}}}", costs.join(","))?;
    Ok(())
}
