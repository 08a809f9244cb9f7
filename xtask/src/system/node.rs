//! Node: like Rust, it comes from its users, because distributions lag behind what the UI's tools ask for.

use anyhow::{Context as _, ensure};

use crate::process;

/// What Vite asks for: this minor version of this major version, or any later major version.
const OLDEST: (u32, u32) = (20, 19);

/// Fails with a way out when Node or npm is missing or too old.
pub(crate) fn check() -> anyhow::Result<()> {
    let (major, minor) = OLDEST;
    let advice = format!("Node {major}.{minor} or later with npm is needed: https://nodejs.org/en/download");
    let printed =
        process::output("node", &["--version"]).with_context(|| format!("there is no Node. {advice}"))?;
    let found = version(&printed).with_context(|| format!("node --version says {printed:?}. {advice}"))?;
    ensure!(found >= OLDEST, "this is Node {}. {advice}", printed.trim());
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    process::output(npm, &["--version"]).with_context(|| format!("there is no npm. {advice}"))?;
    Ok(())
}

/// Major and minor of `v20.19.4`.
fn version(printed: &str) -> Option<(u32, u32)> {
    let mut numbers = printed.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("v20.19.4\n"), Some((20, 19)));
        assert!(version("v20.9.0") < Some(OLDEST));
        assert!(version("v100.0.0") > Some(OLDEST));
        assert_eq!(version("garbage"), None);
        assert_eq!(version("v20"), None);
    }
}
