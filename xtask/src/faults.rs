//! `cargo xtask faults`: several nodes, every fault in turn, and a checker over the whole history.

use std::{path::Path, process::Command};

use crate::{
    install,
    run::{cargo, run, target},
};

/// Installs what the stack is made of, builds both programs and passes the arguments on; the faults find the program that they try
/// beside themselves.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    install::everything(root, true)?;
    run(cargo(root).args([
        "build",
        "--package",
        "charla",
        "--package",
        "charla-faults",
        "--bins",
    ]))?;
    run(Command::new(target(root).join("debug/charla-faults"))
        .args(arguments)
        .current_dir(root))
}
