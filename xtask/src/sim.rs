//! `cargo xtask sim`: ten thousand worlds in virtual time, or one seed's world event by event.

use std::{path::Path, process::Command};

use crate::run::{cargo, run, target};

/// Builds the simulation and passes the arguments on.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    run(cargo(root).args(["build", "--locked", "--package", "charla-sim", "--bins"]))?;
    run(Command::new(target(root).join("debug/charla-sim"))
        .args(arguments)
        .current_dir(root))
}
