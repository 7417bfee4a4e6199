//! `cargo xtask bench`: the load generator against the server, both built for release; for `--small`, which says nothing about
//! time, as they were built for the tests.

use std::{path::Path, process::Command};

use crate::install;
use crate::run::{cargo, run, target};

/// Builds both and passes the arguments on; the load generator finds the server beside itself. With `--install` alone it
/// installs what is measured beside it.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    if arguments == ["--install"] {
        return install::peers(root);
    }
    let small = arguments.contains(&"--small");
    let mut build = cargo(root);
    build.args(["build", "--package", "charla", "--package", "charla-bench"]);
    if !small {
        build.arg("--release");
    }
    run(&mut build)?;
    let built = target(root).join(if small { "debug" } else { "release" });
    run(Command::new(built.join("charla-bench"))
        .args(arguments)
        .current_dir(root))
}
