//! What a process has used, by its own account in `/proc`.

use std::fs;
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// User and system time of all its threads, ended ones too.
pub(crate) fn cpu(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 (proc_pid_stat(5)).
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100))
}

/// A process and all that descend from it, itself first.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        next += 1;
        for task in fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
    }
    family
}

/// Ends processes that lost their parent. One that is gone already needs no signal.
pub(crate) fn end(pids: &[u32]) {
    for pid in pids
        .iter()
        .filter_map(|pid| rustix::process::Pid::from_raw(i32::try_from(*pid).ok()?))
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Resident bytes, those shared with other processes divided among them.
pub(crate) fn proportional(pid: u32) -> Outcome<u64> {
    field(pid, "smaps_rollup", "Pss:")
}

/// KiB of what memory has grown by between two looks, for each connection.
pub(crate) fn kib_each(before: u64, now: u64, connections: usize) -> f64 {
    now.saturating_sub(before) as f64 / 1024.0 / connections as f64
}

/// Resident bytes.
pub(crate) fn resident(pid: u32) -> Outcome<u64> {
    field(pid, "smaps_rollup", "Rss:")
}

/// The most resident bytes since [`forget_peak`] or its start.
pub(crate) fn peak(pid: u32) -> Outcome<u64> {
    field(pid, "status", "VmHWM:")
}

/// Lets [`peak`] begin anew (`clear_refs` 5, proc_pid_clear_refs(5)).
pub(crate) fn forget_peak(pid: u32) -> Outcome<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn field(pid: u32, file: &str, name: &str) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map(|kib| kib * 1024)
        .ok_or_else(|| Failure::Server(format!("no {name} in /proc/{pid}/{file}")))
}

/// The machine in one line for the results.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read("/proc/meminfo");
    let kib = memory.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
    });
    let release = read("/proc/sys/kernel/osrelease");
    // The version; what a distributor or host appends to it says nothing about speed.
    let kernel = release.split('-').next().unwrap_or_default();
    format!(
        "{cores} cores of {model}, {} GiB, Linux {}",
        kib.unwrap_or_default().div_ceil(1 << 20),
        kernel.trim()
    )
}
