//! `cargo xtask test`: every kind of test, one after the other, and one line at the end.

mod report;
mod step;
mod tally;

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context as _, bail};
use report::Report;
use step::Step;
use tally::Runner;

use crate::binaries::{self, Profile};
use crate::system::{self, Purpose};
use crate::{process, python, ui, workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install what is missing without asking
    #[arg(long, short)]
    yes: bool,

    /// Only this kind of test; may be given more than once
    #[arg(long, value_enum)]
    only: Vec<Kind>,

    /// Only Rust tests with one of these in their names, and files of UI and cross tests with one in theirs
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Formatting, clippy, TypeScript
    Lint,
    /// cargo test
    Rust,
    /// vitest
    Ui,
    /// Whole programs: browser, window, devices, links
    Cross,
    /// Every parser of what the network feeds, for a minute each
    Fuzz,
}

impl Args {
    fn includes(&self, kind: Kind) -> bool {
        // Lints and fuzzing know no names of tests.
        let by_default = self.filters.is_empty() || !matches!(kind, Kind::Lint | Kind::Fuzz);
        if self.only.is_empty() { by_default } else { self.only.contains(&kind) }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    system::ensure(Purpose::Test, args.yes)?;
    // The desktop app takes the built UI in when it is compiled, so clippy needs it as much as the tests do.
    ui::build()?;
    ui::install("tests")?;

    let mut report = Report::new(workspace::target()?.join("test-logs"))?;
    if args.includes(Kind::Lint) {
        for step in lints() {
            report.run(step)?;
        }
    }
    if args.includes(Kind::Ui) {
        report.run(ui_tests(&args.filters))?;
    }
    if args.includes(Kind::Rust) && args.filters.is_empty() {
        report.run(traces())?;
    }
    if args.includes(Kind::Rust) || args.includes(Kind::Cross) {
        // Without it, the others would say the same again, or test yesterday's programs.
        if report.run(build())? {
            if args.includes(Kind::Rust) {
                report.run(rust(&args.filters))?;
            }
            if args.includes(Kind::Cross) {
                match cross(&args.filters)? {
                    Some(step) => drop(report.run(step)?),
                    None => println!("\nno cross test is named like that"),
                }
            }
        } else {
            println!("\nnothing is tested that needs this build");
        }
    }
    if args.includes(Kind::Fuzz) {
        report.run(fuzz())?;
    }
    report.finish()
}

fn lints() -> [Step; 4] {
    let mut format = process::cargo();
    format.args(["fmt", "--all", "--check"]);
    let mut clippy = process::cargo();
    clippy.args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    // Another workspace, with versions of its own, and the last thing to be built.
    let mut fuzz = process::cargo();
    fuzz.args(["tree", "--locked", "--depth", "0", "--manifest-path", "fuzz/Cargo.toml"]);
    let mut check = process::npm(&workspace::root().join("ui"));
    check.args(["run", "--silent", "check"]);
    let steps = [("format", format), ("fuzz-lock", fuzz), ("clippy", clippy), ("svelte-check", check)];
    steps.map(|(name, command)| Step { name, runner: Runner::Silent, command })
}

/// Our programs and the Rust tests in one build: apart, they would get other features of the same dependencies, and the
/// slow ones would be built twice.
fn build() -> Step {
    let mut command = process::cargo();
    command.args(["build", "--locked", "--workspace", "--all-targets"]);
    Step { name: "build", runner: Runner::Silent, command }
}

/// The server with its feature `otel`, before the build of everything, which leaves a server without. Only it is built a second
/// time: by itself it would get other features of its dependencies, too.
fn traces() -> Step {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--workspace", "--tests", "--features", "visavis-server/otel", "--"]);
    command.args(["telemetry", "traces"]);
    Step { name: "traces", runner: Runner::Cargo, command }
}

fn rust(filters: &[String]) -> Step {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--workspace", "--no-fail-fast", "--"]).args(filters);
    Step { name: "rust", runner: Runner::Cargo, command }
}

fn ui_tests(filters: &[String]) -> Step {
    let mut command = process::npm(&workspace::root().join("ui"));
    command.args(["test", "--", "--passWithNoTests"]).args(filters);
    Step { name: "ui", runner: Runner::Vitest, command }
}

/// `cargo xtask fuzz`, as anybody would run it: this very program may have been built anew meanwhile.
fn fuzz() -> Step {
    let mut command = process::cargo();
    command.args(["xtask", "fuzz"]);
    Step { name: "fuzz", runner: Runner::Fuzz, command }
}

/// The tests of `tests/`, one file after the other: they measure, and must not disturb each other. `None` if the
/// filters leave no file.
fn cross(filters: &[String]) -> anyhow::Result<Option<Step>> {
    let all = cross_files().context("cannot list tests/")?;
    if all.is_empty() {
        bail!("tests/ has no *.test.mjs");
    }
    let is_wanted = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let files: Vec<PathBuf> = all.into_iter().filter(is_wanted).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let mut command = Command::new("node");
    if files.iter().any(|file| file.ends_with("deploy.test.mjs")) {
        let requirements = workspace::root().join("tests").join("deploy.requirements.txt");
        command.env("VISAVIS_TEST_PYTHON", python::install("test-python", &requirements)?);
    }
    command.current_dir(workspace::root());
    command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(files);
    binaries::name_in(&mut command, Profile::Dev)?;
    Ok(Some(Step { name: "cross", runner: Runner::Node, command }))
}

fn cross_files() -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace::root().join("tests"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".test.mjs") {
            files.push(PathBuf::from("tests").join(entry.file_name()));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(only: &[Kind], filters: &[&str]) -> Args {
        Args { yes: false, only: only.to_vec(), filters: filters.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn everything_runs_unless_something_is_chosen() {
        let all = [Kind::Lint, Kind::Rust, Kind::Ui, Kind::Cross, Kind::Fuzz];
        assert!(all.iter().all(|kind| args(&[], &[]).includes(*kind)));
        let chosen = args(&[Kind::Ui], &[]);
        assert_eq!(all.map(|kind| chosen.includes(kind)), [false, false, true, false, false]);
    }

    #[test]
    fn a_filter_leaves_out_lints_and_fuzzing_unless_asked() {
        assert!(!args(&[], &["glare"]).includes(Kind::Lint));
        assert!(args(&[], &["glare"]).includes(Kind::Rust));
        assert!(!args(&[], &["glare"]).includes(Kind::Fuzz));
        assert!(args(&[Kind::Lint], &["glare"]).includes(Kind::Lint));
    }
}
