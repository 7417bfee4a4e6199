//! `charla-faults`: several real nodes, every fault in turn, and a checker over the whole history.
//!
//! Three nodes behind nginx share a Redis and a PostgreSQL; hundreds of real clients speak in two tenants with the same chats.
//! Each fault proves that it happened, is taken back, and must leave nothing acknowledged lost, nothing twice, one order
//! everywhere and no ghosts. The run knows the server by its programs and sockets only.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use charla_ground::{Failure, Outcome, machine, process};
use clap::Parser;
use tokio::runtime::Handle;

use crate::fault::Fault;
use crate::report::Report;
use crate::run::Run;
use crate::stage::Stage;
use crate::world::World;

mod checker;
mod crowd;
mod fault;
mod history;
mod listener;
mod network;
mod presence;
mod report;
mod run;
mod scale;
mod stack;
mod stage;
mod world;

/// Messages a second of everybody together. Two cores that also run the nodes and the clients keep calm.
const PER_SECOND: u32 = 60;

/// Breaks a cluster in every way it can, and checks what it promised.
#[derive(Parser)]
#[command(name = "charla-faults", version)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Arguments {
    /// Only faults whose name begins with one of these.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    only: Vec<String>,
    /// A few faults with 60 clients, for continuous integration.
    #[arg(long)]
    quick: bool,
    /// Print the whole result as JSON, and on the last line what counts.
    #[arg(long)]
    json: bool,
    /// Write FAULTS.md to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
    /// Break nothing: measure what a second and a third node cost. With --write the page is NODES.md.
    #[arg(long, conflicts_with_all = ["only", "quick", "json", "list", "clients", "rate"])]
    scale: bool,
    /// Name the faults.
    #[arg(long)]
    list: bool,
    /// Keep the run's folder: logs, configurations, histories.
    #[arg(long)]
    keep: bool,
    /// Clients of both tenants together; 300, or 60 with --quick.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(16..=2_000))]
    clients: Option<u32>,
    /// Messages a second of everybody together.
    #[arg(long, value_name = "COUNT", default_value_t = PER_SECOND, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// The program that is tried; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let within = if arguments.list {
        Ok(None)
    } else {
        machine::enter()
    };
    let outcome = match within {
        Ok(Some(code)) => return code,
        Ok(None) => run(&arguments),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "charla-faults: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let wanted = wanted(arguments)?;
    let mut out = io::stdout().lock();
    if arguments.list {
        for fault in &wanted {
            writeln!(out, "{:<28} {}", fault.name, fault.how)?;
        }
        return Ok(());
    }
    let mut builder = tempfile::Builder::new();
    let folder = builder.prefix("charla-faults-").tempdir()?;
    // PostgreSQL and nginx' workers run as other users.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let beside = std::env::current_exe()?.with_file_name("charla");
    let charla = fs::canonicalize(arguments.charla.as_ref().unwrap_or(&beside))?;
    if arguments.scale {
        return scale(arguments, runtime.handle(), folder.path(), &charla);
    }
    let clients = arguments
        .clients
        .unwrap_or(if arguments.quick { 60 } else { 300 });
    let world = World {
        clients: usize::try_from(clients / 2).unwrap_or(8),
    };
    let began = Instant::now();
    let stage = Stage::build(runtime.handle(), folder.path(), &charla, world, arguments.rate)?;
    let mut run = Run::new(stage);
    let mut report = Report::begin(arguments, world, run.stage.network.is_own());
    for fault in wanted {
        let (row, history, stored) = run.attempt(fault);
        if !row.is_good() {
            history.write(&folder.path().join(format!("{}.jsonl", fault.name)))?;
            stored.write(&folder.path().join(format!("{}.stored.jsonl", fault.name)))?;
        }
        if !arguments.json {
            writeln!(out, "{}", row.line())?;
        }
        report.rows.push(row);
    }
    report.end(run.check_whole()?, &run.whole, began.elapsed());
    run.stage.crowd.end();
    drop(run);
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        writeln!(out, "{}", report.last_line())?;
    } else {
        writeln!(out, "\n{}", report.totals())?;
    }
    if let Some(place) = &arguments.write {
        report.write(place)?;
    }
    let verdict = report.verdict();
    if arguments.keep || verdict.is_err() {
        writeln!(io::stderr(), "kept in {}", keep(folder).display())?;
    }
    verdict
}

fn keep(folder: tempfile::TempDir) -> PathBuf {
    // A disk of the run's own is gone with the run.
    let _ = process::output(std::process::Command::new("umount").arg(folder.path().join("small")));
    folder.keep()
}

/// Measures nodes instead of breaking them.
fn scale(arguments: &Arguments, runtime: &Handle, folder: &Path, charla: &Path) -> Outcome<()> {
    let rows = scale::measure(runtime, folder, charla)?;
    let page = scale::page(&rows, &machine::described(), build(charla));
    writeln!(io::stdout(), "{page}")?;
    if let Some(place) = &arguments.write {
        fs::write(place.join("NODES.md"), page)?;
    }
    Ok(())
}

/// How the program was built, by where it stands.
fn build(charla: &Path) -> &'static str {
    if charla.components().any(|part| part.as_os_str() == "release") {
        "release build"
    } else {
        "development build"
    }
}

fn wanted(arguments: &Arguments) -> Outcome<Vec<&'static Fault>> {
    let mut all = fault::all();
    let is_known = |name: &&String| !all.iter().any(|fault| fault.name.starts_with(name.as_str()));
    if let Some(name) = arguments.only.iter().find(is_known) {
        return Err(Failure::Unknown(name.clone()));
    }
    all.retain(|fault| {
        let is_named = arguments.only.is_empty()
            || arguments
                .only
                .iter()
                .any(|name| fault.name.starts_with(name.as_str()));
        is_named && (fault.is_quick || !arguments.quick)
    });
    Ok(all)
}

/// Where this repository is, for the command that repeats a run.
pub(crate) fn command(arguments: &Arguments) -> String {
    let mut command = "cargo xtask faults".to_owned();
    if arguments.quick {
        command += " --quick";
    }
    if !arguments.only.is_empty() {
        command += &format!(" --only {}", arguments.only.join(","));
    }
    if let Some(place) = &arguments.write {
        command += " --write";
        if place != Path::new("bench") {
            command += &format!(" {}", place.display());
        }
    }
    command
}
