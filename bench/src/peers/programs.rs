//! Starting other people's servers: on free loopback ports, in folders that go with them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::peer::{Tools, first_words};
use crate::dialect::Dialect;
use crate::failure::{Failure, Outcome};
use crate::server::{Server, first_line};

/// Where Debian's package puts Nchan.
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/// How long a server may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A server of this program's own, by its subcommand.
pub(super) fn own(name: &str) -> Outcome<Server> {
    announced(
        Command::new(std::env::current_exe()?).arg(name),
        Dialect::Bare,
        name,
    )
}

/// A script on Node that prints its address.
pub(super) fn node(tools: &Tools, folder: PathBuf, script: &str, dialect: Dialect) -> Outcome<Server> {
    fs::create_dir_all(&folder)?;
    let file = folder.join("server.cjs");
    fs::write(&file, script)?;
    let mut command = Command::new("node");
    command
        .arg(&file)
        .env("NODE_PATH", tools.node_modules())
        .env("NODE_ENV", "production");
    Ok(announced(&mut command, dialect, "node")?.in_folder(folder))
}

/// A program whose first line is where it listens.
fn announced(command: &mut Command, dialect: Dialect, name: &str) -> Outcome<Server> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let line = first_line(&mut child)?;
    match line.trim().parse() {
        Ok(address) => Ok(Server::stranger(dialect, child, Vec::new(), address)),
        Err(_) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(Failure::Server(format!("{name} printed {line:?}")))
        }
    }
}

/// Which Nchan is installed.
pub(super) fn nchan_version() -> Result<String, String> {
    let missing = "nginx with Nchan is not installed: `cargo xtask bench --install`";
    if !Path::new(NCHAN).is_file() {
        return Err(missing.into());
    }
    let nginx = first_words(Command::new("nginx").arg("-v")).ok_or(missing)?;
    let mut asked = Command::new("dpkg-query");
    asked.args(["-W", "-f", "${Version}", "libnginx-mod-nchan"]);
    let nchan = first_words(&mut asked).unwrap_or_default();
    Ok(format!(
        "{nchan} on {}",
        nginx.trim_start_matches("nginx version: ")
    ))
}

/// nginx with Nchan.
pub(super) fn nchan(folder: PathBuf) -> Outcome<Server> {
    fs::create_dir_all(&folder)?;
    let address = free_address()?;
    let root = rustix::process::geteuid().is_root();
    let text = include_str!("../../peers/nchan.conf")
        .replace("MODULE", NCHAN)
        .replace("FOLDER", &folder.to_string_lossy())
        .replace("ADDRESS", &address.to_string());
    let text = if root {
        text.replace("USER", "root")
    } else {
        text.replace("user USER;\n", "")
    };
    let file = folder.join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = Command::new("nginx");
    command
        .args(["-g", "daemon off;", "-e", "stderr", "-p"])
        .arg(&folder)
        .arg("-c")
        .arg(&file);
    let child = listening(&mut command, address, &folder, "nginx")?;
    Ok(Server::stranger(Dialect::Bare, child, Vec::new(), address).in_folder(folder))
}

/// uWebSockets under socketify.
pub(super) fn uws(tools: &Tools, folder: PathBuf) -> Outcome<Server> {
    fs::create_dir_all(&folder)?;
    let file = folder.join("server.py");
    fs::write(&file, include_str!("../../peers/uws.py"))?;
    let address = free_address()?;
    let mut command = Command::new(tools.python());
    command.arg(&file).arg(address.port().to_string());
    let child = listening(&mut command, address, &folder, "socketify")?;
    Ok(Server::stranger(Dialect::Bare, child, Vec::new(), address).in_folder(folder))
}

/// Sockudo, on one node.
pub(super) fn sockudo(tools: &Tools, folder: PathBuf) -> Outcome<Server> {
    fs::create_dir_all(&folder)?;
    let address = free_address()?;
    let text = include_str!("../../peers/sockudo.toml")
        .replace("HOST", &address.ip().to_string())
        .replace("PORT", &address.port().to_string());
    let file = folder.join("sockudo.toml");
    fs::write(&file, text)?;
    let mut command = Command::new(tools.sockudo());
    command
        .arg("--config")
        .arg(&file)
        .env("RUST_LOG", "warn")
        .current_dir(&folder);
    let child = listening(&mut command, address, &folder, "sockudo")?;
    Ok(Server::stranger(Dialect::Pusher, child, Vec::new(), address).in_folder(folder))
}

/// uvicorn with Channels, and its Redis.
pub(super) fn channels(tools: &Tools, folder: PathBuf, layer: &str) -> Outcome<Server> {
    fs::create_dir_all(&folder)?;
    let redis = redis(&folder)?;
    fs::write(
        folder.join("asgi.py"),
        include_str!("../../peers/channels/asgi.py"),
    )?;
    let address = free_address()?;
    let mut command = Command::new(tools.python());
    command
        .args([
            "-m",
            "uvicorn",
            "asgi:application",
            "--host",
            "127.0.0.1",
            "--port",
        ])
        .arg(address.port().to_string())
        .args([
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--ws",
            "websockets-sansio",
        ])
        .args(["--workers", "1", "--lifespan", "off", "--backlog", "4096"])
        .args(["--log-level", "warning", "--no-access-log"])
        .current_dir(&folder)
        .env("LAYER", layer)
        .env("REDIS", format!("redis://{}/0", redis.1));
    match listening(&mut command, address, &folder, "uvicorn") {
        Ok(child) => {
            let helpers = vec![redis.0];
            Ok(Server::stranger(Dialect::BareChat, child, helpers, address).in_folder(folder))
        }
        Err(failure) => {
            let (mut child, _) = redis;
            let _ = child.kill();
            let _ = child.wait();
            Err(failure)
        }
    }
}

/// A Redis that keeps nothing on disk.
pub(crate) fn redis(folder: &Path) -> Outcome<(Child, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new("redis-server");
    command
        .args([
            "--save",
            "",
            "--appendonly",
            "no",
            "--bind",
            "127.0.0.1",
            "--port",
        ])
        .arg(address.port().to_string())
        .arg("--dir")
        .arg(folder);
    let child = listening(&mut command, address, folder, "redis-server")?;
    Ok((child, address))
}

/// A port that nobody had a moment ago.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Starts a program that says nothing when it listens, and waits until it does.
pub(crate) fn listening(
    command: &mut Command,
    address: SocketAddr,
    folder: &Path,
    name: &str,
) -> Outcome<Child> {
    let log = folder.join(format!("{name}.log"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .spawn()
        .map_err(|error| Failure::Server(format!("{name}: {error}")))?;
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        if child.try_wait()?.is_some() || began.elapsed() > STARTS_WITHIN {
            let _ = child.kill();
            let _ = child.wait();
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(Failure::Server(format!("{name} does not start: {said}")));
        }
        // sleeps because a server that comes up tells nobody
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}
