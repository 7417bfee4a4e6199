//! Who listens where, by socket and never by name: the kernel's tables joined with the descriptors of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::probe::{diag, proc};

/// A socket that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Where.
    pub at: Place,
    /// The kernel's number for it.
    pub inode: u64,
    /// The user who made it.
    pub user: Option<u32>,
    /// Connections waiting to be accepted.
    pub queue: Option<u32>,
    /// How many may wait.
    pub backlog: Option<u32>,
    /// Every process that holds it, lowest id first; empty when that may not be seen.
    pub owners: Vec<u32>,
}

/// Where a socket listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket's path.
    Unix(String),
}

impl Listening {
    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.at {
            Place::Tcp(address) => Some(address.port()),
            Place::Unix(_) => None,
        }
    }

    /// `127.0.0.1:9001`, `[::]:9001`, `unix:/run/app.sock`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.at {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(path) => format!("unix:{path}"),
        }
    }
}

/// One row of /proc/net/tcp.
struct Row {
    local: SocketAddr,
    state: u8,
    queue: u32,
    user: Option<u32>,
    inode: u64,
}

/// `TCP_ESTABLISHED` of the kernel's `net/tcp_states.h`.
const ESTABLISHED: u8 = 1;
/// `TCP_LISTEN` likewise.
const LISTEN: u8 = 10;

/// Everything that listens on this machine, with its owners as far as they may be seen.
#[must_use]
pub fn listening() -> Vec<Listening> {
    let mut found = tables("/proc/net");
    let queues = diag::listen_queues();
    let owners = owners(&found.iter().map(|socket| socket.inode).collect());
    for socket in &mut found {
        if let Some((queue, backlog)) = queues.get(&socket.inode) {
            (socket.queue, socket.backlog) = (Some(*queue), Some(*backlog));
        }
        socket.owners = owners.get(&socket.inode).cloned().unwrap_or_default();
    }
    found
}

/// What listens in the network of another process (a container), by its own tables.
#[must_use]
pub fn listening_around(pid: u32) -> Vec<Listening> {
    let mut found = tables(&format!("/proc/{pid}/net"));
    let inodes: BTreeSet<u64> = held(pid).collect();
    found.retain(|socket| inodes.contains(&socket.inode));
    for socket in &mut found {
        socket.owners = vec![pid];
    }
    found
}

/// Established TCP connections on a local port, in the network of a process.
#[must_use]
pub fn established(pid: u32, port: u16) -> u64 {
    let folder = format!("/proc/{pid}/net");
    let rows = tcp_rows(&folder);
    let on_it = rows.filter(|row| row.state == ESTABLISHED && row.local.port() == port);
    on_it.count() as u64
}

/// Local ports from a range that are in use by TCP connections, each counted once.
#[must_use]
pub fn ports_used(from: u16, to: u16) -> u64 {
    let ports = tcp_rows("/proc/net").map(|row| row.local.port());
    let used: BTreeSet<u16> = ports.filter(|port| (from..=to).contains(port)).collect();
    used.len() as u64
}

fn tables(folder: &str) -> Vec<Listening> {
    let tcp = tcp_rows(folder)
        .filter(|row| row.state == LISTEN)
        .map(|row| Listening {
            at: Place::Tcp(row.local),
            inode: row.inode,
            user: row.user,
            // For a listening socket rx_queue counts what waits to be accepted (`get_tcp4_sock` in net/ipv4/tcp_ipv4.c).
            queue: Some(row.queue),
            backlog: None,
            owners: Vec::new(),
        });
    let mut found: Vec<Listening> = tcp.collect();
    let unix = fs::read_to_string(format!("{folder}/unix")).unwrap_or_default();
    found.extend(unix.lines().filter_map(unix_row));
    found
}

fn tcp_rows(folder: &str) -> impl Iterator<Item = Row> {
    let read = |name: &str| fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
    let texts = [read("tcp"), read("tcp6")];
    texts
        .into_iter()
        .flat_map(|text| text.lines().filter_map(tcp_row).collect::<Vec<_>>())
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...` (proc(5)).
fn tcp_row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, queue) = words.get(4)?.split_once(':')?;
    Some(Row {
        local: address(words.get(1)?)?,
        state: u8::from_str_radix(words.get(3)?, 16).ok()?,
        queue: u32::from_str_radix(queue, 16).ok()?,
        user: words.get(7)?.parse().ok(),
        inode: words.get(9)?.parse().ok()?,
    })
}

/// `0100007F:2329`: each 32-bit word in the machine's own byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(host.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let host = if host.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let words = [word(0)?, word(8)?, word(16)?, word(24)?];
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?))
    };
    Some(SocketAddr::new(host, port))
}

/// `Num RefCount Protocol Flags Type St Inode Path`: one that listens has flag 0x10000 (`SO_ACCEPTCON`) and a path.
fn unix_row(line: &str) -> Option<Listening> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let flags = u32::from_str_radix(words.get(3)?, 16).ok()?;
    let path = words.get(7).filter(|path| path.starts_with('/'))?;
    (flags & 0x1_0000 != 0).then_some(())?;
    Some(Listening {
        at: Place::Unix((*path).to_owned()),
        inode: words.get(6)?.parse().ok()?,
        user: None,
        queue: None,
        backlog: None,
        owners: Vec::new(),
    })
}

/// Who holds which of these sockets.
fn owners(inodes: &BTreeSet<u64>) -> BTreeMap<u64, Vec<u32>> {
    let mut found: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut pids = proc::all();
    pids.sort_unstable();
    for pid in pids {
        for inode in held(pid).filter(|inode| inodes.contains(inode)) {
            let pids = found.entry(inode).or_default();
            if pids.last() != Some(&pid) {
                pids.push(pid);
            }
        }
    }
    found
}

fn held(pid: u32) -> impl Iterator<Item = u64> {
    let open = proc::descriptors(pid).unwrap_or_default();
    open.into_iter().filter_map(|(_, link)| proc::socket(&link))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn addresses_of_both_families_are_read() {
        if cfg!(target_endian = "little") {
            assert_eq!(address("0100007F:2329").unwrap().to_string(), "127.0.0.1:9001");
            let six = address("00000000000000000000000001000000:0050").unwrap();
            assert_eq!(six.to_string(), "[::1]:80");
        }
        assert_eq!(address("0100007F"), None);
    }

    #[test]
    fn a_listener_is_found_with_its_process_and_its_queue() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let _unix = UnixListener::bind(&path).unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();

        let found = listening();
        let tcp = found.iter().find(|socket| socket.port() == Some(port)).unwrap();
        assert_eq!(tcp.address(), format!("127.0.0.1:{port}"));
        assert_eq!(tcp.owners, [std::process::id()]);
        assert_eq!(tcp.queue, Some(2));
        assert!(tcp.backlog.is_some_and(|backlog| backlog >= 128));
        assert_eq!(established(std::process::id(), port), waiting.len() as u64);
        let unix = format!("unix:{}", path.display());
        let unix = found.iter().find(|socket| socket.address() == unix).unwrap();
        assert_eq!(unix.owners, [std::process::id()]);
    }
}
