//! What the kernel counts: connections dropped unaccepted, ports, processes killed for memory, the clock, the disk.
//!
//! Counters are read twice, around the other probes, so that what happens now is told from what happened since the boot.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::evidence::{HostSeen, Skipped};
use crate::probe::unit::{self, NoLog};
use crate::probe::{proc, sockets};
use crate::text::both;

/// Counters as they stood before the probes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before {
    overflows: Option<u64>,
    drops: Option<u64>,
}

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The server's process.
    pub pid: Option<u32>,
    /// Its logs, or nginx'.
    pub logs: Vec<PathBuf>,
    /// How far back the kernel's log is read.
    pub since: Duration,
}

/// Reads the counters for the first time.
#[must_use]
pub fn before() -> Before {
    let text = fs::read_to_string("/proc/net/netstat").unwrap_or_default();
    Before {
        overflows: counter(&text, "ListenOverflows"),
        drops: counter(&text, "ListenDrops"),
    }
}

/// Reads them again, and the rest.
pub async fn look(before: Before, about: &About) -> (HostSeen, Vec<Skipped>) {
    let now = self::before();
    let range = read("/proc/sys/net/ipv4/ip_local_port_range").and_then(|text| range(&text));
    let ((oom_kills, skipped), synchronised, offset) =
        tokio::join!(oom_kills(about.since), synchronised(), offset());
    let seen = HostSeen {
        listen_overflows: before.overflows.zip(now.overflows),
        listen_drops: before.drops.zip(now.drops),
        somaxconn: number("/proc/sys/net/core/somaxconn"),
        ephemeral_used: range.map(|(from, to)| sockets::ports_used(from, to)),
        ephemeral_total: range.map(|(from, to)| u64::from(to.saturating_sub(from)) + 1),
        oom_kills,
        cgroup_oom_kills: about.pid.and_then(cgroup_oom_kills),
        clock_offset_s: offset,
        clock_synchronised: synchronised,
        conntrack: number("/proc/sys/net/netfilter/nf_conntrack_count")
            .zip(number("/proc/sys/net/netfilter/nf_conntrack_max")),
        disk_free: about.logs.iter().find_map(disk_free),
    };
    (seen, skipped)
}

/// /proc/net/netstat has lines in pairs: names, then numbers.
fn counter(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let at = lines.next()?.split(' ').position(|word| word == name)?;
    lines.next()?.split(' ').nth(at)?.parse().ok()
}

fn range(text: &str) -> Option<(u16, u16)> {
    let mut words = text.split_ascii_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn number(path: &str) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

async fn oom_kills(since: Duration) -> (Vec<String>, Vec<Skipped>) {
    match unit::kernel_log(since).await {
        Ok(log) => (recent(unit::oom_lines(&log), since), Vec::new()),
        Err(NoLog::None) => (Vec::new(), Vec::new()),
        Err(NoLog::Forbidden(_)) => {
            let skipped = Skipped {
                what: both!(
                    "the kernel's log: processes killed for memory",
                    "el registro del kernel: procesos matados por falta de memoria"
                ),
                why: both!("this user may not read it", "este usuario no puede leerlo"),
                try_this: Some("sudo dmesg -T | grep -i 'killed process'".to_owned()),
            };
            (Vec::new(), vec![skipped])
        }
    }
}

/// dmesg knows no beginning: lines with a time before it are left out.
fn recent(lines: Vec<String>, since: Duration) -> Vec<String> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let from = now.saturating_sub(since).as_secs_f64();
    let is_recent = |line: &String| {
        let time = line.split(' ').next().unwrap_or_default().replace(',', ".");
        time.parse::<jiff::Timestamp>()
            .map_or(true, |time| time.as_millisecond() as f64 / 1000.0 >= from)
    };
    lines.into_iter().filter(is_recent).collect()
}

fn cgroup_oom_kills(pid: u32) -> Option<u64> {
    let folder = proc::control_group(pid)?;
    let names = ["memory.events", "memory.oom_control"];
    let text = names
        .iter()
        .find_map(|name| fs::read_to_string(folder.join(name)).ok())?;
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    count.trim().parse().ok()
}

async fn synchronised() -> Option<bool> {
    let printed = unit::run("timedatectl", &["show", "-p", "NTPSynchronized", "--value"], 1024).await?;
    match String::from_utf8_lossy(&printed.out).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// chrony's own word: `System time     : 0.000012 seconds slow of NTP time`.
async fn offset() -> Option<f64> {
    let printed = unit::run("chronyc", &["-n", "tracking"], 8 * 1024).await?;
    parse_tracking(&String::from_utf8_lossy(&printed.out))
}

fn parse_tracking(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with("System time"))?;
    let (_, rest) = line.split_once(':')?;
    let seconds: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(if rest.contains("slow") { -seconds } else { seconds })
}

fn disk_free(path: &PathBuf) -> Option<(u64, u64)> {
    let told = rustix::fs::statvfs(path).ok()?;
    Some((
        told.f_bavail.checked_mul(told.f_frsize)?,
        told.f_blocks.checked_mul(told.f_frsize)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let text =
            "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\nIpExt: A\nIpExt: 4\n";
        assert_eq!(
            (counter(text, "ListenOverflows"), counter(text, "ListenDrops")),
            (Some(22), Some(333))
        );
        assert_eq!(counter(text, "Gone"), None);
    }

    #[test]
    fn a_slow_clock_is_behind() {
        assert_eq!(
            parse_tracking("Ref : x\nSystem time     : 0.250000000 seconds slow of NTP time\n"),
            Some(-0.25)
        );
        assert_eq!(
            parse_tracking("System time     : 0.5 seconds fast of NTP time\n"),
            Some(0.5)
        );
    }

    #[test]
    fn old_kills_are_history() {
        let lines = vec![
            "2001-01-01T00:00:00,1+00:00 Out of memory: Killed process 1".to_owned(),
            "[12.5] Out of memory".to_owned(),
        ];
        assert_eq!(recent(lines, Duration::from_secs(900)), ["[12.5] Out of memory"]);
    }

    #[tokio::test]
    async fn this_machine_is_seen() {
        let about = About {
            pid: Some(std::process::id()),
            logs: vec![std::env::temp_dir()],
            since: Duration::from_secs(900),
        };
        let (seen, _) = look(before(), &about).await;
        let (overflows, later) = seen.listen_overflows.unwrap();
        assert!(later >= overflows);
        assert!(seen.somaxconn.unwrap() > 0 && seen.ephemeral_total.unwrap() > 1000);
        let (free, all) = seen.disk_free.unwrap();
        assert!(free <= all && all > 0);
    }
}
