//! nginx with a configuration of the scenario's, and its logs in its folder.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use charla_ground::Outcome;
use charla_ground::process::{self, Running};
use rustix::process::Signal;

use crate::lab::Lab;

/// An nginx that runs.
pub(crate) struct Nginx {
    running: Running,
    pub(crate) folder: PathBuf,
}

/// The lines that let a WebSocket through.
pub(crate) const UPGRADE: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
     proxy_set_header Connection $connection_upgrade; proxy_set_header Host $http_host;";

/// What stands beside the servers.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// `worker_connections`.
    pub(crate) connections: u32,
    /// The workers' user, where nginx is started by root.
    pub(crate) user: &'static str,
    /// More lines, beside `events` and `http`.
    pub(crate) main: &'static str,
}

impl Frame {
    /// As Debian has it.
    pub(crate) const PLAIN: Self = Self {
        connections: 768,
        user: "www-data",
        main: "",
    };
}

impl Nginx {
    /// Starts one with these lines within `http`. `{folder}` in them is its folder.
    pub(crate) fn start(lab: &mut Lab, frame: Frame, servers: &str, port: u16) -> Outcome<Self> {
        let mut nginx = Self::spawn(lab, frame, servers, Command::new("nginx"))?;
        nginx.running.wait_for_port(port)?;
        Ok(nginx)
    }

    /// The same at an address of another machine than loopback; `program` starts it there.
    pub(crate) fn start_at(
        lab: &mut Lab,
        program: Command,
        servers: &str,
        at: (Ipv4Addr, u16),
    ) -> Outcome<Self> {
        let mut nginx = Self::spawn(lab, Frame::PLAIN, servers, program)?;
        nginx.running.wait_for_address(at)?;
        Ok(nginx)
    }

    /// Reads its configuration again, and waits until an old worker is on its way out.
    pub(crate) fn reload(&mut self) -> Outcome<String> {
        self.running.signal(Signal::HUP)?;
        self.running.wait_for_child("worker process is shutting down")
    }

    fn spawn(lab: &mut Lab, frame: Frame, servers: &str, mut command: Command) -> Outcome<Self> {
        let folder = lab.new_folder("nginx")?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        fs::create_dir_all(folder.join("sites-enabled"))?;
        fs::create_dir_all(folder.join("html"))?;
        process::write(
            &folder.join("html/index.html"),
            "<!doctype html><title>Soporte</title><div id=root></div>\n",
        )?;
        let place = folder.display().to_string();
        let user = if rustix::process::geteuid().is_root() {
            format!("user {};\n", frame.user)
        } else {
            String::new()
        };
        let conf = format!(
            "{user}worker_processes 1;\npid {place}/nginx.pid;\nerror_log {place}/error.log;\ndaemon off;\n{}\
             events {{\n    worker_connections {};\n}}\nhttp {{\n    access_log {place}/access.log;\n    \
             client_body_temp_path {place}/body;\n    proxy_temp_path {place}/proxy;\n    fastcgi_temp_path {place}/fastcgi;\n    \
             uwsgi_temp_path {place}/uwsgi;\n    scgi_temp_path {place}/scgi;\n    \
             map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n    include {place}/sites-enabled/*;\n}}\n",
            frame.main, frame.connections
        );
        process::write(&folder.join("nginx.conf"), &conf)?;
        process::write(
            &folder.join("sites-enabled/chat"),
            &servers.replace("{folder}", &place),
        )?;
        command
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-c")
            .arg(folder.join("nginx.conf"));
        let running = Running::start(&mut command, folder.join("nginx.out"))?;
        Ok(Self { running, folder })
    }
}

/// A server on a port, with these lines in it.
pub(crate) fn server(port: u16, lines: &str) -> String {
    format!("server {{\n    listen 127.0.0.1:{port};\n    server_name chat.example.com;\n{lines}\n}}\n")
}

/// A location that passes on to a port, with more lines.
pub(crate) fn location(upstream: u16, more: &str) -> String {
    format!("    location /ws/ {{\n        proxy_pass http://127.0.0.1:{upstream};\n        {more}\n    }}")
}
