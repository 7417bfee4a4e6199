//! `charla-conformance`: every frame rule of RFC 6455 and RFC 7692 that binds a server, each tried over a real socket.
//!
//! It shares no code with the server: bytes are laid by hand, and whatever the server sends is judged strictly in every case.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::report::{Report, Row};
use crate::server::Server;

mod case;
mod cases;
mod peer;
mod report;
mod request;
mod server;
mod squeeze;
mod wire;

/// Tries a server against every rule.
#[derive(Parser)]
#[command(name = "charla-conformance", version)]
struct Arguments {
    /// Only cases whose section and name have this in them.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Name every case.
    #[arg(long)]
    list: bool,
    /// End with one line of JSON.
    #[arg(long)]
    json: bool,
    /// Write conformance.md to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "docs")]
    write: Option<PathBuf>,
    /// The program that is tried; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "charla-conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every case passed.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let beside = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = arguments
        .charla
        .clone()
        .unwrap_or_else(|| beside.with_file_name("charla"));
    let mut server = Server::start(&program)?;
    let began = Instant::now();
    let mut cases = cases::all(&server.place);
    if let Some(only) = &arguments.only {
        cases.retain(|case| format!("{} {}", case.section, case.name).contains(only.as_str()));
    }
    let mut report = Report::default();
    for (number, case) in cases.iter().enumerate() {
        let outcome = case.attempt(&server.place, number);
        if !server.lives() {
            return Err(format!("the server died of {} {}", case.section, case.name));
        }
        report.rows.push(Row::new(case, outcome.err()));
    }
    // Expectations that are wrong on purpose, told from those that are not by failing.
    let wrong = cases::wrong(&server.place);
    report.wrong = wrong.len();
    for (number, case) in wrong.iter().enumerate() {
        if case.attempt(&server.place, number).is_ok() {
            report.unseen.push(case.name.clone());
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    tell(arguments, &report).map_err(|error| error.to_string())?;
    Ok(report.is_good())
}

fn tell(arguments: &Arguments, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if arguments.list {
        for row in &report.rows {
            writeln!(out, "{:<12} {}", row.section, row.name)?;
        }
    }
    writeln!(out, "{}", report.table())?;
    if let Some(folder) = &arguments.write {
        std::fs::write(folder.join("conformance.md"), report.page())?;
    }
    if arguments.json {
        writeln!(out, "{}", report.last_line())?;
    }
    Ok(())
}
