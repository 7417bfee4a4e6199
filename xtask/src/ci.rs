//! `cargo xtask ci`: all that a change must pass before it lands.

use std::path::Path;

use crate::{
    bench, install,
    run::{cargo, on_path, run},
    test,
};

pub(crate) fn run_all(root: &Path, install: bool) -> Result<(), String> {
    test::run_all(root, install)?;
    if on_path("cargo-deny") {
        run(cargo(root).args(["deny", "check"]))?;
    } else {
        println!("cargo-deny is not installed: licences and advisories are not checked");
    }
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
