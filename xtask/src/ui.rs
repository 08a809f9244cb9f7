//! The Node side: packages from the lock files, and the built UI.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::{process, workspace};

/// A copy of the lock file that `node_modules` was made from.
const INSTALLED: &str = "node_modules/.xtask-package-lock.json";

/// Installs what `ui` needs, and builds it into `ui/dist`.
pub(crate) fn build() -> anyhow::Result<()> {
    install("ui")?;
    process::run(process::npm(&workspace::root().join("ui")).args(["run", "--silent", "build"]))
}

/// Installs the packages of `folder`'s lock file, unless they are there already.
pub(crate) fn install(folder: &str) -> anyhow::Result<()> {
    let folder = workspace::root().join(folder);
    if is_installed(&folder) {
        return Ok(());
    }
    process::run(process::npm(&folder).args(["ci", "--no-audit", "--no-fund"]))?;
    fs::copy(folder.join("package-lock.json"), folder.join(INSTALLED))
        .context("cannot note what was installed")?;
    Ok(())
}

fn is_installed(folder: &Path) -> bool {
    let lock = fs::read(folder.join("package-lock.json"));
    let installed = fs::read(folder.join(INSTALLED));
    matches!((lock, installed), (Ok(lock), Ok(installed)) if lock == installed)
}
