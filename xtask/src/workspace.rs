//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The folder that cargo builds into, whatever chose it: this program lies two levels below.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where xtask itself is")?;
    let target = program.ancestors().nth(2).context("xtask is not in a target folder")?;
    Ok(target.to_owned())
}
