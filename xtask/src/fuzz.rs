//! `cargo xtask fuzz`: every target of `fuzz/` for a while.
//!
//! `cargo fuzz` needs a nightly compiler for its sanitizers. Safe Rust has no use for those, so libFuzzer with coverage
//! alone, which a stable compiler can instrument, finds what there is to find: panics, hangs, and memory without bound.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fs, io, thread};

use anyhow::{Context as _, bail, ensure};

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

    /// How long each target runs
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
}

/// So many targets at a time, one for each processor of a small machine: more would not find more.
const AT_A_TIME: usize = 2;

/// Targets that make more of an input with the words of messages in it.
const READ_JSON: [&str; 5] =
    ["access_token", "client_message", "moderation_request", "node_mail", "server_message"];

/// Lines of a target's output that are shown if it fails.
const SHOWN_LINES: usize = 40;

/// One target, and where it keeps what.
#[derive(Debug)]
struct Fuzzer {
    name: String,
    program: PathBuf,
    /// What it found interesting; it goes on with that the next time.
    corpus: PathBuf,
    /// Inputs that people wrote, or that have failed before.
    seeds: PathBuf,
    /// Inputs that fail.
    artifacts: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = workspace::root().join("fuzz");
    let names: Vec<String> = target_names(&folder)
        .context("cannot list fuzz/fuzz_targets")?
        .into_iter()
        .filter(|name| args.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    ensure!(!names.is_empty(), "fuzz/fuzz_targets has no such target");

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
    let fuzzers: Vec<Fuzzer> = names
        .into_iter()
        .map(|name| Fuzzer {
            program: built.join(&host).join("release").join(&name),
            corpus: built.join("corpus").join(&name),
            seeds: folder.join("seeds").join(&name),
            artifacts: built.join("artifacts").join(&name),
            name,
        })
        .collect();
    let failed = run_all(&fuzzers, args.seconds);
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Runs all of them, some at a time; gives the names of those that failed.
fn run_all(fuzzers: &[Fuzzer], seconds: u64) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(fuzzer) = fuzzers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match fuzzer.run(seconds) {
                        Ok(runs) => println!("fuzz {}: ok, {runs} inputs", fuzzer.name),
                        Err(error) => {
                            println!("fuzz {}: FAILED, {error:#}", fuzzer.name);
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push(fuzzer.name.clone());
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Fuzzer {
    /// Gives how many inputs it tried.
    fn run(&self, seconds: u64) -> anyhow::Result<u64> {
        for folder in [&self.corpus, &self.artifacts] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut command = Command::new(&self.program);
        // The first folder is written to, the others are only read.
        command.arg(&self.corpus);
        if self.seeds.is_dir() {
            command.arg(&self.seeds);
        }
        command.arg(format!("-artifact_prefix={}/", self.artifacts.display())).args([
            &format!("-max_total_time={seconds}"),
            "-timeout=5",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]);
        if READ_JSON.contains(&self.name.as_str()) {
            let dictionary = workspace::root().join("fuzz/messages.dict");
            command.arg(format!("-dict={}", dictionary.display()));
        }
        let output =
            command.output().with_context(|| format!("cannot start {}", process::words(&command)))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(executed(&said));
        }
        let lines: Vec<&str> = said.lines().collect();
        for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
            println!("{}: {line}", self.name);
        }
        bail!("{}; the input is in {}", output.status, self.artifacts.display())
    }
}

/// How many inputs libFuzzer says that it tried.
fn executed(said: &str) -> u64 {
    let count = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_every_seed_is_of_one() {
        let folder = workspace::root().join("fuzz");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("it is there");
        let names = target_names(&folder).expect("it is there");
        for name in &names {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name} is not in Cargo.toml"
            );
        }
        assert_eq!(manifest.matches("[[bin]]").count(), names.len());
        for seeds in fs::read_dir(folder.join("seeds")).expect("it is there") {
            let name = seeds.expect("it is readable").file_name();
            assert!(names.iter().any(|target| name == target.as_str()), "{name:?} is no target");
        }
    }

    #[test]
    fn libfuzzer_says_how_many_inputs_it_tried() {
        let said =
            "Done 12 runs in 1 second(s)\nstat::number_of_executed_units: 4711\nstat::peak_rss_mb: 40\n";
        assert_eq!(executed(said), 4711);
        assert_eq!(executed(""), 0);
    }
}
