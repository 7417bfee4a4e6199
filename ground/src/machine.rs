//! A machine of a run's own, where the kernel lets it have one: nobody else's processes, ports and counters.
//!
//! As root a run starts itself again in new network, process and mount namespaces (`unshare`), so that nothing of it reaches
//! this machine's own network, well-known ports are free, and all of it is gone afterwards. Elsewhere it runs where it is.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::failure::Outcome;
use crate::process::read;

/// Set in the inner run.
const INSIDE: &str = "CHARLA_OWN_MACHINE";

/// Named networks are files below /run/netns: a file system of the run's own there leaves none behind.
const FURNISH: &str =
    "ip link set lo up && mkdir -p /run/netns && mount -t tmpfs none /run/netns && exec \"$0\" \"$@\"";

/// Whether this is a machine of the run's own.
#[must_use]
pub fn is_own() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs this program again within, if that is possible here: its exit code.
///
/// # Errors
///
/// The program could not be started again.
pub fn enter() -> Outcome<Option<ExitCode>> {
    if is_own() || !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let mut within = unshare();
    within.args(["true"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !within.status().is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let status = unshare()
        .args(["sh", "-c", FURNISH])
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Some(ExitCode::from(code.unwrap_or(1))))
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        "--pid",
        "--mount",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    command
}

/// The machine in one line, without what a host appends to its kernel's version.
#[must_use]
pub fn described() -> String {
    let about = |file: &str| read(Path::new(file));
    let cpus = about("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let memory = about("/proc/meminfo");
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let kernel = about("/proc/sys/kernel/osrelease");
    format!(
        "{} cores of {}, {} GiB, Linux {}",
        cpus.matches("processor\t").count(),
        model.unwrap_or("an unknown processor").trim(),
        kib.div_ceil(1 << 20),
        kernel.trim().split('-').next().unwrap_or_default()
    )
}
