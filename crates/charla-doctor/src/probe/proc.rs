//! One process, as /proc shows it. Reads only; what may not be read is none.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// `USER_HZ`: ticks a second in /proc/PID/stat, the same on every architecture that matters (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Environments and command lines are read up to here.
const AT_MOST: usize = 1024 * 1024;

/// Ids of all processes that can be seen.
#[must_use]
pub fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    names.collect()
}

/// The command line, argument by argument; empty for a kernel thread or a process that is gone.
#[must_use]
pub fn argv(pid: u32) -> Vec<String> {
    let bytes = fs::read(file(pid, "cmdline")).unwrap_or_default();
    let words = split(&bytes).map(|word| String::from_utf8_lossy(word).into_owned());
    words.collect()
}

/// What /proc/PID/stat says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stat {
    /// `R`, `S`, `D`, `T`, `t`, `Z`.
    pub state: char,
    /// Its parent.
    pub parent: u32,
    /// Processor time, in seconds.
    pub cpu_s: f64,
    /// When it began, in seconds since the machine did.
    pub started_s: f64,
}

/// What /proc/PID/stat says now.
#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(file(pid, "stat")).ok()?)
}

/// The name stands in brackets and may hold anything, brackets too; so what comes after the last one counts.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| words.get(index)?.parse::<f64>().ok();
    Some(Stat {
        state: words.first()?.chars().next()?,
        parent: words.get(1)?.parse().ok()?,
        cpu_s: (number(11)? + number(12)?) / TICKS_PER_SECOND,
        started_s: number(19)? / TICKS_PER_SECOND,
    })
}

/// How long a process has been running, in seconds.
#[must_use]
pub fn age(stat: &Stat) -> Option<f64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = text.split(' ').next()?.parse().ok()?;
    Some((up - stat.started_s).max(0.0))
}

/// The user's id and the resident memory in bytes.
#[must_use]
pub fn status(pid: u32) -> (Option<u32>, Option<u64>) {
    let text = fs::read_to_string(file(pid, "status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_ascii_whitespace().nth(1)
    };
    let memory = field("VmRSS:").and_then(|kib| kib.parse::<u64>().ok());
    (
        field("Uid:").and_then(|uid| uid.parse().ok()),
        memory.map(|kib| kib * 1024),
    )
}

/// The name of a user; the id where /etc/passwd does not have it.
#[must_use]
pub fn user(id: u32) -> String {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == id).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| id.to_string())
}

/// `Max open files`, the soft limit; none when it may not be read.
#[must_use]
pub fn descriptor_limit(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(file(pid, "limits")).ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

/// Open descriptors and what they lead to; none when that may not be read.
#[must_use]
pub fn descriptors(pid: u32) -> Option<Vec<(u32, PathBuf)>> {
    let entries = fs::read_dir(file(pid, "fd")).ok()?;
    let open = entries.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, fs::read_link(entry.path()).unwrap_or_default()))
    });
    Some(open.collect())
}

/// The inode of a socket that a descriptor leads to: `socket:[12345]`.
#[must_use]
pub fn socket(link: &Path) -> Option<u64> {
    let name = link.to_str()?.strip_prefix("socket:[")?;
    name.strip_suffix(']')?.parse().ok()
}

/// Whether a descriptor is open for writing (the access mode in `flags` of /proc/PID/fdinfo).
#[must_use]
pub fn is_writable(pid: u32, descriptor: u32) -> bool {
    let text = fs::read_to_string(file(pid, &format!("fdinfo/{descriptor}"))).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o3 != 0)
}

/// The environment it was started with; none when it may not be read. Holds secrets.
#[must_use]
pub fn environment(pid: u32) -> Option<BTreeMap<String, String>> {
    let bytes = fs::read(file(pid, "environ")).ok()?;
    let pairs = split(bytes.get(..AT_MOST).unwrap_or(&bytes)).filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(pairs.collect())
}

/// Where a link of /proc/PID leads: `cwd`, `exe`, `root`, `ns/net`.
#[must_use]
pub fn link(pid: u32, name: &str) -> Option<PathBuf> {
    fs::read_link(file(pid, name)).ok()
}

/// The systemd unit of a process by its control group: the innermost `.service`.
#[must_use]
pub fn unit(pid: u32) -> Option<String> {
    unit_in(&fs::read_to_string(file(pid, "cgroup")).ok()?)
}

fn unit_in(cgroups: &str) -> Option<String> {
    // Version 2 has one line `0::/path`; version 1 has systemd's own hierarchy among others.
    let line = cgroups
        .lines()
        .find(|line| line.starts_with("0::") && line.len() > 4);
    let line = line.or_else(|| cgroups.lines().find(|line| line.contains("name=systemd")))?;
    let mut parts = line.rsplit('/').filter(|part| part.ends_with(".service"));
    parts
        .next()
        .filter(|unit| !unit.starts_with("user@"))
        .map(str::to_owned)
}

/// The folder of a process' control group, where its memory events stand (version 2, then 1).
#[must_use]
pub fn control_group(pid: u32) -> Option<PathBuf> {
    let text = fs::read_to_string(file(pid, "cgroup")).ok()?;
    let path = |start: &str| {
        text.lines()
            .find_map(|line| line.split_once(start))
            .map(|(_, path)| path.trim_start_matches('/').to_owned())
    };
    let unified = path("0::").map(|path| Path::new("/sys/fs/cgroup").join(path));
    let memory = path(":memory:").map(|path| Path::new("/sys/fs/cgroup/memory").join(path));
    [unified, memory]
        .into_iter()
        .flatten()
        .find(|folder| folder.join("memory.events").exists() || folder.join("memory.oom_control").exists())
}

fn file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let words = bytes.split(|byte| *byte == 0);
    words.filter(move |_| !bytes.is_empty())
}

/// A path as this process reaches it: through /proc/PID/root where the other has a root of its own (a container).
#[must_use]
pub fn reach(root: &Path, path: &Path) -> PathBuf {
    if root.as_os_str().as_bytes() == b"/" {
        return path.to_owned();
    }
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let text = "12 (a) R (b)) T 7 12 12 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 1 0 8000 1 2";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.state, stat.parent), ('T', 7));
        assert!((stat.cpu_s - 3.0).abs() < 1e-9 && (stat.started_s - 80.0).abs() < 1e-9);
    }

    #[test]
    fn this_process_is_seen() {
        let pid = std::process::id();
        assert!(stat(pid).is_some() && !argv(pid).is_empty());
        assert!(descriptors(pid).unwrap().len() > 2);
        assert!(descriptor_limit(pid).unwrap() > 10);
        assert!(environment(pid).unwrap().contains_key("PATH"));
    }

    #[test]
    fn a_unit_is_the_innermost_service() {
        assert_eq!(
            unit_in("0::/system.slice/chat.service\n").as_deref(),
            Some("chat.service")
        );
        assert_eq!(unit_in("9:name=systemd:/\n0::/\n"), None);
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/chat.service\n";
        assert_eq!(unit_in(user).as_deref(), Some("chat.service"));
        let shell = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run.scope\n";
        assert_eq!(unit_in(shell), None);
        let old = "4:memory:/system.slice/chat.service\n1:name=systemd:/system.slice/chat.service\n";
        assert_eq!(unit_in(old).as_deref(), Some("chat.service"));
    }
}
