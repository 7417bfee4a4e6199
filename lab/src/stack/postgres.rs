//! PostgreSQL with the project's tables.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{self, Running, output};
use charla_ground::{Failure, Outcome};

use crate::lab::Lab;

/// A PostgreSQL that runs.
pub(crate) struct Postgres {
    pub(crate) running: Running,
    pub(crate) port: u16,
}

impl Postgres {
    /// An empty one with a database called `chat`.
    pub(crate) fn start(lab: &mut Lab) -> Outcome<Self> {
        Self::start_as(lab, false)
    }

    /// The same, which lets nobody in who does not speak TLS.
    pub(crate) fn start_secure(lab: &mut Lab) -> Outcome<Self> {
        Self::start_as(lab, true)
    }

    fn start_as(lab: &mut Lab, is_secure: bool) -> Outcome<Self> {
        let programs = programs()?;
        let folder = lab.new_folder("postgres")?;
        let data = folder.join("data");
        let user = user();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid))?;
        }
        let as_user = |program: &str| {
            // One that does not come with it is found on the path.
            let own = programs.join(program);
            let mut command = Command::new(if own.is_file() {
                own
            } else {
                PathBuf::from(program)
            });
            command.current_dir(&folder);
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let mut made = as_user("initdb");
        output(
            made.args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale",
                "C",
                "-D",
            ])
            .arg(&data),
        )?;
        let port = process::free_port()?;
        let mut command = as_user("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(&folder);
        command.args(["-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()]);
        if is_secure {
            let rules = data.join("pg_hba.conf");
            let lines = process::read(&rules).replace("\nhost ", "\nhostssl ");
            process::write(&rules, &lines)?;
            certify(&mut as_user("openssl"), &data)?;
            command.args(["-c", "ssl=on"]);
        }
        let log = folder.join("postgres.log");
        let mut running = Running::start(&mut command, log)?;
        running.wait_for_words("ready to accept connections")?;
        let tls = if is_secure { "?sslmode=require" } else { "" };
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres{tls}");
        output(
            Command::new(programs.join("psql"))
                .args(["-q", "-c", "CREATE DATABASE chat"])
                .arg(url),
        )?;
        Ok(Self { running, port })
    }

    /// The address as people give it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/chat", self.port)
    }
}

/// A certificate and its key, where PostgreSQL looks for them.
fn certify(openssl: &mut Command, data: &Path) -> Outcome<String> {
    openssl.args(["req", "-new", "-x509", "-nodes", "-days", "30"]);
    openssl.args(["-subj", "/CN=127.0.0.1"]);
    openssl.arg("-out").arg(data.join("server.crt"));
    output(openssl.arg("-keyout").arg(data.join("server.key")))
}

/// The newest version's programs, where Debian puts them.
fn programs() -> Outcome<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("postgres").is_file())
        .max();
    newest.ok_or_else(|| Failure::Lacking("PostgreSQL".to_owned()))
}

/// Who runs it when root must not: user and group.
fn user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let known = process::read(Path::new("/etc/passwd"));
    let line = known.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2).map_while(|field| field.parse().ok());
    Some((fields.next()?, fields.next()?))
}
