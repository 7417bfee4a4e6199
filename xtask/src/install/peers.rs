//! What Charla is measured beside: installed by `cargo xtask bench --install` alone, into a folder of its own, so that no
//! test gets another event loop or more packages than it asks for.

use std::path::Path;
use std::process::Command;

use super::{debian, npm, pip};
use crate::run::{run, target};

/// Debian packages, by what tells that they are there.
const DEBIAN: &[(&str, &str, &str)] = &[
    ("node", "nodejs", "runs two of them"),
    ("npm", "npm", "installs those"),
    ("python3", "python3", "runs two more"),
    (
        "python3 -m ensurepip",
        "python3-venv",
        "gives those a folder of its own",
    ),
    ("redis-server", "redis-server", "carries Channels' messages"),
    ("nginx", "nginx", "Nchan is a module of it"),
    (
        "/usr/lib/nginx/modules/ngx_nchan_module.so",
        "libnginx-mod-nchan",
        "one of them",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libuv.so.1",
        "libuv1",
        "what socketify stands on",
    ),
    (
        "protoc",
        "protobuf-compiler",
        "one of sockudo's parts is built with it",
    ),
    ("cmake", "cmake", "another one"),
];

/// npm packages. None runs a script while it is installed.
const NPM: &[(&str, &str, &str)] = &[
    ("ws", "8.23.0", "one of them"),
    ("bufferutil", "4.1.0", "what its README has for speed, compiled"),
    ("socket.io", "4.8.4", "one of them"),
];

/// Python packages: Channels as it is in the tests, and what its users run it with; uWebSockets, which is not in npm's registry,
/// as socketify brings it.
const PIP: &[(&str, &str, &str)] = &[
    ("django", "5.2.19", "Channels stands on it"),
    ("channels", "4.3.2", "one of them"),
    ("channels_redis", "4.3.0", "its layers"),
    ("redis", "8.1.0", "what that speaks to Redis with"),
    ("hiredis", "3.5.0", "what redis-py reads answers with, compiled"),
    ("msgpack", "1.2.4", "how it packs messages"),
    ("uvicorn", "0.54.0", "serves it"),
    ("websockets", "17.4", "what uvicorn speaks WebSocket with"),
    ("uvloop", "0.23.0", "uvicorn's faster event loop"),
    ("httptools", "0.9.0", "what uvicorn reads HTTP with, compiled"),
    ("cffi", "2.1.1", "how socketify calls its library"),
    ("socketify", "0.0.31", "uWebSockets, one of them"),
];

/// Sockudo, built with what one node needs: with all that it can be, it takes hours.
const SOCKUDO: &str = "5.2.0";

/// Says what is missing, and installs it.
pub(crate) fn peers(root: &Path) -> Result<(), String> {
    let folder = target(root).join("tools").join("bench");
    debian(DEBIAN, true)?;
    npm(&folder, NPM, true)?;
    pip(&folder.join("python"), PIP, true)?;
    sockudo(&folder.join("cargo"))?;
    println!("what Charla is measured beside is in {}", folder.display());
    Ok(())
}

fn sockudo(folder: &Path) -> Result<(), String> {
    if folder.join("bin/sockudo").is_file() {
        return Ok(());
    }
    println!("sockudo {SOCKUDO}, one of them, is built: some 20 minutes");
    run(Command::new("cargo")
        .args(["install", "sockudo", "--version", SOCKUDO, "--locked"])
        .args(["--no-default-features", "--features", "local", "--root"])
        .arg(folder))
}
