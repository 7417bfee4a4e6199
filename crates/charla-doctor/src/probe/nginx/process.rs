//! The running nginx: its master, how that was started and built, its workers.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, io::Read as _};

use crate::evidence::Target;
use crate::probe::proc;
use crate::probe::sockets::Listening;

/// How long `nginx -V` and `nginx -T` may take.
const COMMAND_WITHIN: Duration = Duration::from_millis(600);
/// How much of what they print is read.
const PRINTED: u64 = 16 << 20;
/// Where the program is, where its process does not say.
const PROGRAMS: [&str; 3] = [
    "/usr/sbin/nginx",
    "/usr/local/sbin/nginx",
    "/usr/local/nginx/sbin/nginx",
];

/// An nginx that runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Its master, or the only process.
    pub(super) pid: u32,
    /// `-c`.
    conf: Option<String>,
    /// `-e`: its error log where the configuration names none.
    pub(super) error_log: Option<String>,
    /// `-p`.
    pub(super) prefix: Option<String>,
    /// The program, where one may be run.
    program: Option<PathBuf>,
    /// Its root: that of a container, or `/`.
    pub(super) root: PathBuf,
}

/// What `nginx -V` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) version: Option<String>,
    pub(super) prefix: Option<String>,
    conf: Option<String>,
    pub(super) error_log: Option<String>,
    pub(super) access_log: Option<String>,
}

/// The workers together.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// Those that are shutting down.
    pub(super) leaving: u32,
    /// Connections of all; none where their descriptors may not be seen.
    pub(super) connections: Option<u64>,
    /// When the youngest that serves began, in seconds since 1970: the last start or reload.
    pub(super) youngest: Option<f64>,
}

/// The words of a command line, whose title nginx rewrites: `nginx: master process /usr/sbin/nginx -g daemon on;`.
fn words(pid: u32) -> Vec<String> {
    let mut argv = proc::argv(pid);
    // The rest of what the title overwrote is filled with zeros.
    argv.retain(|word| !word.is_empty());
    if let [title] = argv.as_slice()
        && title.starts_with("nginx: ")
    {
        return title.split_ascii_whitespace().map(str::to_owned).collect();
    }
    argv
}

fn is_nginx(words: &[String]) -> bool {
    let name = words.first().and_then(|word| word.rsplit('/').next());
    matches!(
        name,
        Some("nginx" | "nginx:" | "openresty" | "tengine" | "angie" | "angie:" | "freenginx")
    )
}

/// Titles of `ngx_process_cycle.c`.
fn is_worker(words: &[String]) -> bool {
    matches!(words.get(1).map(String::as_str), Some("worker" | "cache"))
}

fn is_master(words: &[String]) -> bool {
    is_nginx(words) && !is_worker(words)
}

/// The nginx that listens on a target's port: by its socket; where sockets' owners are not shown, the only one that runs.
pub(super) fn find(target: &Target, listening: &[Listening]) -> Option<Running> {
    if !target.local {
        return None;
    }
    let on_port = || {
        listening
            .iter()
            .filter(|listening| listening.port() == Some(target.port))
    };
    let owner = on_port()
        .flat_map(|listening| listening.owners.iter().copied())
        .find(|pid| is_nginx(&words(*pid)));
    if let Some(owner) = owner {
        return Some(Running::of(if is_worker(&words(owner)) {
            parent(owner)
        } else {
            owner
        }));
    }
    // Nobody there, or somebody else who is seen to be there.
    if on_port().next().is_none() || on_port().any(|listening| !listening.owners.is_empty()) {
        return None;
    }
    let mut masters = proc::all()
        .into_iter()
        .filter(|pid| is_master(&words(*pid)) && !is_master(&words(parent(*pid))));
    let only = masters.next()?;
    masters.next().is_none().then(|| Running::of(only))
}

fn parent(pid: u32) -> u32 {
    proc::stat(pid).map_or(0, |stat| stat.parent)
}

impl Running {
    fn of(pid: u32) -> Self {
        let words = words(pid);
        let option = |flag: &str| {
            let at = words.iter().position(|word| word.starts_with(flag))?;
            let glued = words.get(at)?.strip_prefix(flag).filter(|rest| !rest.is_empty());
            glued.map(str::to_owned).or_else(|| words.get(at + 1).cloned())
        };
        let root = proc::link(pid, "root").unwrap_or_else(|| PathBuf::from("/"));
        let root = if root == Path::new("/") {
            root
        } else {
            PathBuf::from(format!("/proc/{pid}/root"))
        };
        let exe = proc::link(pid, "exe");
        let named = words
            .iter()
            .find(|word| word.starts_with('/') && word.ends_with("nginx"))
            .map(PathBuf::from);
        let usual = PROGRAMS.iter().map(PathBuf::from);
        // A container's program is not one of this machine.
        let mut programs = exe
            .into_iter()
            .chain(named)
            .chain(usual)
            .filter(|_| root == Path::new("/"));
        Self {
            pid,
            conf: option("-c"),
            error_log: option("-e"),
            prefix: option("-p"),
            program: programs.find(|program| is_trusted(program)),
            root,
        }
    }

    /// How it was built.
    pub(super) fn build(&self) -> Option<Build> {
        let printed = run(self.program.as_deref()?, &["-V"])?;
        Some(Build::parse(&printed))
    }

    /// What `nginx -T` prints with the options of the process.
    pub(super) fn printed(&self) -> Option<String> {
        let mut arguments = vec!["-T"];
        for (flag, value) in [("-c", &self.conf), ("-p", &self.prefix)] {
            arguments.extend(value.iter().flat_map(|value| [flag, value.as_str()]));
        }
        run(self.program.as_deref()?, &arguments)
    }

    /// Its main file: `-c`, else what it was built with.
    pub(super) fn config(&self, build: &Build) -> Option<PathBuf> {
        let path = self.conf.as_ref().or(build.conf.as_ref())?;
        let prefix = self.prefix.as_ref().or(build.prefix.as_ref());
        let folder = prefix.map_or_else(|| PathBuf::from("/"), PathBuf::from);
        Some(folder.join(path))
    }

    pub(super) fn workers(&self) -> Workers {
        let mut workers = Workers::default();
        let own: Vec<u64> = sockets(self.pid).unwrap_or_default();
        let mut count = Some(0_u64);
        let mut alone = true;
        for pid in proc::all() {
            let words = words(pid);
            if !is_nginx(&words)
                || parent(pid) != self.pid
                || words.get(1).is_none_or(|word| word != "worker")
            {
                continue;
            }
            alone = false;
            let leaving = words.iter().any(|word| word == "shutting");
            workers.leaving += u32::from(leaving);
            let started = started(pid).filter(|_| !leaving);
            workers.youngest = workers.youngest.into_iter().chain(started).max_by(f64::total_cmp);
            // What the master holds too listens, or is the pipe between the two.
            let open =
                sockets(pid).map(|open| open.iter().filter(|inode| !own.contains(inode)).count() as u64);
            count = count.zip(open).map(|(sum, open)| sum + open);
        }
        if alone {
            workers.youngest = started(self.pid);
            count = None;
        }
        workers.connections = count;
        workers
    }
}

fn sockets(pid: u32) -> Option<Vec<u64>> {
    let open = proc::descriptors(pid)?;
    Some(open.iter().filter_map(|(_, link)| proc::socket(link)).collect())
}

/// When a process began, in seconds since 1970.
fn started(pid: u32) -> Option<f64> {
    let age = proc::age(&proc::stat(pid)?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(now.as_secs_f64() - age)
}

/// Whether nobody but root or this user may have written a program: a title proves nothing.
fn is_trusted(program: &Path) -> bool {
    let Ok(program) = program.canonicalize() else {
        return false;
    };
    let own = rustix::process::geteuid().as_raw();
    program.ancestors().all(|path| {
        let about = fs::metadata(path);
        about.is_ok_and(|about| {
            (about.uid() == 0 || about.uid() == own)
                && (about.mode() & 0o022 == 0 || about.mode() & 0o1000 != 0)
        })
    })
}

/// Both streams of a command that ends in time.
fn run(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let (out, errors) = (child.stdout.take()?, child.stderr.take()?);
    let (send, receive) = std::sync::mpsc::sync_channel(2);
    let late = send.clone();
    std::thread::spawn(move || send.send(text(out)));
    std::thread::spawn(move || late.send(text(errors)));
    let until = Instant::now() + COMMAND_WITHIN;
    let next = || {
        receive
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .ok()
    };
    let printed = next().zip(next());
    if printed.is_none() {
        drop(child.kill());
    }
    drop(child.wait());
    printed.map(|(first, second)| first + &second)
}

fn text(from: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    drop(from.take(PRINTED).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Build {
    /// `nginx version: nginx/1.22.1`, `configure arguments: --prefix=... --conf-path=...`.
    fn parse(printed: &str) -> Self {
        let line = |start: &str| printed.lines().find_map(|line| line.strip_prefix(start));
        let arguments = line("configure arguments:").unwrap_or_default();
        let option = |name: &str| {
            arguments
                .split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        let version = line("nginx version:").and_then(|rest| rest.split('/').nth(1));
        let prefix = option("--prefix=").or_else(|| version.map(|_| "/usr/local/nginx".to_owned()));
        let conf = option("--conf-path=").or_else(|| version.map(|_| "conf/nginx.conf".to_owned()));
        Self {
            version: version
                .and_then(|rest| rest.split_ascii_whitespace().next())
                .map(str::to_owned),
            prefix,
            conf,
            error_log: option("--error-log-path="),
            access_log: option("--http-log-path="),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_read() {
        let printed = "nginx version: nginx/1.22.1\nbuilt with OpenSSL\nconfigure arguments: --with-cc-opt='-g -O2' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --http-log-path=/var/log/nginx/access.log --error-log-path=stderr\n";
        let build = Build::parse(printed);
        assert_eq!(build.version.as_deref(), Some("1.22.1"));
        assert_eq!(build.conf.as_deref(), Some("/etc/nginx/nginx.conf"));
        assert_eq!(build.error_log.as_deref(), Some("stderr"));
        assert_eq!(Build::parse("").conf, None);
        assert_eq!(
            Build::parse("nginx version: openresty/1.21.4.1\n")
                .version
                .as_deref(),
            Some("1.21.4.1")
        );
    }

    #[test]
    fn a_program_that_others_may_write_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nginx");
        fs::write(&program, "").unwrap();
        let mut rights = fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o777);
        fs::set_permissions(&program, rights).unwrap();
        assert!(!is_trusted(&program) && !is_trusted(Path::new("/nowhere/nginx")));
    }
}
