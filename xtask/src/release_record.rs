//! `cargo xtask release-record`: keeps what this release leaves behind, for the next ones to be tried against.

use std::{path::Path, process::Command};

use crate::{
    install,
    run::{cargo, run, target},
    test::with_tools,
};

/// Builds the program and has `tests/upgrades/record.mjs` write `protocol/releases/<version>/`. A record is made once, when its
/// version is released: another one under its name would be of another program.
pub(crate) fn run_once(root: &Path) -> Result<(), String> {
    let version = env!("CARGO_PKG_VERSION");
    let place = root.join("protocol/releases").join(version);
    if place.exists() {
        return Err(format!(
            "{} is there already, and stays as it is",
            place.display()
        ));
    }
    let tools = install::tools(root);
    run(cargo(root).args(["build", "--package", "charla", "--locked"]))?;
    let mut node = Command::new(tools.node_program());
    node.current_dir(root)
        .arg("tests/upgrades/record.mjs")
        .arg(target(root).join("debug/charla"))
        .arg(version);
    run(with_tools(&mut node, root, &tools))
}
