//! `cargo xtask ci`: all that a change must pass before it lands.

use std::path::Path;

use crate::{bench, deny, install, test};

pub(crate) fn run_all(root: &Path, install: bool) -> Result<(), String> {
    test::run_all(root, install)?;
    deny::run_with(root, false)?;
    bench::run_with(root, &["all", "--small"])?;
    // `ws` stands among the tests' own packages.
    let node = install::tools(root).node;
    let node = node.to_string_lossy();
    let only = [
        "peers",
        "--small",
        "--only",
        "tungstenite",
        "--only",
        "ws",
        "--tools",
    ];
    bench::run_with(root, &[&only[..], &[node.as_ref()]].concat())
}
