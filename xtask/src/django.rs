//! `cargo xtask django`: half the clients on uvicorn with Channels, half on Charla, one Redis, and everybody hears everybody once.

use std::{path::Path, process::Command};

use crate::{
    install,
    run::{cargo, run},
    test::with_tools,
};

/// Installs what the stack is made of, builds the program that it tries and passes the arguments on to the script that plays all clients.
pub(crate) fn run_with(root: &Path, arguments: &[&str]) -> Result<(), String> {
    install::everything(root, true)?;
    run(cargo(root).args(["build", "--package", "charla", "--bins"]))?;
    let tools = install::tools(root);
    let mut script = Command::new(tools.node_program());
    script
        .current_dir(root)
        .arg("tests/django/half.mjs")
        .args(arguments);
    run(with_tools(&mut script, root, &tools))
}
