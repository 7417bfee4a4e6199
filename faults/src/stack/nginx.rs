//! nginx in front of the nodes: each connection to the next node, whoever comes.

use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{Running, read};
use charla_ground::{Failure, Outcome};
use rustix::process::Signal;

/// An nginx.
pub(crate) struct Nginx {
    running: Option<Running>,
    pub(crate) place: SocketAddrV4,
    folder: PathBuf,
}

impl Nginx {
    /// Starts one that passes on to these nodes.
    pub(crate) fn start(folder: &Path, place: SocketAddrV4, nodes: &[SocketAddrV4]) -> Outcome<Self> {
        // Its workers run as another user.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let mut nginx = Self {
            running: None,
            place,
            folder: folder.to_owned(),
        };
        nginx.write(nodes)?;
        nginx.run()?;
        Ok(nginx)
    }

    /// Starts it, again after [`Nginx::kill`].
    pub(crate) fn run(&mut self) -> Outcome<()> {
        let mut command = Command::new("nginx");
        command
            .arg("-e")
            .arg(self.log())
            .arg("-c")
            .arg(self.folder.join("nginx.conf"));
        let mut running = Running::start(&mut command, self.folder.join("nginx.out"))?;
        running.wait_for_address(self.place)?;
        self.running = Some(running);
        Ok(())
    }

    /// Ends it and its workers at once.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        let workers = self.workers()?;
        if let Some(mut running) = self.running.take() {
            running.kill()?;
        }
        for worker in workers {
            let worker = i32::try_from(worker)
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(worker) = worker {
                rustix::process::kill_process(worker, Signal::KILL)?;
            }
        }
        Ok(())
    }

    /// Passes on to these nodes from now on. Connections that are open stay with the workers that have them.
    pub(crate) fn reload(&self, nodes: &[SocketAddrV4]) -> Outcome<()> {
        self.write(nodes)?;
        self.process()?.signal(Signal::HUP)
    }

    /// The processes that serve.
    pub(crate) fn workers(&self) -> Outcome<Vec<u32>> {
        let master = self.process()?.pid();
        let children = format!("/proc/{master}/task/{master}/children");
        let children = read(Path::new(&children));
        Ok(children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("error.log")
    }

    fn process(&self) -> Outcome<&Running> {
        let none = || Failure::NotStarted("nginx does not run".to_owned());
        self.running.as_ref().ok_or_else(none)
    }

    fn write(&self, nodes: &[SocketAddrV4]) -> Outcome<()> {
        let place = self.folder.display();
        let port = self.place.port();
        let listen = if self.place.ip().is_loopback() {
            format!("listen 127.0.0.1:{port};")
        } else {
            format!("listen {port};")
        };
        let user = if rustix::process::geteuid().is_root() {
            "user www-data;"
        } else {
            ""
        };
        let nodes: String = nodes
            .iter()
            // By default a node that refused once is left alone for 10 s: restart three, and all of them are.
            .map(|node| format!("server {node} max_fails=1 fail_timeout=2s; "))
            .collect();
        let conf = format!(
            "{user}\nworker_processes 1;\npid {place}/nginx.pid;\ndaemon off;\nevents {{ worker_connections 4096; }}\n\
             http {{\n  access_log off;\n  error_log {place}/error.log;\n  \
             client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;\n  \
             uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;\n  \
             map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n  \
             upstream nodes {{ {nodes}}}\n  server {{\n    {listen}\n    location / {{\n      proxy_pass http://nodes;\n      \
             proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
             proxy_set_header Connection $connection_upgrade;\n      proxy_set_header Host $http_host; \
             proxy_set_header X-Forwarded-For $remote_addr;\n      proxy_connect_timeout 2s; proxy_read_timeout 75s;\n    \
             }}\n  }}\n}}\n"
        );
        Ok(fs::write(self.folder.join("nginx.conf"), conf)?)
    }
}
