//! `cargo xtask lab`: the doctor against real stacks, broken one cause at a time.

use std::{path::Path, process::Command};

use crate::{
    install,
    run::{cargo, run, target},
};

/// Installs what the stacks are made of, builds both programs and passes the arguments on; the lab finds the program that it tries
/// beside itself.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    install::everything(root, true)?;
    run(cargo(root).args([
        "build",
        "--package",
        "charla",
        "--package",
        "charla-lab",
        "--bins",
    ]))?;
    run(Command::new(target(root).join("debug/charla-lab"))
        .args(arguments)
        .env("CHARLA_TOOLS_PYTHON", install::tools(root).python)
        .current_dir(root))
}
