//! What a supervisor such as systemd hands to this process and wants to hear from it: a socket that listens already
//! (sd_listen_fds(3)), and words over a datagram socket (sd_notify(3)). Without a supervisor nothing of it happens.

use std::ffi::OsStr;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use charla_server::node::Node;
use listenfd::ListenFd;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How often the supervisor hears how many are connected.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// The watchdog is told four times within its time: the writer may be at a database that does not answer for up to 45 s,
/// and comes back in between.
const TELLS_WITHIN: u32 = 4;
/// Beyond the drain, for the runtime to end.
const LAST_STEPS: Duration = Duration::from_secs(5);

/// The listening socket that came with the process, if one did.
///
/// # Errors
/// When what was passed is something else, or more than the one that can be served.
pub(crate) fn passed_socket() -> io::Result<Option<TcpListener>> {
    let mut passed = ListenFd::from_env();
    match passed.len() {
        0 => Ok(None),
        1 => passed.take_tcp_listener(0),
        many => Err(io::Error::other(format!(
            "{many} sockets were passed and one is served: a single ListenStream=, which may be [::]:PORT for both families"
        ))),
    }
}

/// Whoever started this process and wants to hear from it; nobody by default.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    listens: Option<(UnixDatagram, SocketAddr)>,
    // How long it waits for a sign of life.
    patience: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        match listener(&name) {
            Ok(listens) => Self {
                listens: Some(listens),
                patience: patience(
                    std::env::var("WATCHDOG_USEC").ok().as_deref(),
                    std::env::var("WATCHDOG_PID").ok().as_deref(),
                    std::process::id(),
                ),
            },
            Err(error) => {
                tracing::warn!(%error, "the supervisor cannot be told anything: NOTIFY_SOCKET is of no use");
                Self::default()
            }
        }
    }

    /// The server serves: says so, and from now on how it goes and that it moves.
    pub(crate) fn serving(self, node: &Arc<Node>) -> Supervised {
        self.say("READY=1");
        let this = Arc::new(self);
        let mut telling = Vec::new();
        if this.listens.is_some() {
            telling.push(tokio::spawn(tell_status(Arc::clone(&this), Arc::clone(node))).abort_handle());
        }
        if let Some(patience) = this.patience {
            let moving = tell_movement(Arc::clone(&this), Arc::clone(node), patience);
            telling.push(tokio::spawn(moving).abort_handle());
        }
        Supervised {
            supervisor: this,
            telling,
        }
    }

    fn say(&self, words: &str) {
        if let Some((socket, address)) = &self.listens
            && let Err(error) = socket.send_to_addr(words.as_bytes(), address)
        {
            tracing::debug!(%error, words, "the supervisor was not told");
        }
    }
}

/// A server whose supervisor is told how it goes, until this is dropped.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct Supervised {
    supervisor: Arc<Supervisor>,
    telling: Vec<AbortHandle>,
}

impl Supervised {
    /// The server is about to leave, and may take this long.
    pub(crate) fn stopping(&self, node: &Node) {
        let server = &node.settings.server;
        let most = server.pre_stop + server.drain + LAST_STEPS;
        self.supervisor.say(&format!(
            "STOPPING=1\nEXTEND_TIMEOUT_USEC={}\n{}",
            most.as_micros(),
            status(node)
        ));
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        for task in &self.telling {
            task.abort();
        }
    }
}

fn listener(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => return Err(io::Error::other("neither a path nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    // A supervisor that does not read must not hold up whoever tells it.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// How long the watchdog waits, if it watches this process.
fn patience(usec: Option<&str>, watched: Option<&str>, this: u32) -> Option<Duration> {
    let watches_this = watched.is_none_or(|pid| pid.parse() == Ok(this));
    let usec = usec?.parse().ok().filter(|usec| *usec > 0)?;
    watches_this.then(|| Duration::from_micros(usec))
}

async fn tell_status(supervisor: Arc<Supervisor>, node: Arc<Node>) {
    let mut ticks = interval(STATUS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let now = status(&node);
        if now != told {
            supervisor.say(&now);
            told = now;
        }
    }
}

/// Gives a sign of life for each time that everything has moved.
async fn tell_movement(supervisor: Arc<Supervisor>, node: Arc<Node>, patience: Duration) {
    loop {
        node.moves().await;
        supervisor.say("WATCHDOG=1");
        sleep(patience / TELLS_WITHIN).await;
    }
}

fn status(node: &Node) -> String {
    let connections = node.metrics.connections.get();
    let state = if node.is_leaving() {
        "draining"
    } else if node.is_degraded() {
        "degraded: broker_unavailable"
    } else {
        "serving"
    };
    format!("STATUS={state}, connections: {connections}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_watched_process_gives_signs_of_life() {
        let two = Some(Duration::from_secs(2));
        for (usec, watched, expected) in [
            (Some("2000000"), None, two),
            (Some("2000000"), Some("7"), two),
            (Some("2000000"), Some("8"), None),
            (Some("2000000"), Some("x"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ] {
            assert_eq!(patience(usec, watched, 7), expected, "{usec:?} {watched:?}");
        }
    }

    #[test]
    fn names_that_lead_nowhere_are_refused() {
        for name in ["", "relative", "vsock:2:1"] {
            assert!(listener(OsStr::new(name)).is_err(), "{name}");
        }
        for name in ["/run/systemd/notify", "@charla"] {
            assert!(listener(OsStr::new(name)).is_ok(), "{name}");
        }
    }
}
