//! `cargo xtask generate`: the UI's wire types, from the Rust types.

use crate::process;

pub(crate) fn run() -> anyhow::Result<()> {
    process::run(
        process::cargo()
            .args(["test", "--quiet", "--package", "visavis-engine", "--test", "typescript"])
            .env("VISAVIS_UPDATE", "1"),
    )
}
