//! `charla-lab`: real stacks, broken one cause at a time, and what the doctor calls each.
//!
//! Every scenario builds a stack of real programs, breaks it, proves by its own means that it is broken as meant, and then
//! runs the built `charla` as a user would. A scenario that cannot prove its breakage is an error of the lab, never a miss
//! of the doctor's.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use charla_ground::{Failure, Outcome, machine};
use clap::Parser;

use crate::lab::Lab;
use crate::report::{Report, Row};
use crate::scenario::Scenario;

mod doctor;
mod handshake;
mod jwt;
mod lab;
mod namespace;
mod report;
mod scenario;
mod stack;

/// Breaks real stacks and asks the doctor.
#[derive(Parser)]
#[command(name = "charla-lab", version)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Arguments {
    /// Only scenarios whose name begins with one of these.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    only: Vec<String>,
    /// A few of each kind, for continuous integration.
    #[arg(long)]
    quick: bool,
    /// Print the whole result as JSON.
    #[arg(long)]
    json: bool,
    /// Write DOCTOR.md to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
    /// Name the scenarios and what each should be called.
    #[arg(long)]
    list: bool,
    /// Keep the run's folder: logs, configurations, the doctor's whole answers.
    #[arg(long)]
    keep: bool,
    /// Build and break, and prove it; ask nobody.
    #[arg(long)]
    prove: bool,
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
            let _ = writeln!(io::stderr(), "charla-lab: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let wanted = wanted(arguments)?;
    let mut out = io::stdout().lock();
    if arguments.list {
        for scenario in &wanted {
            let ids = scenario.expected.ids().join(" or ");
            writeln!(out, "{:<44} {:<28} {}", scenario.name, ids, scenario.how)?;
        }
        return Ok(());
    }
    let beside = std::env::current_exe()?.with_file_name("charla");
    let mut lab = Lab::open(arguments.charla.clone().unwrap_or(beside), arguments.keep)?;
    let mut report = Report::begin();
    let mut family = "";
    for scenario in &wanted {
        if scenario.family != family {
            lab.clear();
            family = scenario.family;
        }
        let row = try_one(&mut lab, scenario, arguments.prove);
        if !arguments.json {
            writeln!(out, "{}", row.line())?;
        }
        report.rows.push(row);
    }
    lab.clear();
    report.end();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        writeln!(out, "\n{}", report.totals())?;
    }
    if arguments.keep {
        writeln!(io::stderr(), "kept in {}", lab.folder().display())?;
    }
    if let Some(folder) = &arguments.write {
        report.write(folder)?;
    }
    if arguments.prove {
        report.all_proved()
    } else {
        report.verdict()
    }
}

fn wanted(arguments: &Arguments) -> Outcome<Vec<Scenario>> {
    let mut all = scenario::all();
    if let Some(name) = arguments
        .only
        .iter()
        .find(|name| !all.iter().any(|known| known.name.starts_with(*name)))
    {
        return Err(Failure::Unknown(name.clone()));
    }
    all.retain(|scenario| {
        let is_named =
            arguments.only.is_empty() || arguments.only.iter().any(|name| scenario.name.starts_with(name));
        is_named && (scenario.is_quick || !arguments.quick)
    });
    Ok(all)
}

fn try_one(lab: &mut Lab, scenario: &Scenario, only_proof: bool) -> Row {
    let started = Instant::now();
    let case = match (scenario.prepare)(lab) {
        Ok(case) => case,
        Err(failure) => return Row::of_failure(scenario, &failure, started.elapsed()),
    };
    let prepared = started.elapsed();
    if only_proof {
        return Row::of_proof(scenario, &case, prepared);
    }
    match doctor::ask(lab, &scenario.name, &case) {
        Ok(said) => {
            let row = Row::of(scenario, &case, &said, prepared);
            if row.is_miss() {
                // The row stands, whatever comes of this.
                let _ = doctor::ask_for_evidence(lab, &scenario.name, &case);
            }
            row
        }
        Err(failure) => Row::of_failure(scenario, &failure, prepared),
    }
}
