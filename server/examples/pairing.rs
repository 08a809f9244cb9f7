//! How many strangers several nodes bring together in a second: `pairing REDIS NODES WAITING SECONDS`, for `bench/pairing.mjs`. It
//! says when those wait who suit nobody, and then the figure.

use std::env;
use std::io::{Write as _, stdout};

use anyhow::{Context as _, bail};
use visavis_server::{Load, measure_pairing};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [redis, nodes, waiting, seconds] = &words[..] else {
        bail!("REDIS NODES WAITING SECONDS are wanted")
    };
    let load = Load {
        redis: redis.parse().context("REDIS is a URL")?,
        nodes: nodes.parse().context("NODES is a number")?,
        waiting: waiting.parse().context("WAITING is a number")?,
        seconds: seconds.parse().context("SECONDS is a number")?,
    };
    say(&format!("{:.0}", measure_pairing(&load, || say("all wait"))?));
    Ok(())
}

/// Who does not listen is not waited for.
fn say(line: &str) {
    writeln!(stdout(), "{line}").ok();
}
