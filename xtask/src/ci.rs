//! `cargo xtask ci`: all that a change must pass before it lands.

use std::path::Path;

use crate::{
    bench,
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
    bench::run_with(root, &["all", "--small"])
}
