//! `cargo xtask bench`: builds what is measured for release, then hands over to `bench/NAME.mjs`.

use std::path::PathBuf;
use std::process::Command;

use clap::ValueEnum;

use crate::binaries::{self, Binary, Profile};
use crate::system::{self, Purpose};
use crate::{process, python, ui, workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure
    name: Benchmark,

    /// Write the result here as well
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,

    /// Install what is missing without asking
    #[arg(long, short)]
    yes: bool,
}

/// A file of bench/.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Calls of app, peer and tab beside one of two tabs: memory, processor, delays
    Call,
    /// What is left of the far voice in the near microphone
    Echo,
    /// A long call: what grows
    Endurance,
    /// Calls over links that lose, delay and narrow, beside two tabs
    Impairments,
    /// Networks that change, and other traffic on them, beside two tabs
    Network,
    /// Strangers that three servers bring together through a Redis
    Pairing,
    /// The server beside one for Bun
    Signaling,
    /// The embedded relay beside coturn
    Turn,
}

impl Benchmark {
    /// Name of its script, without the ending.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Of ours, what it runs.
    fn programs(self) -> &'static [Binary] {
        match self {
            Self::Call => &[Binary::Server, Binary::Peer, Binary::App, Binary::EncodeY4m],
            Self::Echo => &[Binary::VoiceRoom],
            Self::Endurance | Self::Impairments | Self::Network => &[Binary::Server, Binary::Peer],
            Self::Pairing => &[Binary::Pairing],
            Self::Signaling => {
                &[Binary::Server, Binary::SignalingLoad, Binary::SignalingFloor, Binary::Crowd]
            }
            Self::Turn => &[Binary::Server],
        }
    }

    /// Programs of bench/peers that it measures ours beside.
    fn peers(self) -> &'static [&'static str] {
        if self == Self::Signaling { &["fifo-bun"] } else { &[] }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (folder, name) = (workspace::root().join("bench"), args.name.name());
    system::ensure(Purpose::Bench, args.yes)?;
    ui::build()?;
    ui::install("tests")?;
    for peer in args.name.peers() {
        ui::install(&format!("bench/peers/{peer}"))?;
    }
    binaries::build(args.name.programs(), Profile::Release)?;
    let mut node = Command::new("node");
    node.arg(folder.join(format!("{name}.mjs")));
    let requirements = folder.join(format!("{name}.requirements.txt"));
    if requirements.is_file() {
        node.env("VISAVIS_BENCH_PYTHON", python::install("bench-python", &requirements)?);
    }
    if let Some(json) = &args.json {
        node.arg("--json").arg(json);
    }
    binaries::name_in(&mut node, Profile::Release)?;
    process::run(&mut node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_can_be_asked_for() {
        let files = std::fs::read_dir(workspace::root().join("bench")).expect("the folder");
        let mut scripts: Vec<_> = files
            .filter_map(|file| {
                file.expect("a file").file_name().to_str()?.strip_suffix(".mjs").map(str::to_owned)
            })
            .collect();
        scripts.sort();
        let names: Vec<_> = Benchmark::value_variants().iter().map(|it| it.name()).collect();
        assert_eq!(names, scripts);
    }
}
