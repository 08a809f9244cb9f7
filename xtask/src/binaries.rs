//! Our programs: how they are built, and where they are then.

use std::path::PathBuf;
use std::process::Command;

use crate::{process, workspace};

/// One of the programs of Visavis, or of its tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Server,
    Peer,
    App,
    EncodeY4m,
    VoiceRoom,
    SignalingLoad,
    SignalingFloor,
    Crowd,
    Pairing,
}

impl Binary {
    pub(crate) const ALL: [Self; 9] = [
        Self::Server,
        Self::Peer,
        Self::App,
        Self::EncodeY4m,
        Self::VoiceRoom,
        Self::SignalingLoad,
        Self::SignalingFloor,
        Self::Crowd,
        Self::Pairing,
    ];

    /// Name of its file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "visavis-server",
            Self::Peer => "visavis-peer",
            Self::App => "visavis",
            Self::EncodeY4m => "encode-y4m",
            Self::VoiceRoom => "voice_room",
            Self::SignalingLoad => "signaling-load",
            Self::SignalingFloor => "signaling-floor",
            Self::Crowd => "crowd",
            Self::Pairing => "pairing",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Server | Self::Peer | Self::App => self.name(),
            Self::EncodeY4m | Self::SignalingLoad | Self::SignalingFloor => "visavis-testkit",
            Self::VoiceRoom => "visavis-media",
            Self::Crowd | Self::Pairing => "visavis-server",
        }
    }

    /// The environment variable that tells tests and benchmarks where it is.
    fn variable(self) -> &'static str {
        match self {
            Self::Server => "VISAVIS_SERVER_BIN",
            Self::Peer => "VISAVIS_PEER_BIN",
            Self::App => "VISAVIS_APP_BIN",
            Self::EncodeY4m => "VISAVIS_ENCODE_BIN",
            Self::VoiceRoom => "VISAVIS_ROOM_BIN",
            Self::SignalingLoad => "VISAVIS_SIGNALING_LOAD_BIN",
            Self::SignalingFloor => "VISAVIS_SIGNALING_FLOOR_BIN",
            Self::Crowd => "VISAVIS_CROWD_BIN",
            Self::Pairing => "VISAVIS_PAIRING_BIN",
        }
    }

    /// It may be an example of its package.
    fn is_example(self) -> bool {
        match self {
            Self::Server
            | Self::Peer
            | Self::App
            | Self::EncodeY4m
            | Self::SignalingLoad
            | Self::SignalingFloor => false,
            Self::VoiceRoom | Self::Crowd | Self::Pairing => true,
        }
    }
}

/// How much the compiler does.
///
/// `Dev` is enough for a call: its profile optimises every dependency, encryption included, and `visavis-media`; the
/// codecs are C either way. `Release` adds minutes of link-time optimisation to each build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn cargo_name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds `binaries` in one go. The server and the app embed `ui/dist`: build that first.
pub(crate) fn build(binaries: &[Binary], profile: Profile) -> anyhow::Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--profile", profile.cargo_name()]);
    for binary in binaries {
        let kind = if binary.is_example() { "--example" } else { "--bin" };
        cargo.args(["--package", binary.package(), kind, binary.name()]);
    }
    process::run(&mut cargo)
}

/// Where a built `binary` is.
pub(crate) fn path(binary: Binary, profile: Profile) -> anyhow::Result<PathBuf> {
    let file = format!("{}{}", binary.name(), std::env::consts::EXE_SUFFIX);
    let folder = workspace::target()?.join(profile.folder());
    Ok(if binary.is_example() { folder.join("examples").join(file) } else { folder.join(file) })
}

/// Tells `command` where our programs are.
pub(crate) fn name_in(command: &mut Command, profile: Profile) -> anyhow::Result<()> {
    for binary in Binary::ALL {
        command.env(binary.variable(), path(binary, profile)?);
    }
    Ok(())
}
