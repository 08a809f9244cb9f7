//! `cargo xtask fuzz`: every target of `fuzz/` for a while.
//!
//! `cargo fuzz` needs a nightly compiler for its sanitizers. Safe Rust has no use for those, so libFuzzer with coverage
//! alone, which a stable compiler can instrument, finds what there is to find: panics, hangs, and memory without bound.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context as _, ensure};

use crate::{process, workspace};

/// What `cargo fuzz` passes too, less the sanitizer.
const INSTRUMENTATION: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this target
    target: Option<String>,

    /// How long altogether
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = workspace::root().join("fuzz");
    let targets: Vec<String> = target_names(&folder)
        .context("cannot list fuzz/fuzz_targets")?
        .into_iter()
        .filter(|name| args.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    ensure!(!targets.is_empty(), "fuzz/fuzz_targets has no such target");

    let host = host_triple()?;
    let built = workspace::target()?.join("fuzz");
    // With --target, what runs at build time is left without the instrumentation.
    process::run(
        process::cargo()
            .args(["build", "--locked", "--release", "--bins", "--target", &host])
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&built)
            .env("RUSTFLAGS", INSTRUMENTATION.join(" ")),
    )?;
    let seconds = (args.seconds / targets.len() as u64).max(1);
    for target in &targets {
        let corpus = folder.join("corpus").join(target);
        let artifacts = folder.join("artifacts").join(target);
        fs::create_dir_all(&corpus)
            .and_then(|()| fs::create_dir_all(&artifacts))
            .context("cannot make folders")?;
        let mut fuzzer = Command::new(built.join(&host).join("release").join(target));
        fuzzer.arg(corpus).arg(format!("-artifact_prefix={}/", artifacts.display()));
        fuzzer.args([
            format!("-max_total_time={seconds}"),
            "-timeout=5".to_owned(),
            "-print_final_stats=1".to_owned(),
        ]);
        let dictionary = folder.join("messages.dict");
        if dictionary.is_file() {
            fuzzer.arg(format!("-dict={}", dictionary.display()));
        }
        process::run(&mut fuzzer)?;
    }
    Ok(())
}

fn target_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn host_triple() -> anyhow::Result<String> {
    let version = process::output("rustc", &["--version", "--verbose"]).context("cannot start rustc")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}
