//! `visavis`: the desktop app. It owns the window; the call is the engine's, the screens are the page's.
//!
//! ```text
//! page ─ commands ─► Controller ─ Command ─► Engine       (visavis-engine: devices, media, network)
//!      ◄─ "engine_event" ──      ◄─ Event ──   │
//!      ◄─ frame socket ─ FrameHub ◄─ pictures ─┘
//! ```

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod app;
mod args;
mod commands;
mod controller;
mod frames;
mod graphics;
mod launch;
mod page;

use std::io;
use std::process::ExitCode;

use args::Args;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&args.log)).with_writer(io::stderr).init();
    match app::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("visavis: {error:#}");
            ExitCode::FAILURE
        }
    }
}
