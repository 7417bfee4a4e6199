//! `cargo xtask bench`: the load generator against the server, both built for release.

use std::{path::Path, process::Command};

use crate::run::{cargo, run, target};

/// Builds both and passes the arguments on; the load generator finds the server beside itself.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    run(cargo(root).args([
        "build",
        "--release",
        "--package",
        "charla",
        "--package",
        "charla-bench",
    ]))?;
    let release = target(root).join("release");
    run(Command::new(release.join("charla-bench"))
        .args(arguments)
        .current_dir(root))
}
