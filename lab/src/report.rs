//! The confusion matrix: cause broken by cause named, for people (`DOCTOR.md`) and for programs (`--json`).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use charla_ground::{Failure, Outcome, machine};
use serde::Serialize;

use crate::doctor::Said;
use crate::scenario::{Case, Expected, Scenario};

/// What must be named first and rightly.
const RIGHT_AT_LEAST: f64 = 95.0;
/// How long a run may take.
const LONGEST: Duration = Duration::from_secs(5);

/// What one scenario came to.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "columns of a table")]
pub(crate) struct Row {
    name: String,
    family: &'static str,
    how: String,
    /// Ids; empty for a healthy stack.
    broken: &'static [&'static str],
    proof: String,
    /// The verdict, or the first warning where the handshake succeeds.
    named: Option<String>,
    as_warning: bool,
    certainty: Option<String>,
    is_right: bool,
    also: Vec<String>,
    warnings: Vec<String>,
    exit_code: i32,
    seconds: f64,
    /// `--idle` asked it to wait.
    is_idle: bool,
    /// Building and breaking took so long.
    prepared_seconds: f64,
    /// Why there is no result.
    failure: Option<String>,
    /// That is this machine's fault, not the lab's.
    is_left_out: bool,
    /// What was printed in place of JSON.
    other: String,
}

impl Row {
    fn blank(scenario: &Scenario, prepared: Duration) -> Self {
        Self {
            name: scenario.name.clone(),
            family: scenario.family,
            how: scenario.how.clone(),
            broken: scenario.expected.ids(),
            proof: String::new(),
            named: None,
            as_warning: false,
            certainty: None,
            is_right: false,
            also: Vec::new(),
            warnings: Vec::new(),
            exit_code: 0,
            seconds: 0.0,
            is_idle: false,
            prepared_seconds: prepared.as_secs_f64(),
            failure: None,
            is_left_out: false,
            other: String::new(),
        }
    }

    /// Of a doctor that was asked.
    pub(crate) fn of(scenario: &Scenario, case: &Case, said: &Said, prepared: Duration) -> Self {
        let warned = said.warnings.first().filter(|_| said.cause.is_none());
        let is_one =
            |name: Option<&String>| name.is_some_and(|name| scenario.expected.ids().contains(&name.as_str()));
        let is_right = match scenario.expected {
            Expected::Cause(_) => is_one(said.cause.as_ref()) && said.code == 1,
            Expected::CauseOrWarning(_) => is_one(said.cause.as_ref().or(warned)),
            Expected::Healthy => {
                said.code == 0 && said.is_healthy && said.cause.is_none() && said.warnings.is_empty()
            }
        };
        Self {
            proof: case.proof.clone(),
            named: said.cause.clone().or_else(|| warned.cloned()),
            as_warning: warned.is_some(),
            certainty: said.certainty.clone(),
            is_right,
            also: said.also.clone(),
            warnings: said.warnings.clone(),
            exit_code: said.code,
            seconds: said.took.as_secs_f64(),
            is_idle: case.arguments.iter().any(|argument| argument == "--idle"),
            other: said.other.clone(),
            ..Self::blank(scenario, prepared)
        }
    }

    /// Of a stack that was only broken and proved.
    pub(crate) fn of_proof(scenario: &Scenario, case: &Case, prepared: Duration) -> Self {
        Self {
            proof: case.proof.clone(),
            ..Self::blank(scenario, prepared)
        }
    }

    /// Of a stack that could not be built, or is not broken as meant.
    pub(crate) fn of_failure(scenario: &Scenario, failure: &Failure, prepared: Duration) -> Self {
        Self {
            failure: Some(failure.to_string()),
            is_left_out: matches!(failure, Failure::Lacking(_)),
            ..Self::blank(scenario, prepared)
        }
    }

    /// The doctor was asked, and named something else.
    pub(crate) fn is_miss(&self) -> bool {
        self.is_counted() && !self.is_right
    }

    fn is_counted(&self) -> bool {
        self.failure.is_none()
    }

    fn is_wrongly_certain(&self) -> bool {
        self.is_counted() && !self.is_right && self.certainty.as_deref() == Some("certain")
    }

    fn mark(&self) -> &'static str {
        match (self.is_counted(), self.is_right) {
            (false, _) => "-",
            (true, true) => "✓",
            (true, false) => "✗",
        }
    }

    fn named(&self) -> String {
        let name = self.named.as_deref().unwrap_or("nothing");
        if self.as_warning {
            format!("{name} (warning)")
        } else {
            name.to_owned()
        }
    }

    /// For the terminal.
    pub(crate) fn line(&self) -> String {
        let broken = if self.broken.is_empty() {
            "healthy".to_owned()
        } else {
            self.broken.join("|")
        };
        if let Some(failure) = &self.failure {
            return format!("- {:<40} {failure}", self.name);
        }
        if self.seconds == 0.0 {
            return format!(
                "  {:<40} {:>5.1} s  {}",
                self.name, self.prepared_seconds, self.proof
            );
        }
        let mut line = format!(
            "{} {:<40} {broken} -> {} {} [{}] {:.2} s (made in {:.1} s)",
            self.mark(),
            self.name,
            self.named(),
            self.certainty.as_deref().unwrap_or(""),
            self.exit_code,
            self.seconds,
            self.prepared_seconds
        );
        if !self.is_right {
            let _ = write!(
                line,
                "\n      proof: {}; also {:?}; warnings {:?} {}",
                self.proof,
                self.also,
                self.warnings,
                self.other.trim()
            );
        }
        line
    }

    fn cells(&self) -> String {
        let broken = self
            .broken
            .iter()
            .map(|id| format!("`{id}`"))
            .collect::<Vec<_>>()
            .join(" or ");
        format!(
            "| {} | {} | {} | {} | {} | {} | {:.2} | {} |\n",
            self.name,
            self.how.replace('|', "\\|"),
            if broken.is_empty() { "nothing" } else { &broken },
            self.proof.replace('|', "\\|"),
            self.named.as_ref().map_or_else(
                || "nothing".to_owned(),
                |name| format!("`{name}`{}", if self.as_warning { " (warning)" } else { "" })
            ),
            self.certainty.as_deref().unwrap_or("-"),
            self.seconds,
            self.mark()
        )
    }
}

/// All of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    command: String,
    date: String,
    machine: String,
    own_machine: bool,
    seconds: f64,
    #[serde(skip)]
    began: Instant,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn begin() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            command: format!("cargo xtask lab {}", arguments.join(" "))
                .trim_end()
                .to_owned(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            machine: machine::described(),
            own_machine: machine::is_own(),
            seconds: 0.0,
            began: Instant::now(),
            rows: Vec::new(),
        }
    }

    /// It is over.
    pub(crate) fn end(&mut self) {
        self.seconds = self.began.elapsed().as_secs_f64();
    }

    fn counted(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_counted())
    }

    /// Broken ones: how many, and how many named rightly.
    fn broken(&self) -> (usize, usize) {
        let broken = || self.counted().filter(|row| !row.broken.is_empty());
        (broken().count(), broken().filter(|row| row.is_right).count())
    }

    /// Healthy ones: how many, and how many alarms.
    fn healthy(&self) -> (usize, usize) {
        let healthy = || self.counted().filter(|row| row.broken.is_empty());
        (healthy().count(), healthy().filter(|row| !row.is_right).count())
    }

    fn wrongly_certain(&self) -> usize {
        self.rows.iter().filter(|row| row.is_wrongly_certain()).count()
    }

    /// The slowest that was not asked to wait.
    fn longest(&self) -> Option<&Row> {
        self.counted()
            .filter(|row| !row.is_idle)
            .max_by(|one, other| one.seconds.total_cmp(&other.seconds))
    }

    fn share(&self) -> f64 {
        let (broken, right) = self.broken();
        if broken == 0 {
            100.0
        } else {
            100.0 * f64::from(u32::try_from(right).unwrap_or(0))
                / f64::from(u32::try_from(broken).unwrap_or(1))
        }
    }

    fn ids(&self) -> usize {
        let ids: std::collections::BTreeSet<&str> = self
            .counted()
            .filter_map(|row| row.broken.first().copied())
            .collect();
        ids.len()
    }

    /// The figures that count.
    pub(crate) fn totals(&self) -> String {
        let ((broken, right), (healthy, alarms)) = (self.broken(), self.healthy());
        let longest = self
            .longest()
            .map_or_else(String::new, |row| format!("{:.2} s ({})", row.seconds, row.name));
        let failed = self
            .rows
            .iter()
            .filter(|row| row.failure.is_some() && !row.is_left_out)
            .count();
        let left_out = self.rows.iter().filter(|row| row.is_left_out).count();
        format!(
            "- **{right} of {broken}** broken stacks named first and rightly: **{:.1} %** (bar: {RIGHT_AT_LEAST} %); {} different causes.\n\
             - Wrong verdicts said to be certain: **{}** (bar: 0).\n\
             - Healthy runs: {healthy}, false alarms: **{alarms}** (bar: 0).\n\
             - Longest run without `--idle`: {longest} (bar: {} s).\n\
             - Scenarios that this machine cannot build: {left_out}; that the lab failed to build: {failed}. The whole took {:.0} s.",
            self.share(),
            self.ids(),
            self.wrongly_certain(),
            LONGEST.as_secs(),
            self.seconds
        )
    }

    /// Whether every stack was broken as meant.
    pub(crate) fn all_proved(&self) -> Outcome<()> {
        match self
            .rows
            .iter()
            .filter(|row| row.failure.is_some() && !row.is_left_out)
            .count()
        {
            0 => Ok(()),
            count => Err(Failure::Missed(format!(
                "{count} stacks were not broken as meant"
            ))),
        }
    }

    /// Whether the bars were reached.
    pub(crate) fn verdict(&self) -> Outcome<()> {
        self.all_proved()?;
        let mut missed = Vec::new();
        if self.share() < RIGHT_AT_LEAST {
            missed.push(format!("named rightly: {:.1} %", self.share()));
        }
        if self.wrongly_certain() > 0 {
            missed.push(format!("wrongly certain: {}", self.wrongly_certain()));
        }
        if self.healthy().1 > 0 {
            missed.push(format!("false alarms: {}", self.healthy().1));
        }
        if missed.is_empty() {
            Ok(())
        } else {
            Err(Failure::Missed(missed.join("; ")))
        }
    }

    /// Writes `DOCTOR.md`.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<()> {
        Ok(fs::write(folder.join("DOCTOR.md"), self.markdown())?)
    }

    fn markdown(&self) -> String {
        let place = if self.own_machine {
            "a network, process and mount namespace of its own"
        } else {
            "free ports of that machine"
        };
        let mut text = format!(
            "# What the doctor calls it\n\nWritten by `{}` on {}.\nMachine: {}; the stacks and the doctor share its cores. \
             The stacks ran in {place}.\n\n\
             Each row is a stack of real programs that was broken on purpose: uvicorn and daphne with Django 5, Channels 4,\n\
             channels_redis and SimpleJWT; Redis, nginx, PostgreSQL; Charla. *Proof* is what the lab itself saw before it asked.\n\
             Then `charla doctor ADDRESS --json` (or `charla explain LOG --json`) ran as a user would run it on that machine.\n\
             Where a handshake succeeds all the same, a warning counts.\n\n{}\n",
            self.command,
            self.date,
            self.machine,
            self.totals()
        );
        let misses: Vec<&Row> = self.counted().filter(|row| !row.is_right).collect();
        if !misses.is_empty() {
            text += "\n## Misses\n\n";
            for row in misses {
                let also = if row.also.is_empty() {
                    String::new()
                } else {
                    format!(", also {}", row.also.join(", "))
                };
                let _ = writeln!(
                    text,
                    "- {}: {} ({}) instead of {}{also}",
                    row.name,
                    row.named(),
                    row.certainty.as_deref().unwrap_or("-"),
                    if row.broken.is_empty() {
                        "nothing".to_owned()
                    } else {
                        row.broken.join(" or ")
                    }
                );
            }
        }
        let left_out: Vec<&Row> = self.rows.iter().filter(|row| row.failure.is_some()).collect();
        if !left_out.is_empty() {
            text += "\n## Left out\n\n";
            for row in left_out {
                let _ = writeln!(
                    text,
                    "- {}: {}",
                    row.name,
                    row.failure.as_deref().unwrap_or_default()
                );
            }
        }
        let mut family = "";
        for row in self.counted() {
            if row.family != family {
                family = row.family;
                let _ = write!(
                    text,
                    "\n## {}\n\n| stack | how it is broken | cause broken | proof | cause named | certainty | seconds | |\n|---|---|---|---|---|---|---|---|\n",
                    title(family)
                );
            }
            text += &row.cells();
        }
        text
    }
}

fn title(family: &str) -> String {
    let mut letters = family.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
