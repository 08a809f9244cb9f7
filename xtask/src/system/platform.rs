//! The kinds of system that are told apart, and how each one installs packages.

use std::fs;

/// Which names packages go by here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Debian, Ubuntu and what comes from them: the one that packages are installed on.
    Debian,
    /// Fedora, RHEL and what comes from them.
    Fedora,
    OtherLinux,
    MacOs,
    Windows,
}

impl Platform {
    /// What a person types to install `packages`.
    pub(crate) fn install_command(self, packages: &[&str]) -> String {
        let packages = packages.join(" ");
        match self {
            Self::Debian => format!("sudo apt-get install --no-install-recommends {packages}"),
            Self::Fedora => format!("sudo dnf install {packages}"),
            Self::OtherLinux => format!("with your package manager, what Debian calls: {packages}"),
            Self::MacOs => format!("brew install {packages}"),
            Self::Windows => format!("with vcpkg or winget: {packages}"),
        }
    }
}

pub(crate) fn detect() -> Platform {
    match std::env::consts::OS {
        "macos" => Platform::MacOs,
        "windows" => Platform::Windows,
        _ => linux(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
    }
}

/// The platform by os-release(5): `ID`, and what the distribution says it is like.
fn linux(os_release: &str) -> Platform {
    let value = |key: &str| {
        let mut lines = os_release.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.trim_matches(['"', '\'']))
            .unwrap_or_default()
    };
    for id in value("ID").split(' ').chain(value("ID_LIKE").split(' ')) {
        match id {
            "debian" | "ubuntu" => return Platform::Debian,
            "fedora" | "rhel" => return Platform::Fedora,
            _ => {}
        }
    }
    Platform::OtherLinux
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_recognised_by_themselves_or_what_they_are_like() {
        assert_eq!(linux("PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n"), Platform::Debian);
        assert_eq!(linux("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Platform::Debian);
        assert_eq!(linux("ID='fedora'\n"), Platform::Fedora);
        assert_eq!(linux("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Platform::Fedora);
        assert_eq!(linux("ID=arch\n"), Platform::OtherLinux);
        assert_eq!(linux(""), Platform::OtherLinux);
    }
}
