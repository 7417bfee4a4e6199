//! `cargo xtask deny`: what may stand below Charla, as `deny.toml` says.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    install,
    run::{on_path, run},
};

/// Checks crates, licences and where they come from; what is known against them too, unless the list of that cannot be fetched
/// (`--offline`).
pub(crate) fn run_with(root: &Path, offline: bool) -> Result<(), String> {
    let Some(program) = program(root) else {
        return Err("cargo-deny is not installed: `cargo xtask test` installs it".to_owned());
    };
    let mut deny = Command::new(program);
    deny.current_dir(root).env("CARGO", env!("CARGO"));
    if offline {
        deny.args(["--offline", "check", "bans", "licenses", "sources"]);
    } else {
        deny.arg("check");
    }
    run(&mut deny)
}

/// The one on the path, or the one that the chores have installed.
fn program(root: &Path) -> Option<PathBuf> {
    if on_path("cargo-deny") {
        return Some("cargo-deny".into());
    }
    let own = install::tools(root).python.join("bin/cargo-deny");
    own.is_file().then_some(own)
}
