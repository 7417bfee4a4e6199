//! The scenarios, one file each, and what they share: how long, how often, and where the servers come from.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::All;
use crate::failure::{Failure, Outcome};
use crate::report::{Report, Row};
use crate::server::{Kind, Server};

mod binary;
mod chats;
pub(crate) mod curve;
mod deflate;
mod doctor;
mod durable;
mod fanout;
pub(crate) mod handshakes;
pub(crate) mod idle;
mod latency;
mod neighbours;
mod nodes;
mod postgres;
mod preflight;
mod resume;
mod slow;

/// Rounds of a full run.
const ROUNDS: usize = 5;

/// A scenario's name and what runs it.
type Scenario = (&'static str, fn(&Bench) -> Outcome<Vec<Row>>);

/// In the order in which they are run.
const SCENARIOS: &[Scenario] = &[
    ("binary", binary::run),
    ("noise", fanout::noise),
    ("fanout", fanout::run),
    ("chats", chats::run),
    ("deflate", deflate::run),
    ("latency", latency::run),
    ("neighbours", neighbours::run),
    ("durable", durable::run),
    ("postgres", postgres::run),
    ("curve", curve::run),
    ("nodes", nodes::run),
    ("handshakes", handshakes::run),
    ("resume", resume::run),
    ("preflight", preflight::run),
    ("doctor", doctor::run),
    ("slow", slow::run),
    ("idle", idle::run),
];

/// What every scenario is told.
pub(crate) struct Bench {
    /// Whether only correctness matters.
    pub(crate) small: bool,
    /// How many alternating rounds.
    pub(crate) rounds: usize,
    /// The server's program.
    pub(crate) charla: PathBuf,
    folder: PathBuf,
    stores: AtomicU32,
}

impl Bench {
    /// With `charla` beside this program, if it is nowhere else.
    pub(crate) fn new(small: bool, rounds: usize, charla: Option<&Path>) -> Outcome<Self> {
        let beside = std::env::current_exe()?;
        Ok(Self {
            small,
            rounds: if small { 1 } else { rounds.max(1) },
            charla: charla.map_or_else(|| beside.with_file_name("charla"), Path::to_owned),
            folder: beside.with_file_name("bench-stores"),
            stores: AtomicU32::new(0),
        })
    }

    /// Starts a server; Charla with a new store.
    pub(crate) fn start(&self, kind: Kind) -> Outcome<Server> {
        match kind {
            Kind::Floor | Kind::Plain => Server::reference(kind),
            Kind::Charla => Server::charla(&self.charla, self.store()),
        }
    }

    /// Starts Charla with a key that makes chats.
    pub(crate) fn start_with_key(&self) -> Outcome<Server> {
        Server::charla_with_key(&self.charla, self.store())
    }

    /// Starts Charla on a store that has been set up: for reading its memory.
    pub(crate) fn start_settled(&self) -> Outcome<Server> {
        self.start(Kind::Charla)?.again(&self.charla)
    }

    /// A folder that does not exist yet, on the disk that the program was built on.
    pub(crate) fn store(&self) -> PathBuf {
        let number = self.stores.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{}-{number}", std::process::id()))
    }

    /// One of two, by the kind of run.
    pub(crate) fn pick<T>(&self, small: T, full: T) -> T {
        if self.small { small } else { full }
    }

    /// Measures by turns, A B A B, so that a noisy stretch of the machine meets both.
    pub(crate) fn alternate<T>(
        &self,
        kinds: [Kind; 2],
        mut measure: impl FnMut(Kind) -> Outcome<T>,
    ) -> Outcome<[Vec<T>; 2]> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            first.push(measure(kinds[0])?);
            second.push(measure(kinds[1])?);
        }
        Ok([first, second])
    }
}

/// Runs what was asked for and prints, or writes, what came of it.
pub(crate) fn run(all: &All) -> Outcome<()> {
    let bench = Bench::new(all.small, all.rounds.unwrap_or(ROUNDS), all.charla.as_deref())?;
    if let Some(name) = all
        .only
        .iter()
        .find(|name| SCENARIOS.iter().all(|(known, _)| known != name))
    {
        let known = SCENARIOS
            .iter()
            .map(|(known, _)| *known)
            .collect::<Vec<_>>()
            .join(", ");
        return Err(Failure::Unknown {
            name: name.clone(),
            known,
        });
    }
    let mut report = Report::begin();
    let mut out = std::io::stdout();
    for (name, scenario) in SCENARIOS {
        if all.only.is_empty() || all.only.iter().any(|only| only == name) {
            writeln!(out, "{name}")?;
            for row in scenario(&bench)? {
                // So little was done that a time would say nothing.
                let line = if bench.small { row.what.clone() } else { row.line() };
                writeln!(out, "  {line}")?;
                report.rows.push(row);
            }
        }
    }
    if let Some(folder) = &all.write {
        report.write(folder)?;
    }
    Ok(())
}
