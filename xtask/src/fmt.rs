//! `cargo xtask fmt`: rustfmt over every crate.

use std::path::Path;

use crate::run::{cargo, run};

pub(crate) fn write(root: &Path) -> Result<(), String> {
    run(cargo(root).args(["fmt", "--all"]))
}

pub(crate) fn check(root: &Path) -> Result<(), String> {
    run(cargo(root).args(["fmt", "--all", "--check"]))
}
