//! The one table of what is needed from the system, by whom, and why.

use super::Purpose;
use super::platform::Platform;
use crate::process;

/// A thing that the system has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    debian: &'static str,
    /// Its names elsewhere; empty where the system brings it, or where it is not needed.
    fedora: &'static str,
    macos: &'static str,
    windows: &'static str,
    need: Need,
    pub(crate) probe: Probe,
    pub(crate) reason: &'static str,
}

/// Who needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The server and the headless peer.
    Build,
    /// The desktop app.
    Window,
    /// The cross-process tests; they are written for Linux.
    Test,
    /// What a measurement compares with.
    Bench,
}

/// How to find out whether it is there, without asking a package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// A program that answers to `--version`.
    Program(&'static str),
    /// A program that does not, but to this word.
    Answers(&'static str, &'static str),
    /// A library that pkg-config knows.
    Library(&'static str),
    /// A module that Python has.
    Module(&'static str),
}

const TABLE: &[Package] = &[
    build(
        "build-essential",
        "gcc gcc-c++ make",
        "",
        "",
        Probe::Program("cc"),
        "links Rust; builds Opus, libjpeg-turbo",
    ),
    build("pkg-config", "pkgconf", "pkgconf", "", Probe::Program("pkg-config"), "finds the libraries below"),
    build(
        "cmake",
        "cmake",
        "cmake",
        "Kitware.CMake",
        Probe::Program("cmake"),
        "builds Opus and libjpeg-turbo",
    ),
    build("nasm", "nasm", "nasm", "NASM.NASM", Probe::Program("nasm"), "assembles libjpeg-turbo's SIMD"),
    build("libvpx-dev", "libvpx-devel", "libvpx", "libvpx", Probe::Library("vpx"), "VP8"),
    build(
        "libasound2-dev",
        "alsa-lib-devel",
        "",
        "",
        Probe::Library("alsa"),
        "microphone and speaker through ALSA",
    ),
    build(
        "libclang-dev",
        "clang-devel",
        "",
        "",
        Probe::Program("clang"),
        "reads the camera interface of Linux",
    ),
    window(
        "libwebkit2gtk-4.1-dev",
        "webkit2gtk4.1-devel",
        Probe::Library("webkit2gtk-4.1"),
        "shows the app's window",
    ),
    test("xvfb", "xorg-x11-server-Xvfb", Probe::Program("Xvfb"), "a display for the window"),
    test("webkit2gtk-driver", "webkit2gtk-driver", Probe::Program("WebKitWebDriver"), "drives the window"),
    test("chromium", "chromium", Probe::Program("chromium"), "the browser tab"),
    test(
        "postgresql",
        "postgresql-server",
        Probe::Program("psql"),
        "keeps reports and bans, as an operator may choose",
    ),
    test("redis-server", "redis", Probe::Program("redis-server"), "what several servers share"),
    test("pulseaudio", "pulseaudio", Probe::Program("pulseaudio"), "sound devices without hardware"),
    test("pulseaudio-utils", "pulseaudio-utils", Probe::Program("pactl"), "plays into and records from them"),
    test("espeak-ng", "espeak-ng", Probe::Program("espeak-ng"), "speech for the microphone"),
    test("iproute2", "iproute", Probe::Program("ip"), "links between network namespaces"),
    test("nftables", "nftables", Probe::Program("nft"), "a NAT between them"),
    test("conntrack", "conntrack-tools", Probe::Program("conntrack"), "has the NAT forget"),
    test("openssl", "openssl", Probe::Answers("openssl", "version"), "certificates for TLS"),
    test(
        "pebble",
        "golang-github-letsencrypt-pebble",
        Probe::Answers("pebble", "-h"),
        "an authority that gives certificates by ACME",
    ),
    test("python3", "python3", Probe::Program("python3"), "emulates such links, packet by packet"),
    test(
        "python3-venv",
        "python3",
        Probe::Module("ensurepip"),
        "keeps what checks the files of deploy/ in a folder of its own, and what scores pictures and speech",
    ),
    test("systemd", "systemd", Probe::Program("systemd-analyze"), "checks the server's unit"),
    test("qemu-system-x86", "qemu-system-x86", Probe::Program("qemu-system-x86_64"), "the camera machine"),
    test("busybox-static", "busybox", Probe::Program("busybox"), "first process of the camera machine"),
    test("cpio", "cpio", Probe::Program("cpio"), "packs the camera machine's disk"),
    test("zstd", "zstd", Probe::Program("zstd"), "packs the camera machine's disk"),
    test("kmod", "kmod", Probe::Program("modprobe"), "chooses the camera machine's kernel modules"),
    test("coturn", "coturn", Probe::Program("turnserver"), "a client of TURN, and a server beside ours"),
    test("v4l-utils", "v4l-utils", Probe::Program("v4l2-ctl"), "stalls and unplugs cameras"),
    bench("ffmpeg", "ffmpeg-free", Probe::Program("ffmpeg"), "pictures for the encoders to compare"),
    bench(
        "python3-dev",
        "python3-devel",
        Probe::Program("python3-config"),
        "builds the score of speech, PESQ",
    ),
    bench("vpx-tools", "libvpx-utils", Probe::Program("vpxenc"), "the encoder that ours is measured against"),
];

const fn build(
    debian: &'static str,
    fedora: &'static str,
    macos: &'static str,
    windows: &'static str,
    probe: Probe,
    reason: &'static str,
) -> Package {
    Package { debian, fedora, macos, windows, need: Need::Build, probe, reason }
}

const fn window(debian: &'static str, fedora: &'static str, probe: Probe, reason: &'static str) -> Package {
    Package { debian, fedora, macos: "", windows: "", need: Need::Window, probe, reason }
}

const fn test(debian: &'static str, fedora: &'static str, probe: Probe, reason: &'static str) -> Package {
    Package { debian, fedora, macos: "", windows: "", need: Need::Test, probe, reason }
}

const fn bench(debian: &'static str, fedora: &'static str, probe: Probe, reason: &'static str) -> Package {
    Package { debian, fedora, macos: "", windows: "", need: Need::Bench, probe, reason }
}

/// What `purpose` needs on `platform`.
pub(crate) fn wanted(purpose: Purpose, has_display: bool, platform: Platform) -> Vec<Package> {
    let needs = |package: &&Package| match package.need {
        Need::Build => true,
        Need::Window => has_display || purpose != Purpose::Run,
        // A benchmark measures whole calls, with what the tests make them of.
        Need::Test => purpose != Purpose::Run,
        Need::Bench => purpose == Purpose::Bench,
    };
    TABLE.iter().filter(needs).filter(|package| !package.name_on(platform).is_empty()).copied().collect()
}

impl Package {
    /// What `platform` calls it; Debian's name where nothing better is known.
    pub(crate) fn name_on(&self, platform: Platform) -> &'static str {
        match platform {
            Platform::Debian | Platform::OtherLinux => self.debian,
            Platform::Fedora => self.fedora,
            Platform::MacOs => self.macos,
            Platform::Windows => self.windows,
        }
    }
}

impl Probe {
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Program(name) => process::output(name, &["--version"]).is_some(),
            Self::Answers(name, word) => process::output(name, &[word]).is_some(),
            Self::Module(name) => {
                process::output("python3", &["-c", &format!("import {name}; print({name})")])
                    .is_some_and(|found| !found.is_empty())
            }
            Self::Library(name) => process::output("pkg-config", &["--modversion", name])
                .is_some_and(|version| !version.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(purpose: Purpose, has_display: bool) -> HashSet<&'static str> {
        wanted(purpose, has_display, Platform::Debian).iter().map(|package| package.debian).collect()
    }

    #[test]
    fn every_row_has_a_name_of_its_own_and_a_reason() {
        let all: HashSet<_> = TABLE.iter().map(|package| package.debian).collect();
        assert_eq!(all.len(), TABLE.len());
        for package in TABLE {
            assert!(
                !package.debian.is_empty() && !package.fedora.is_empty() && !package.reason.is_empty(),
                "{package:?}"
            );
        }
    }

    #[test]
    fn the_window_comes_with_a_display() {
        assert!(names(Purpose::Run, true).contains("libwebkit2gtk-4.1-dev"));
        assert!(!names(Purpose::Run, false).contains("libwebkit2gtk-4.1-dev"));
        assert!(names(Purpose::Test, false).contains("libwebkit2gtk-4.1-dev"), "the tests bring a display");
    }

    #[test]
    fn each_purpose_includes_the_one_before() {
        let [run, test, bench] =
            [Purpose::Run, Purpose::Test, Purpose::Bench].map(|purpose| names(purpose, true));
        assert!(run.is_subset(&test) && run.len() < test.len());
        assert!(test.is_subset(&bench) && test.len() < bench.len());
        assert!(run.contains("libvpx-dev") && !run.contains("chromium"));
    }

    #[test]
    fn other_systems_are_asked_only_for_what_they_need() {
        let macos = wanted(Purpose::Test, true, Platform::MacOs);
        assert!(macos.iter().all(|package| package.need == Need::Build), "{macos:?}");
        assert!(macos.iter().any(|package| package.name_on(Platform::MacOs) == "libvpx"));
        assert_eq!(
            wanted(Purpose::Bench, true, Platform::Fedora).len(),
            wanted(Purpose::Bench, true, Platform::Debian).len()
        );
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(!Probe::Program("visavis-no-such-program").is_there());
        assert!(!Probe::Library("visavis-no-such-library").is_there());
        assert!(!Probe::Module("visavis_no_such_module").is_there());
    }
}
