//! A PostgreSQL of the run's own, which commits to the disk as it does by default.

use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{Running, output, read};
use charla_ground::{Failure, Outcome};
use rustix::process::Signal;
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Where Debian and others keep a server's own programs, below their versions.
const PROGRAMS: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];
/// Connections that it takes; four nodes have ten each.
const CONNECTIONS: &str = "max_connections=80";

/// A PostgreSQL.
pub(crate) struct Postgres {
    running: Option<Running>,
    pub(crate) place: SocketAddrV4,
    folder: PathBuf,
    runtime: Handle,
}

impl Postgres {
    /// Makes and starts one with a database and a user `charla`.
    pub(crate) fn start(runtime: &Handle, folder: &Path, place: SocketAddrV4) -> Outcome<Self> {
        let mut postgres = Self {
            running: None,
            place,
            folder: folder.to_owned(),
            runtime: runtime.clone(),
        };
        postgres.own(folder)?;
        let mut made = postgres.program("initdb")?;
        made.args([
            "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C", "-D",
        ])
        .arg(postgres.data());
        output(&mut made)?;
        let access = postgres.data().join("pg_hba.conf");
        fs::write(&access, read(&access) + "host all all 10.77.0.0/24 trust\n")?;
        postgres.run()?;
        postgres.ask("postgres", "CREATE ROLE charla LOGIN")?;
        postgres.ask("postgres", "CREATE DATABASE charla OWNER charla")?;
        Ok(postgres)
    }

    /// Starts it, again after [`Postgres::stop`].
    pub(crate) fn run(&mut self) -> Outcome<()> {
        let mut command = self.program("postgres")?;
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        let address = format!("listen_addresses={}", self.place.ip());
        for option in [&address, CONNECTIONS, "shared_buffers=64MB"] {
            command.args(["-c", option]);
        }
        command.args(["-p", &self.place.port().to_string()]);
        let mut running = Running::start(&mut command, self.log())?;
        running.wait_until("let anybody in", || self.ask("postgres", "SELECT 1").is_ok())?;
        self.running = Some(running);
        Ok(())
    }

    /// Ends it: INT cuts everybody off and writes everything down, KILL asks nobody.
    pub(crate) fn stop(&mut self, signal: Signal) -> Outcome<()> {
        if let Some(running) = &mut self.running {
            running.signal(signal)?;
            running.wait_for_end()?;
        }
        self.running = None;
        Ok(())
    }

    /// What it has said.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The address for nodes.
    pub(crate) fn url(&self) -> String {
        format!("postgres://charla@{}/charla", self.place)
    }

    /// Has statements carried out by the operator; the rows of their answers.
    pub(crate) fn ask(&self, database: &str, sql: &str) -> Outcome<Vec<Vec<String>>> {
        let answer = async {
            let client = self.connect(database).await?;
            let rows = client.simple_query(sql).await?.into_iter();
            let rows = rows.filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    let cell = |index| row.get(index).unwrap_or_default().to_owned();
                    Some((0..row.len()).map(cell).collect())
                }
                SimpleQueryMessage::CommandComplete(_) | SimpleQueryMessage::RowDescription(_) => None,
                _ => None,
            });
            Ok(rows.collect())
        };
        self.runtime.block_on(answer).map_err(|error| of_database(&error))
    }

    /// Begins a transaction, which lasts as long as the connection is held.
    pub(crate) fn hold(&self, sql: &str) -> Outcome<Client> {
        let begun = async {
            let client = self.connect("charla").await?;
            client.batch_execute(&format!("BEGIN; {sql}")).await?;
            Ok(client)
        };
        self.runtime.block_on(begun).map_err(|error| of_database(&error))
    }

    async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let url = format!("postgres://postgres@{}/{database}?connect_timeout=3", self.place);
        let (client, driver) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(driver);
        Ok(client)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Gives a folder to the user that it runs as.
    pub(crate) fn own(&self, folder: &Path) -> Outcome<()> {
        if let Some((user, group)) = user() {
            chown(folder, Some(user), Some(group))?;
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Outcome<Command> {
        let mut command = Command::new(programs()?.join(name));
        command.current_dir(&self.folder);
        // It refuses to run as root.
        if let Some((uid, gid)) = user() {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    }
}

fn of_database(error: &tokio_postgres::Error) -> Failure {
    Failure::Tool("postgresql", error.to_string())
}

/// The newest server's programs.
fn programs() -> Outcome<PathBuf> {
    let below = |root: &str| fs::read_dir(root).into_iter().flatten().flatten();
    let found = PROGRAMS.iter().flat_map(|root| below(root)).filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let newest = found
        .filter(|(_, programs)| programs.join("postgres").exists())
        .max();
    let lacking = || Failure::Lacking("PostgreSQL: `cargo xtask test` installs it".to_owned());
    newest.map(|(_, programs)| programs).ok_or_else(lacking)
}

/// The user to be instead of root.
fn user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = read(Path::new("/etc/passwd"));
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    })
}
