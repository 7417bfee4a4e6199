//! Signatures by other hands: of the standards, of OpenSSL and of PyJWT; and keys that are none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod odd;
mod others;
mod vectors;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes in base64url.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A token's signed part and its signature.
pub(crate) fn parts(token: &str) -> (&[u8], Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.as_bytes(), bytes(signature))
}

/// What a program answers to what it is given.
pub(crate) fn answer(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    std::fs::write(&path, input).unwrap();
    let output = command
        .stdin(std::fs::File::open(&path).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: `cargo xtask test` installs it"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// OpenSSL, with text in and text out.
pub(crate) fn openssl(arguments: &str, input: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' '));
    String::from_utf8(answer(&mut command, input.as_bytes())).unwrap()
}

/// The Python with PyJWT, where `cargo xtask test` installs it or where it is said to be.
pub(crate) fn python(script: &str, input: &str) -> serde_json::Value {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let tools = std::env::var_os("CHARLA_TOOLS_PYTHON")
        .map_or_else(|| own.join("../../target/tools/python"), PathBuf::from);
    let mut command = Command::new(tools.join("bin/python"));
    command.arg("-B").arg(own.join("tests/it").join(script));
    serde_json::from_slice(&answer(&mut command, input.as_bytes())).unwrap()
}
