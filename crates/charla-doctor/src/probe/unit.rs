//! systemd units, their journal and the kernel's log, read as any user may read them.
//!
//! What `systemctl show` prints is taken apart by pure functions; where there is no systemd to ask, a unit's own file says what
//! it would start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command as Run;

use crate::evidence::{Kind, UnitSeen};
use crate::probe::command::Command;
use crate::redact::redact;

/// How long `systemctl` and `journalctl` may take.
const WITHIN: Duration = Duration::from_millis(1_500);
/// Of a journal so many bytes are read.
const JOURNAL_AT_MOST: u64 = 8 * 1024 * 1024;
/// Where units stand, the administrator's first (systemd.unit(5)).
const FOLDERS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];
/// What is asked of a unit.
const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,ExecStart,Restart,LimitNOFILE,Environment,WorkingDirectory,MainPID";

/// A unit, and what it would give to its process; that may hold secrets.
#[derive(Clone, Default)]
pub struct Unit {
    /// What may be told.
    pub seen: UnitSeen,
    /// `Environment=` and what the files of `EnvironmentFile=` set.
    pub environment: BTreeMap<String, String>,
    /// `WorkingDirectory=`.
    pub folder: Option<PathBuf>,
    /// The command of `ExecStart`.
    pub argv: Vec<String>,
}

/// A command that was run for reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// What it printed.
    pub out: Vec<u8>,
    /// What it complained about.
    pub complaint: String,
    /// Whether it said that it went well.
    pub well: bool,
}

/// Runs a program that only reads; none when there is no such program or it took too long.
pub(super) async fn run(program: &str, arguments: &[&str], at_most: u64) -> Option<Printed> {
    let mut command = Run::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    let (out, complaint) = (child.stdout.take()?, child.stderr.take()?);
    let read = async {
        let (mut bytes, mut words) = (Vec::new(), Vec::new());
        let mut out = out.take(at_most);
        let mut complaint = complaint.take(16 * 1024);
        let (read, complained) = tokio::join!(out.read_to_end(&mut bytes), complaint.read_to_end(&mut words));
        read.and(complained).ok()?;
        // More than was wanted: it would wait for ever to write the rest.
        drop((out, complaint));
        let well = child.wait().await.is_ok_and(|status| status.success());
        Some(Printed {
            out: bytes,
            complaint: String::from_utf8_lossy(&words).trim().to_owned(),
            well,
        })
    };
    tokio::time::timeout(WITHIN, read).await.ok()?
}

/// Asks systemd about a unit; else reads its file. None when neither knows it.
pub async fn show(name: &str, from: &str) -> Option<Unit> {
    let name = full_name(name);
    let printed = run(
        "systemctl",
        &["show", "--no-pager", "-p", PROPERTIES, "--", &name],
        256 * 1024,
    )
    .await;
    let told = printed.filter(|printed| printed.well && !printed.out.is_empty());
    let mut unit = match told {
        Some(printed) => parse_show(&String::from_utf8_lossy(&printed.out)),
        None => {
            let path = FOLDERS
                .iter()
                .map(|folder| Path::new(folder).join(&name))
                .find(|path| path.is_file())?;
            parse_file(&fs::read_to_string(path).ok()?)
        }
    };
    if unit.seen.name.is_empty() {
        unit.seen.name = name;
    }
    from.clone_into(&mut unit.seen.from);
    Some(unit)
}

/// `chat` is `chat.service`.
#[must_use]
pub fn full_name(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// Units whose file starts an ASGI server, gunicorn or Charla: their names and commands.
#[must_use]
pub fn that_serve() -> Vec<(String, PathBuf, Command)> {
    let mut found: Vec<(String, PathBuf, Command)> = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let known = found.iter().any(|(other, _, _)| *other == name);
            if known || !name.ends_with(".service") {
                continue;
            }
            let unit = parse_file(&fs::read_to_string(&path).unwrap_or_default());
            let command = Command::read(&unit.argv);
            if serves(command.kind) {
                found.push((name, path, command));
            }
        }
    }
    found
}

/// Whether a kind of process may be the application.
#[must_use]
pub fn serves(kind: Kind) -> bool {
    match kind {
        Kind::Uvicorn
        | Kind::Daphne
        | Kind::Hypercorn
        | Kind::GunicornAsgi
        | Kind::GunicornWsgi
        | Kind::Runserver
        | Kind::Charla => true,
        Kind::Node | Kind::Nginx | Kind::Redis | Kind::Postgres | Kind::Other => false,
    }
}

/// Takes apart what `systemctl show` prints.
#[must_use]
pub fn parse_show(text: &str) -> Unit {
    let mut unit = Unit::default();
    let seen = &mut unit.seen;
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "Id" => value.clone_into(&mut seen.name),
            "LoadState" => value.clone_into(&mut seen.load),
            "ActiveState" => value.clone_into(&mut seen.active),
            "SubState" => value.clone_into(&mut seen.sub),
            "Result" => value.clone_into(&mut seen.result),
            "NRestarts" => seen.restarts = value.parse().ok(),
            "ExecMainCode" => seen.exit_code = exit_code(value),
            "ExecMainStatus" => seen.exit_status = value.parse().ok(),
            "Restart" => value.clone_into(&mut seen.restart_policy),
            "LimitNOFILE" => seen.descriptor_limit = value.parse().ok(),
            "MainPID" => seen.main_pid = value.parse().ok().filter(|pid| *pid != 0),
            "WorkingDirectory" => {
                unit.folder =
                    Some(PathBuf::from(value.trim_start_matches('!'))).filter(|path| path.is_absolute())
            }
            "Environment" => unit.environment.extend(assignments(value)),
            "ExecStart" if unit.argv.is_empty() => {
                let argv = value
                    .split_once("argv[]=")
                    .and_then(|(_, rest)| rest.split_once(" ; "));
                unit.argv = words(argv.map_or(value, |(argv, _)| argv));
            }
            _ => {}
        }
    }
    name_command(&mut unit);
    unit
}

/// `CLD_EXITED` and its like, which `systemctl show` prints as numbers (siginfo of sigaction(2)).
fn exit_code(value: &str) -> Option<String> {
    let word = match value {
        "1" => "exited",
        "2" => "killed",
        "3" => "dumped",
        _ => return None,
    };
    Some(word.to_owned())
}

/// Reads a unit's file as far as the doctor needs it.
#[must_use]
pub fn parse_file(text: &str) -> Unit {
    let mut unit = Unit::default();
    let text = text.replace("\\\n", " ");
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
    {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match name.trim() {
            "ExecStart" => unit.argv = words(value.trim_start_matches(['@', '-', ':', '+', '!'])),
            "Restart" => value.clone_into(&mut unit.seen.restart_policy),
            "LimitNOFILE" => {
                unit.seen.descriptor_limit = value.split(':').next().and_then(|soft| soft.parse().ok())
            }
            "WorkingDirectory" => unit.folder = Some(PathBuf::from(value)).filter(|path| path.is_absolute()),
            "Environment" => unit.environment.extend(assignments(value)),
            "EnvironmentFile" => {
                let text = fs::read_to_string(value.trim_start_matches('-')).unwrap_or_default();
                unit.environment.extend(lines_of_assignments(&text));
            }
            _ => {}
        }
    }
    name_command(&mut unit);
    unit
}

fn name_command(unit: &mut Unit) {
    unit.seen.exec = redact(&unit.argv.join(" "));
    let command = Command::read(&unit.argv);
    if serves(command.kind) {
        let named = command.option(&["--port", "-p"]).is_some();
        let environment = unit
            .environment
            .get("UVICORN_PORT")
            .filter(|_| !named)
            .and_then(|port| port.parse().ok());
        unit.seen.port = environment.or(command.port).filter(|_| command.unix.is_none());
    }
}

/// Words as systemd splits them: by spaces, quotes hold together.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => found.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    found.extend(word);
    found
}

fn assignments(text: &str) -> Vec<(String, String)> {
    let pairs = words(text).into_iter().filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// A file of `NAME=value` lines: systemd's `EnvironmentFile`, uvicorn's `--env-file`.
#[must_use]
pub fn lines_of_assignments(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']));
    let pairs = lines.filter_map(|line| {
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        Some((
            name.trim().to_owned(),
            value.trim().trim_matches(['"', '\'']).to_owned(),
        ))
    });
    pairs.collect()
}

/// What a log gave, or why it gave nothing.
pub type Log = Result<Vec<u8>, NoLog>;

/// Why a log could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLog {
    /// There is no such program, or no journal here.
    None,
    /// Not for this user; its words.
    Forbidden(String),
}

/// A unit's journal as lines of JSON, newest lines kept: for [`Reader`](crate::explain::Reader).
///
/// # Errors
/// Where there is none, or it may not be read.
pub async fn journal(unit: &str, since: Duration, lines: u32) -> Log {
    let since = format!("-{}s", since.as_secs());
    let lines = lines.to_string();
    read_log(
        "journalctl",
        &[
            "-u",
            &full_name(unit),
            "-o",
            "json",
            "--no-pager",
            "-q",
            "--since",
            &since,
            "-n",
            &lines,
        ],
    )
    .await
}

/// The kernel's log: from the journal, else its ring buffer.
///
/// # Errors
/// Where there is none, or it may not be read.
pub async fn kernel_log(since: Duration) -> Log {
    let span = format!("-{}s", since.as_secs());
    let journal = read_log(
        "journalctl",
        &[
            "-k",
            "-o",
            "short-iso",
            "--no-pager",
            "-q",
            "--since",
            &span,
            "-n",
            "5000",
        ],
    )
    .await;
    match journal {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) | Err(_) => read_log("dmesg", &["--time-format", "iso"]).await,
    }
}

async fn read_log(program: &str, arguments: &[&str]) -> Log {
    let Some(printed) = run(program, arguments, JOURNAL_AT_MOST).await else {
        return Err(NoLog::None);
    };
    let complaint = printed.complaint.to_lowercase();
    let forbidden = [
        "permission",
        "not permitted",
        "insufficient",
        "not seeing messages",
    ]
    .iter()
    .any(|word| complaint.contains(word));
    if printed.out.is_empty() && forbidden {
        return Err(NoLog::Forbidden(printed.complaint));
    }
    if printed.out.is_empty() && (!printed.well || complaint.contains("no journal files")) {
        return Err(NoLog::None);
    }
    Ok(printed.out)
}

/// Lines of a kernel's log about processes that were killed for memory, newest last, at most ten.
#[must_use]
pub fn oom_lines(log: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(log);
    let lines = text.lines().filter(|line| {
        line.contains("Killed process") && (line.contains("ut of memory") || line.contains("oom"))
    });
    let lines: Vec<String> = lines.map(|line| redact(line.trim())).collect();
    lines
        .get(lines.len().saturating_sub(10)..)
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_as_systemctl_prints_it() {
        let unit = parse_show(include_str!("../../fixtures/systemd/show-crashing.txt"));
        assert_eq!(unit.seen.name, "tenants-backend.service");
        assert_eq!(
            (unit.seen.active.as_str(), unit.seen.sub.as_str()),
            ("activating", "auto-restart")
        );
        assert_eq!(
            (unit.seen.result.as_str(), unit.seen.restarts),
            ("exit-code", Some(174))
        );
        assert_eq!(
            (unit.seen.exit_code.as_deref(), unit.seen.exit_status),
            (Some("exited"), Some(3))
        );
        assert_eq!(unit.seen.port, Some(9001));
        assert_eq!(unit.seen.descriptor_limit, Some(524_288));
        assert_eq!(unit.seen.main_pid, None);
        assert_eq!(unit.folder.as_deref(), Some(Path::new("/srv/tenants-backend")));
        assert_eq!(
            unit.environment.get("GREETING").map(String::as_str),
            Some("hello you")
        );
    }

    #[test]
    fn a_unit_is_read_from_its_file() {
        let unit = parse_file(
            "[Service]\n# no\nExecStart=-/srv/venv/bin/daphne -b 127.0.0.1 \\\n  -p 9001 'a.asgi:application'\nRestart=always\nEnvironment=\"A=b c\" D=e\n",
        );
        assert_eq!(unit.seen.port, Some(9001));
        assert_eq!(unit.seen.restart_policy, "always");
        assert_eq!(unit.environment.get("A").map(String::as_str), Some("b c"));
        assert_eq!(
            Command::read(&unit.argv).module.as_deref(),
            Some("a.asgi:application")
        );
    }

    #[test]
    fn kills_for_memory_are_found_in_a_kernels_log() {
        let log = "2026-11-22T23:00:00 vm kernel: python invoked oom-killer: gfp_mask=0x0\n\
            2026-11-22T23:00:00 vm kernel: Out of memory: Killed process 4711 (uvicorn) total-vm:1kB\n\
            2026-11-22T23:00:01 vm kernel: Memory cgroup out of memory: Killed process 4712 (python)\n";
        assert_eq!(oom_lines(log.as_bytes()).len(), 2);
    }
}
