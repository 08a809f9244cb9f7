//! `visavis-peer`: the native engine without a window, for bots, recording, tests and benchmarks.

mod ages;
mod args;
mod frames;
mod report;
mod run;
mod stays;
mod stdin;

use std::process::ExitCode;

use args::Args;
use clap::Parser;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(&args.log))
        .with_writer(std::io::stderr)
        .init();
    match run::run(args).await {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            eprintln!("visavis-peer: {error:#}");
            ExitCode::FAILURE
        }
    }
}
