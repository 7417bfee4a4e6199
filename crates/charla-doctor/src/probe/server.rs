//! Who serves the WebSocket, or should: found by socket, then by what runs, then by what systemd would start.

mod describe;
mod newcomer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::evidence::{Found, Kind, Listener, ServerSeen, Skipped};
use crate::probe::command::Command;
use crate::probe::sockets::{self, Listening, Place};
use crate::probe::unit::{self, Unit, serves};
use crate::probe::{proc, python};
use crate::text::both;

pub use newcomer::newcomer;

use describe::{describe, listener, main_of, may_be_log, understand, worker};

/// How long processor time is watched.
const WATCH_CPU: Duration = Duration::from_millis(200);
/// Processes and sockets told of, of one kind.
const AT_MOST: usize = 16;
/// Log files given to whoever reads them.
const LOGS_AT_MOST: usize = 8;

/// Where the application is expected.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Its port, where it is known.
    pub port: Option<u16>,
    /// Its Unix socket, where that is what the proxy talks to.
    pub socket: Option<PathBuf>,
    /// How that became known.
    pub from: String,
    /// `--unit`.
    pub unit: Option<String>,
    /// The doctor's own command line, redacted, to be run again with `sudo`.
    pub again: String,
}

/// The application's process as the other probes need it. Holds secrets, so that nothing prints it.
#[derive(Clone, Default)]
pub struct App {
    /// Its id; none when only its unit is known.
    pub pid: Option<u32>,
    /// The environment it was started with, and what its `--env-file` sets.
    pub environment: BTreeMap<String, String>,
    /// Whether that could be read.
    pub environment_known: bool,
    /// Its working folder, as this process reaches it.
    pub folder: Option<PathBuf>,
    /// Folders with installed Python packages, as this process reaches them.
    pub site_packages: Vec<PathBuf>,
    /// Regular files that it, its parent or its workers write to.
    pub log_files: Vec<PathBuf>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// `project.asgi:application`.
    pub module: Option<String>,
    /// `--app-dir`, or the folder that `--chdir` names.
    pub app_folder: Option<PathBuf>,
    /// What it is.
    pub kind: Kind,
    /// The kernel's number of the socket on which it listens where it is expected.
    pub socket: Option<u64>,
}

/// What was found.
#[derive(Default)]
pub struct Looked {
    /// What may be told.
    pub seen: ServerSeen,
    /// What the other probes need; none when there is neither process nor unit.
    pub app: Option<App>,
    /// What was found without being given.
    pub found: Vec<Found>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// Every process that may be the application.
    pub candidates: BTreeSet<u32>,
}

/// Looks for whoever serves the expected port.
pub async fn look(expected: &Expected) -> Looked {
    let wanted = expected.clone();
    let first = tokio::task::spawn_blocking(move || Search::begin(wanted).run()).await;
    let (mut looked, unit_name) = first.unwrap_or_default();
    watch_cpu(&mut looked.seen).await;
    if let Some((name, from)) = unit_name
        && let Some(unit) = unit::show(&name, &from).await
    {
        take_unit(&mut looked, unit);
    }
    looked
}

async fn watch_cpu(seen: &mut ServerSeen) {
    let mut pids: BTreeSet<u32> = seen.serving.iter().map(|worker| worker.pid).collect();
    pids.extend(seen.process.iter().map(|process| process.pid));
    if pids.is_empty() {
        return;
    }
    let read = |pid: &u32| Some((*pid, proc::stat(*pid)?.cpu_s));
    let before: BTreeMap<u32, f64> = pids.iter().filter_map(read).collect();
    let began = tokio::time::Instant::now();
    tokio::time::sleep(WATCH_CPU).await;
    let took = began.elapsed().as_secs_f64();
    let share = |pid: u32| {
        let used = proc::stat(pid)?.cpu_s - before.get(&pid)?;
        Some((used / took).clamp(0.0, 1.0))
    };
    for worker in &mut seen.serving {
        worker.cpu = share(worker.pid);
    }
    if let Some(process) = &mut seen.process {
        process.cpu = share(process.pid);
    }
}

fn take_unit(looked: &mut Looked, unit: Unit) {
    let name = unit.seen.name.clone();
    let from = unit.seen.from.clone();
    if looked.app.is_none() && serves(Command::read(&unit.argv).kind) {
        looked.app = Some(app_of_unit(&unit));
    }
    if let Some(app) = &mut looked.app {
        app.unit = Some(name.clone());
    }
    looked.found.push(Found {
        what: both!("the unit {name}", "la unidad {name}"),
        from: crate::text::Text::same(from),
    });
    looked.seen.unit = Some(unit.seen);
    if let Some(app) = looked.app.as_ref().filter(|_| looked.seen.packages.is_empty()) {
        fill_packages(&mut looked.seen, &app.site_packages);
    }
}

/// A process that does not run: what its unit would give it.
fn app_of_unit(unit: &Unit) -> App {
    let command = Command::read(&unit.argv);
    // A script's own folder is where its virtual environment is.
    let interpreter = command.interpreter.clone().or_else(|| unit.argv.first().cloned());
    App {
        environment: unit.environment.clone(),
        environment_known: true,
        folder: unit.folder.clone(),
        site_packages: python::site_packages(
            None,
            interpreter.as_deref(),
            unit.folder.as_deref(),
            &unit.environment,
        ),
        module: command.module.clone(),
        app_folder: command.app_folder.map(PathBuf::from),
        kind: command.kind,
        ..App::default()
    }
}

fn fill_packages(seen: &mut ServerSeen, folders: &[PathBuf]) {
    seen.packages = python::packages(folders);
    seen.site_packages = folders.first().map(|folder| folder.display().to_string());
}

/// A process that may be the application.
struct Candidate {
    pid: u32,
    command: Command,
}

/// One look at the tables.
struct Search {
    expected: Expected,
    sockets: Vec<Listening>,
    candidates: Vec<Candidate>,
    looked: Looked,
}

impl Search {
    fn begin(expected: Expected) -> Self {
        let candidates = proc::all().into_iter().filter_map(|pid| {
            let command = understand(pid, &proc::argv(pid));
            serves(command.kind).then_some(Candidate { pid, command })
        });
        Self {
            sockets: sockets::listening(),
            candidates: candidates.collect(),
            looked: Looked::default(),
            expected,
        }
    }

    fn run(mut self) -> (Looked, Option<(String, String)>) {
        let seen = &mut self.looked.seen;
        seen.expected_port = self.expected.port;
        self.expected.from.clone_into(&mut seen.expected_from);
        seen.expected_socket = self
            .expected
            .socket
            .as_ref()
            .map(|path| path.display().to_string());
        self.name_owners();
        let (here, elsewhere): (Vec<Listening>, Vec<Listening>) = {
            let (here, other): (Vec<_>, Vec<_>) = self
                .sockets
                .iter()
                .cloned()
                .partition(|socket| self.is_expected(socket));
            (
                here,
                other.into_iter().filter(|socket| self.serves(socket)).collect(),
            )
        };
        let around = self.in_other_networks();
        self.looked.seen.listeners = here.iter().map(listener).collect();
        let mut others: Vec<Listener> = elsewhere.iter().chain(&around).map(listener).collect();
        let main = here.iter().find_map(|socket| main_of(&socket.owners));
        others.retain(|other| main.is_none() || other.pid != main);
        others.truncate(AT_MOST);
        self.looked.seen.elsewhere = others;
        let silent = self.without_socket();
        self.looked.seen.not_listening = silent.iter().take(AT_MOST).map(|pid| describe(*pid)).collect();
        let owners = here
            .iter()
            .find(|socket| !socket.owners.is_empty())
            .map(|socket| socket.owners.clone());
        self.describe_workers(&owners.unwrap_or_default(), main);
        self.looked.seen.process = main.or_else(|| silent.first().copied()).map(describe);
        let elsewhere = self.looked.seen.elsewhere.iter().find_map(|other| other.pid);
        let pid = main.or_else(|| silent.first().copied()).or(elsewhere);
        if let Some(pid) = pid {
            self.describe_app(pid);
        }
        if let Some(app) = &mut self.looked.app {
            app.socket = here.first().map(|socket| socket.inode);
        }
        self.looked.candidates = self.candidates.iter().map(|candidate| candidate.pid).collect();
        self.say_what_is_hidden(&here);
        let unit = self.unit(pid);
        (self.looked, unit)
    }

    fn is_expected(&self, socket: &Listening) -> bool {
        match (&socket.at, &self.expected.socket, self.expected.port) {
            (Place::Unix(path), Some(expected), _) => Path::new(path) == expected,
            (Place::Tcp(address), None, Some(port)) => address.port() == port,
            (Place::Tcp(_) | Place::Unix(_), _, _) => false,
        }
    }

    fn serves(&self, socket: &Listening) -> bool {
        let main = main_of(&socket.owners);
        main.is_some_and(|main| self.candidates.iter().any(|candidate| candidate.pid == main))
    }

    /// Where descriptors may not be read: the one process of the socket's user whose command line names its address.
    fn name_owners(&mut self) {
        for socket in self.sockets.iter_mut().filter(|socket| socket.owners.is_empty()) {
            let names_it = |candidate: &&Candidate| match &socket.at {
                Place::Tcp(address) => {
                    candidate.command.unix.is_none() && candidate.command.port == Some(address.port())
                }
                Place::Unix(path) => candidate.command.unix.as_deref() == Some(path),
            };
            let same_user = |candidate: &&Candidate| {
                socket.user.is_none() || proc::status(candidate.pid).0 == socket.user
            };
            let named: Vec<u32> = self
                .candidates
                .iter()
                .filter(names_it)
                .filter(same_user)
                .map(|candidate| candidate.pid)
                .collect();
            if main_of(&named).is_some() {
                socket.owners = named;
            }
        }
    }

    /// Listeners of candidates that live in a network of their own.
    fn in_other_networks(&self) -> Vec<Listening> {
        let own = proc::link(std::process::id(), "ns/net");
        let foreign = self.candidates.iter().filter(|candidate| {
            let network = proc::link(candidate.pid, "ns/net");
            network.is_some() && network != own
        });
        foreign
            .take(AT_MOST)
            .flat_map(|candidate| sockets::listening_around(candidate.pid))
            .collect()
    }

    /// Candidates that hold no listening socket, parents first; only those whose descriptors may be read.
    fn without_socket(&self) -> Vec<u32> {
        let owners: BTreeSet<u32> = self
            .sockets
            .iter()
            .flat_map(|socket| socket.owners.iter().copied())
            .collect();
        let silent = self.candidates.iter().filter(|candidate| {
            let family = [
                Some(candidate.pid),
                proc::stat(candidate.pid).map(|stat| stat.parent),
            ];
            let around = || sockets::listening_around(candidate.pid);
            !family.iter().flatten().any(|pid| owners.contains(pid))
                && !self.has_child_among(candidate.pid, &owners)
                && proc::descriptors(candidate.pid).is_some()
                && around().is_empty()
        });
        silent.map(|candidate| candidate.pid).collect()
    }

    fn has_child_among(&self, pid: u32, owners: &BTreeSet<u32>) -> bool {
        owners
            .iter()
            .any(|owner| proc::stat(*owner).is_some_and(|stat| stat.parent == pid))
    }

    fn describe_workers(&mut self, owners: &[u32], main: Option<u32>) {
        let workers: Vec<u32> = owners.iter().copied().filter(|pid| Some(*pid) != main).collect();
        let serving: Vec<u32> = if workers.is_empty() {
            main.into_iter().collect()
        } else {
            workers.clone()
        };
        self.looked.seen.serving = serving.iter().take(AT_MOST).map(|pid| worker(*pid)).collect();
        self.looked.seen.workers = workers;
    }

    fn describe_app(&mut self, pid: u32) {
        let argv = proc::argv(pid);
        let command = self
            .candidates
            .iter()
            .find(|candidate| candidate.pid == pid)
            .map(|candidate| candidate.command.clone());
        let command = command.unwrap_or_else(|| understand(pid, &argv));
        let root = proc::link(pid, "root")
            .filter(|root| root.as_os_str() != "/")
            .map_or_else(
                || PathBuf::from("/"),
                |_| PathBuf::from(format!("/proc/{pid}/root")),
            );
        let environment = proc::environment(pid);
        let folder = proc::link(pid, "cwd");
        let mut app = App {
            pid: Some(pid),
            environment_known: environment.is_some(),
            environment: environment.unwrap_or_default(),
            module: command.module.clone(),
            kind: command.kind,
            unit: proc::unit(pid),
            log_files: self.log_files(pid),
            ..App::default()
        };
        let within = |path: &str| {
            proc::reach(
                &root,
                &folder.clone().unwrap_or_else(|| PathBuf::from("/")).join(path),
            )
        };
        if let Some(file) = &command.env_file {
            let text = std::fs::read_to_string(within(file)).unwrap_or_default();
            for (name, value) in unit::lines_of_assignments(&text) {
                app.environment.entry(name).or_insert(value);
            }
        }
        app.app_folder = command
            .app_folder
            .as_deref()
            .filter(|path| !path.is_empty())
            .map(within);
        app.site_packages = python::site_packages(
            Some(pid),
            command.interpreter.as_deref(),
            folder.as_deref(),
            &app.environment,
        );
        app.folder = folder.map(|folder| proc::reach(&root, &folder));
        fill_packages(&mut self.looked.seen, &app.site_packages);
        if let Some(process) = &mut self.looked.seen.process {
            command.limits(process, |name| app.environment.get(name).map(String::as_str));
        }
        self.looked.app = Some(app);
    }

    /// Regular files that the process, its workers or its parent write to and that may be logs.
    fn log_files(&self, pid: u32) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        let pids = std::iter::once(pid).chain(self.looked.seen.workers.iter().copied());
        for pid in pids {
            for (descriptor, path) in proc::descriptors(pid).unwrap_or_default() {
                let fresh = path.is_absolute() && !found.contains(&path) && may_be_log(&path);
                if fresh && proc::is_writable(pid, descriptor) && path.is_file() {
                    found.push(path);
                }
            }
        }
        found.truncate(LOGS_AT_MOST);
        found
    }

    /// The unit to ask systemd about, and how it became known.
    fn unit(&self, pid: Option<u32>) -> Option<(String, String)> {
        if let Some(name) = &self.expected.unit {
            return Some((name.clone(), "--unit".to_owned()));
        }
        if let Some((pid, unit)) = pid.and_then(|pid| Some((pid, proc::unit(pid)?))) {
            return Some((unit, format!("/proc/{pid}/cgroup")));
        }
        let units = unit::that_serve();
        let port = self.expected.port.filter(|_| self.expected.socket.is_none());
        let socket = self.looked.seen.expected_socket.as_deref();
        let names_it = |command: &Command| match socket {
            Some(socket) => command.unix.as_deref() == Some(socket),
            None => command.unix.is_none() && command.port.is_some() && command.port == port,
        };
        let mut named = units.iter().filter(|(_, _, command)| names_it(command));
        let (name, path, _) = named.next()?;
        named
            .next()
            .is_none()
            .then(|| (name.clone(), path.display().to_string()))
    }

    fn say_what_is_hidden(&mut self, here: &[Listening]) {
        let again = format!("sudo {}", self.expected.again);
        if let Some(socket) = here.iter().find(|socket| socket.owners.is_empty()) {
            let address = socket.address();
            let port = socket.port().map_or_else(
                || "ss -lxp".to_owned(),
                |port| format!("ss -ltnp 'sport = :{port}'"),
            );
            self.looked.skipped.push(Skipped {
                what: both!(
                    "the process that listens on {address}",
                    "el proceso que escucha en {address}"
                ),
                why: both!("it belongs to another user", "es de otro usuario"),
                try_this: Some(format!("sudo {port}")),
            });
        }
        if let Some((pid, false)) = self
            .looked
            .app
            .as_ref()
            .and_then(|app| Some((app.pid?, app.environment_known)))
        {
            self.looked.skipped.push(Skipped {
                what: both!(
                    "the environment and open files of process {pid}",
                    "el entorno y los archivos abiertos del proceso {pid}"
                ),
                why: both!("it belongs to another user", "es de otro usuario"),
                try_this: Some(again),
            });
        }
        if let Some(process) = &self.looked.seen.process {
            let (pid, command) = (process.pid, process.command.clone());
            self.looked.found.push(Found {
                what: both!(
                    "the server: pid {pid}, {command}",
                    "el servidor: pid {pid}, {command}"
                ),
                from: match self
                    .looked
                    .seen
                    .listeners
                    .first()
                    .map(|first| first.address.clone())
                {
                    Some(address) => both!("the socket {address}", "el socket {address}"),
                    None => both!("its command line in /proc", "su línea de comandos en /proc"),
                },
            });
        }
    }
}
