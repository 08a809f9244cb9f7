//! What the system has to have before anything is built, and how it gets there.

mod apt;
mod node;
mod packages;
mod platform;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{bail, ensure};
use platform::Platform;

/// What the packages are for; each includes what it builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// Build, start a server and a call
    Run,
    /// Run every test
    Test,
    /// Run every benchmark
    Bench,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the system is to be ready for
    #[arg(long = "for", value_enum, default_value = "run", value_name = "PURPOSE")]
    purpose: Purpose,

    /// Install without asking
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure(args.purpose, args.yes)?;
    println!("Nothing is missing.");
    Ok(())
}

/// Whether a window can be opened.
pub(crate) fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Installs what is missing for `purpose`; asks first unless `yes`.
///
/// # Errors
///
/// When something is missing that was not, or cannot be, installed. The error says what, and how to get it.
pub(crate) fn ensure(purpose: Purpose, yes: bool) -> anyhow::Result<()> {
    node::check()?;
    let platform = platform::detect();
    let wanted = packages::wanted(purpose, has_display(), platform);
    let missing = match platform {
        Platform::Debian => apt::missing(&wanted)?,
        Platform::Fedora | Platform::MacOs | Platform::Windows | Platform::OtherLinux => {
            wanted.into_iter().filter(|package| !package.probe.is_there()).collect()
        }
    };
    if missing.is_empty() {
        return Ok(());
    }
    println!("Missing on this system:");
    for package in &missing {
        println!("  {:<22} {}", package.name_on(platform), package.reason);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name_on(platform)).collect();
    let by_hand = platform.install_command(&names);
    match platform {
        Platform::Debian => {
            if !yes {
                ask(&by_hand)?;
            }
            apt::install(&names)
        }
        Platform::Fedora | Platform::MacOs | Platform::Windows | Platform::OtherLinux => {
            bail!("install what is missing, then run this again:\n  {by_hand}")
        }
    }
}

/// Ends well only if a person says yes.
fn ask(by_hand: &str) -> anyhow::Result<()> {
    ensure!(
        io::stdin().is_terminal(),
        "nobody is there to ask: add --yes to have it installed, or install it yourself:\n  {by_hand}"
    );
    print!("Install it with apt-get? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "not installed; by hand:\n  {by_hand}");
    Ok(())
}
