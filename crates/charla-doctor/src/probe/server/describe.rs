//! One process or socket, as evidence has it.

use std::path::Path;

use crate::evidence::{Kind, Listener, ProcessSeen, WorkerSeen};
use crate::probe::command::{self, Command};
use crate::probe::proc;
use crate::probe::sockets::{self, Listening};
use crate::redact::redact;

/// What a command line says, completed by gunicorn's configuration, where its worker class may stand.
pub(super) fn understand(pid: u32, argv: &[String]) -> Command {
    let mut command = Command::read(argv);
    if command.kind == Kind::GunicornWsgi && command.worker_class.is_none() {
        let folder = proc::link(pid, "cwd").unwrap_or_default();
        let file = command
            .config
            .as_deref()
            .unwrap_or("gunicorn.conf.py")
            .trim_start_matches("file:")
            .to_owned();
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let environment = proc::environment(pid)
            .and_then(|mut all| all.remove("GUNICORN_CMD_ARGS"))
            .unwrap_or_default();
        command.worker_class = command::worker_class_in(&text, &environment);
        if command
            .worker_class
            .as_deref()
            .is_some_and(command::is_asgi_worker)
        {
            command.kind = Kind::GunicornAsgi;
        }
    }
    command
}

/// Of several processes that share a socket the one whose parent is none of them.
pub(super) fn main_of(owners: &[u32]) -> Option<u32> {
    let parent = |pid: u32| proc::stat(pid).map(|stat| stat.parent);
    let mut roots = owners
        .iter()
        .copied()
        .filter(|pid| parent(*pid).is_none_or(|parent| !owners.contains(&parent)));
    roots.next()
}

pub(super) fn listener(socket: &Listening) -> Listener {
    let pid = main_of(&socket.owners);
    let argv = pid.map(proc::argv).unwrap_or_default();
    Listener {
        address: socket.address(),
        pid,
        kind: pid.map(|pid| understand(pid, &argv).kind).unwrap_or_default(),
        command: redact(&argv.join(" ")),
        queue: socket.queue,
        backlog: socket.backlog,
        ..Listener::default()
    }
}

pub(super) fn worker(pid: u32) -> WorkerSeen {
    WorkerSeen {
        pid,
        state: proc::stat(pid)
            .map(|stat| stat.state.to_string())
            .unwrap_or_default(),
        descriptors: proc::descriptors(pid).map(|open| open.len() as u64),
        descriptor_limit: proc::descriptor_limit(pid),
        cpu: None,
    }
}

pub(super) fn describe(pid: u32) -> ProcessSeen {
    let argv = proc::argv(pid);
    let command = understand(pid, &argv);
    let stat = proc::stat(pid);
    let (user, memory) = proc::status(pid);
    let open = worker(pid);
    let mut process = ProcessSeen {
        pid,
        command: redact(&argv.join(" ")),
        kind: command.kind,
        state: open.state,
        user: user.map(proc::user),
        folder: proc::link(pid, "cwd").map(|path| path.display().to_string()),
        age_s: stat.as_ref().and_then(proc::age),
        memory,
        descriptors: open.descriptors,
        descriptor_limit: open.descriptor_limit,
        connections: command.port.map(|port| sockets::established(pid, port)),
        module: command.module.clone(),
        websockets: command.websockets.clone(),
        interface: command.option(&["--interface"]).map(str::to_owned),
        worker_class: command.worker_class.clone(),
        ..ProcessSeen::default()
    };
    command.limits(&mut process, |_| None);
    process
}

/// Not a database, a lock, a pid or a device.
pub(super) fn may_be_log(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let never = [
        ".sqlite3",
        ".sqlite",
        ".db",
        "-wal",
        "-shm",
        "-journal",
        ".lock",
        ".pid",
        ".sock",
        " (deleted)",
    ];
    !["/dev/", "/proc/", "/sys/", "/memfd:"]
        .iter()
        .any(|start| text.starts_with(start))
        && !never.iter().any(|end| text.ends_with(end))
}
