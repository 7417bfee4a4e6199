//! `cargo xtask soak`: an evening of 500 people, and what it leaves in memory, descriptors and on disk.

use std::{path::Path, process::Command};

use crate::run::{cargo, run, target};

/// Builds both, in release if that is the first argument, and passes the others on.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut build = cargo(root);
    build.args([
        "build",
        "--locked",
        "--package",
        "charla",
        "--package",
        "charla-bench",
    ]);
    let (profile, rest) = match arguments {
        ["--release", rest @ ..] => {
            build.arg("--release");
            ("release", rest)
        }
        rest => ("debug", rest),
    };
    run(&mut build)?;
    run(Command::new(target(root).join(profile).join("charla-bench"))
        .arg("soak")
        .args(rest)
        .current_dir(root))
}
