//! `charla serve` with settings of its own, on a store that outlives it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// What the application's tokens are signed with.
pub(super) const SECRET: &str = "what charla-bench signs with";
/// How long a server may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running server, ended when dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts one on a folder, with these settings besides those that every row has.
    pub(super) fn start(charla: &Path, folder: &Path, settings: &str) -> Outcome<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let file = folder.join("charla.toml");
        std::fs::write(
            &file,
            format!(
                "[server]\nlisten = \"{address}\"\ndefault_tenant = \"bench\"\n[store]\npath = \"data\"\n\
                 [limits]\nconnections_per_address = 100000\nconnects_per_second_per_user = 0\nrefusals_per_minute = 0\nrefusals_per_minute_per_address = 0\n\
                 [[auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n{settings}"
            ),
        )?;
        let log = folder.join("stderr.log");
        let mut command = Command::new(charla);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CHARLA_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .map_err(|error| Failure::Server(format!("{}: {error}", charla.display())))?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait()?.is_some();
            if ended || began.elapsed() > STARTS_WITHIN {
                let _ = child.kill();
                let _ = child.wait();
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::Server(format!("charla serve does not start: {said}")));
            }
            // sleeps because a server that comes up tells nobody
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
