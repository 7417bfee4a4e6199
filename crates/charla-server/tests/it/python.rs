//! The Python with Django, Channels and OpenTelemetry, where `cargo xtask test` installs it or where it is said to be.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;

/// A script of these tests, named from their folder; it leaves no compiled files there.
fn script(name: &str) -> Command {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = std::env::var_os("CHARLA_TOOLS_PYTHON")
        .map_or_else(|| own.join("../../target/tools/python"), PathBuf::from);
    let mut command = Command::new(tools.join("bin/python"));
    command.arg("-B").arg(own.join("tests/it").join(name));
    command
}

/// Runs a script to its end; what it made.
pub(crate) fn run<T: DeserializeOwned>(name: &str, arguments: &[&str]) -> T {
    let output = script(name)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("Python: {error}: `cargo xtask test` installs it"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Starts a script that is spoken with.
pub(crate) fn start(name: &str) -> Child {
    script(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("Python: {error}: `cargo xtask test` installs it"))
}
