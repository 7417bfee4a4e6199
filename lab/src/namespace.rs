//! A machine of the lab's own, where the kernel lets it have one: nobody else's processes, ports and counters.
//!
//! As root the lab starts itself again in new network, process and mount namespaces (`unshare`). There the doctor finds only
//! what the scenario put there, well-known ports are free, and nothing that a scenario leaves behind outlives the run.
//! Elsewhere it runs where it is, on free ports.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::failure::Outcome;

/// Set in the inner run.
const INSIDE: &str = "CHARLA_LAB_INSIDE";

/// Whether this is a machine of the lab's own.
pub(crate) fn is_own() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs the lab again within, if that is possible here: its exit code.
pub(crate) fn enter() -> Outcome<Option<ExitCode>> {
    if is_own() || !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let mut within = unshare();
    within.args(["true"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !within.status().is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let status = unshare()
        .arg("sh")
        .args(["-c", "ip link set lo up && \"$0\" \"$@\""])
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

/// Puts another file in the place of one of the machine's, within the lab's own machine only.
pub(crate) fn replace(file: &Path, by: &Path) -> Outcome<()> {
    crate::process::output(Command::new("mount").arg("--bind").arg(by).arg(file)).map(drop)
}

/// Takes that back.
pub(crate) fn put_back(file: &Path) -> Outcome<()> {
    crate::process::output(Command::new("umount").arg(file)).map(drop)
}
