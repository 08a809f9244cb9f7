//! Debian's packages: which are there, and how the others come.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};

use super::packages::Package;
use super::platform::Platform;
use crate::process;

/// Where apt keeps what the archives offer.
const LISTS: &str = "/var/lib/apt/lists";

/// Lists older than this may name files that the archive has replaced.
const LISTS_LAST: Duration = Duration::from_secs(24 * 60 * 60);

/// Those of `wanted` that are not installed.
pub(crate) fn missing(wanted: &[Package]) -> anyhow::Result<Vec<Package>> {
    let names: Vec<&str> = wanted.iter().map(|package| package.name_on(Platform::Debian)).collect();
    let mut query = vec!["--show", "--showformat=${Package} ${db:Status-Status}\n"];
    query.extend(&names);
    let states = process::output("dpkg-query", &query).context("cannot ask dpkg-query what is installed")?;
    let installed = installed(&states);
    let is_missing = |package: &&Package| !installed.contains(package.name_on(Platform::Debian));
    Ok(wanted.iter().filter(is_missing).copied().collect())
}

/// Installs `names`, and nothing that they merely recommend.
pub(crate) fn install(names: &[&str]) -> anyhow::Result<()> {
    let is_root = process::output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let has_sudo = process::output("sudo", &["--version"]).is_some();
    ensure!(
        is_root || has_sudo,
        "apt-get wants root, and there is no sudo: as root,\n  {}",
        Platform::Debian.install_command(names)
    );
    let apt = |arguments: &[&str]| {
        let mut command = if is_root { Command::new("env") } else { Command::new("sudo") };
        if !is_root {
            command.arg("env");
        }
        // Waits for another apt instead of failing, and never asks a question itself.
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=600"]);
        process::run(command.args(arguments))
    };
    if lists_are_stale(Path::new(LISTS)) {
        apt(&["update"])?;
    }
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(names);
    apt(&install)
}

/// The names that dpkg-query calls installed; a package that was removed is still listed, with another state.
fn installed(states: &str) -> HashSet<&str> {
    states
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, state)| *state == "installed")
        .map(|(name, _)| name)
        .collect()
}

/// Whether `lists` holds no package list, or was not brought up to date lately.
fn lists_are_stale(lists: &Path) -> bool {
    let has_packages = fs::read_dir(lists).is_ok_and(|mut entries| {
        entries
            .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains("_Packages")))
    });
    // The files carry the archive's times; apt's own work shows in the folder that it downloads to.
    let updated = fs::metadata(lists.join("partial")).and_then(|partial| partial.modified());
    let age = updated.ok().and_then(|updated| SystemTime::now().duration_since(updated).ok());
    !has_packages || age.is_some_and(|age| age > LISTS_LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_packages_are_not_installed() {
        let states = "cmake installed\nnasm config-files\nlibvpx-dev not-installed\nlibc6-dev installed\n";
        assert_eq!(installed(states), HashSet::from(["cmake", "libc6-dev"]));
        assert_eq!(installed(""), HashSet::new());
    }

    #[test]
    fn lists_without_packages_are_stale() {
        let folder = std::env::temp_dir().join(format!("visavis-xtask-lists-{}", std::process::id()));
        fs::create_dir_all(folder.join("partial")).expect("make a folder");
        assert!(lists_are_stale(&folder), "a container image ships none");
        fs::write(folder.join("archive_main_binary-amd64_Packages.lz4"), "").expect("write a list");
        assert!(!lists_are_stale(&folder));
        fs::remove_dir_all(&folder).expect("remove the folder");
        assert!(lists_are_stale(&folder));
    }
}
