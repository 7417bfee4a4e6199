//! `cargo xtask conformance`: every frame rule of RFC 6455 and RFC 7692, over real sockets.

use std::{path::Path, process::Command};

use crate::run::{cargo, run, target};

/// Builds server and checker and passes the arguments on; the checker finds the server beside itself.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    run(cargo(root).args([
        "build",
        "--locked",
        "--package",
        "charla",
        "--package",
        "charla-conformance",
        "--bins",
    ]))?;
    run(Command::new(target(root).join("debug/charla-conformance"))
        .args(arguments)
        .current_dir(root))
}
