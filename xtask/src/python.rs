//! The Python side: what a benchmark or a test needs from the Python Package Index, in a virtual environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::{process, workspace};

/// A copy of the requirements that it was made from.
const INSTALLED: &str = "xtask-requirements.txt";

/// Installs what `requirements` lists into `folder` of the target folder, unless it is there already, and says which Python has
/// it.
pub(crate) fn install(folder: &str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let folder = workspace::target()?.join(folder);
    let python = folder.join("bin").join("python");
    if is_installed(requirements, &folder) {
        return Ok(python);
    }
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--requirement"];
    process::run(Command::new(&python).args(pip).arg(requirements))?;
    fs::copy(requirements, folder.join(INSTALLED)).context("cannot note what was installed")?;
    Ok(python)
}

fn is_installed(requirements: &Path, folder: &Path) -> bool {
    let wanted = fs::read(requirements);
    let installed = fs::read(folder.join(INSTALLED));
    matches!((wanted, installed), (Ok(wanted), Ok(installed)) if wanted == installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_requirements_are_installed() {
        let folder = std::env::temp_dir().join(format!("visavis-xtask-python-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("make a folder");
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, "numpy==1\n").expect("write requirements");
        assert!(!is_installed(&requirements, &folder), "nothing is");
        fs::copy(&requirements, folder.join(INSTALLED)).expect("note them");
        assert!(is_installed(&requirements, &folder));
        fs::write(&requirements, "numpy==2\n").expect("write other requirements");
        assert!(!is_installed(&requirements, &folder));
        fs::remove_dir_all(&folder).expect("remove the folder");
    }
}
