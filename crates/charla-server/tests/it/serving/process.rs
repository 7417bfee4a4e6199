//! A server in a process of its own: it can be killed, its memory weighed and its log read.

use std::io::{BufRead, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use charla_server::{clock, log};
use parking_lot::Mutex;

use super::{profile, settings, start};

/// Where the child finds its store.
const FOLDER: &str = "CHARLA_TEST_FOLDER";
/// Which settings it takes.
const PROFILE: &str = "CHARLA_TEST_PROFILE";
/// What it says when it listens, with the address behind.
const LISTENS: &str = "listens at ";

/// A running child; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts this binary again as a server on `folder`, with the settings that `profile` makes.
    pub(crate) fn start(folder: &Path, profile: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serving::process::child", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .env(PROFILE, profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                lines.lock().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = said.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once(LISTENS)?;
            address.parse().ok()
        });
        let Some(address) = address else {
            panic!("the server did not start: {:?}", log.lock());
        };
        Self { child, address, log }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it wrote down so far, line by line.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Bytes of its memory that are resident (`/proc/PID/statm`, second field, in pages of 4 KiB).
    pub(crate) fn resident(&self) -> usize {
        let fields = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: usize = fields.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a started process as many file descriptors as it may have.
pub(crate) fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

#[test]
#[ignore = "runs as a child of other tests, until it is killed"]
fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("only as a child"));
    let mut settings = settings(&folder);
    let wanted = std::env::var(PROFILE).unwrap();
    profile::adjust(&wanted, &mut settings);
    raise_descriptors();
    log::init(&settings.log);
    let threads = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name_fn(move || format!("server-{}", threads.fetch_add(1, Ordering::Relaxed)))
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = start(settings, clock::system()).await.unwrap();
        profile::populate(&wanted, server.node()).await;
        println!("{LISTENS}{}", server.local_addr());
        // Lives as long as whoever started it.
        let ends = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(ends).await.unwrap().unwrap();
    });
}
