//! `cargo xtask bench`: builds for release, then hands over to `bench/NAME.mjs`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::ensure;

use crate::binaries::{self, Binary, Profile};
use crate::system::{self, Purpose};
use crate::{process, python, ui, workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure: a file of bench/ without its ending, such as call
    name: String,

    /// Write the result here as well
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,

    /// Install what is missing without asking
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = workspace::root().join("bench");
    let script = folder.join(format!("{}.mjs", args.name));
    ensure!(script.is_file(), "there is no benchmark {}: {} does not exist", args.name, script.display());

    system::ensure(Purpose::Bench, args.yes)?;
    ui::build()?;
    ui::install("tests")?;
    for peer in peers(&args.name) {
        ui::install(&format!("bench/peers/{peer}"))?;
    }
    binaries::build(&Binary::ALL, Profile::Release)?;
    let mut node = Command::new("node");
    node.arg(script);
    let requirements = folder.join(format!("{}.requirements.txt", args.name));
    if requirements.is_file() {
        node.env("VISAVIS_BENCH_PYTHON", python::install("bench-python", &requirements)?);
    }
    if let Some(json) = &args.json {
        node.arg("--json").arg(json);
    }
    binaries::name_in(&mut node, Profile::Release)?;
    process::run(&mut node)
}

/// Programs of bench/peers that a benchmark measures ours beside.
fn peers(name: &str) -> &'static [&'static str] {
    match name {
        "signaling" => &["fifo-bun"],
        _ => &[],
    }
}
