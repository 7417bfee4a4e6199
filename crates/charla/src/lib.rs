//! `charla`: arguments -> settings -> run -> exit code.
//!
//! A library, so that it is compiled while the server is still being optimised; the program waits for that, and only links.

use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::exit::Outcome;
use crate::screen::Screen;

mod admin;
mod archive;
mod args;
mod backup;
mod causes;
mod config;
mod connect;
mod consulting;
mod demo;
mod doctor;
mod exit;
mod explain;
mod import_django;
mod import_history;
mod migrate;
mod paper;
mod reload;
mod screen;
mod serve;
mod spinner;
mod storm;
mod supervisor;
mod words;

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::typed();
    let mut screen = Screen::new(args.language());
    let outcome = run(args.command, &mut screen);
    exit::code(outcome, &screen)
}

fn run(command: Command, screen: &mut Screen) -> Outcome {
    match command {
        Command::Admin(wanted) => admin::run(wanted, screen),
        Command::Connect(wanted) => connect::run(&wanted, screen),
        Command::Causes(wanted) => causes::run(&wanted, screen),
        Command::Config(wanted) => config::run(wanted, screen),
        Command::Demo(wanted) => demo::run(&wanted, screen),
        Command::Doctor(wanted) => doctor::run(&wanted, screen),
        Command::Explain(wanted) => explain::run(&wanted, screen),
        Command::Export(wanted) => archive::export(&wanted, screen),
        Command::Import(wanted) => archive::import(&wanted, screen),
        Command::ImportDjango(wanted) => import_django::run(&wanted, screen),
        Command::Backup(wanted) => backup::run(&wanted, screen),
        Command::Restored(wanted) => backup::restored(&wanted, screen),
        Command::Compact(wanted) => backup::compact(&wanted, screen),
        Command::ImportHistory(wanted) => import_history::run(&wanted, screen),
        Command::Migrate(wanted) => migrate::run(&wanted, screen),
        Command::Serve(wanted) => serve::run(wanted, screen),
        Command::Storm(wanted) => storm::run(&wanted, screen),
        Command::Completions(wanted) => paper::completions(&wanted, screen),
        Command::Man(wanted) => paper::man(&wanted, screen),
    }
}
