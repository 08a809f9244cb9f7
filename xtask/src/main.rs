//! `cargo xtask`: the commands of this repository, from a bare machine to a running call.
//!
//! It installs what the system lacks, and it starts and ends processes. It knows nothing of calls or media.

#![expect(clippy::print_stdout, reason = "a command-line tool talks on standard output")]

mod bench;
mod binaries;
mod fuzz;
mod generate;
mod process;
mod python;
mod run;
mod system;
mod test;
mod ui;
mod workspace;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Builds, runs, tests and measures Visavis.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything, start a server and a call in it
    Run(run::Args),
    /// Run the tests: lints, Rust, UI, and whole programs against each other
    Test(test::Args),
    /// Measure against other software
    Bench(bench::Args),
    /// Write the TypeScript of ui/src/generated anew
    Generate,
    /// Install what the system lacks, and nothing else
    Setup(system::Args),
    /// Feed what the network feeds with made-up input
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let Some(task) = Cli::parse().task else {
        println!("{}", Cli::command().render_help());
        return ExitCode::SUCCESS;
    };
    let done = match task {
        Task::Run(args) => run::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Generate => generate::run(),
        Task::Setup(args) => system::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_command() {
        let help = Cli::command().render_help().to_string();
        for command in ["run", "test", "bench", "generate", "setup", "fuzz"] {
            assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in:\n{help}");
        }
    }
}
