//! What a run came to, for people and for programs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use charla_ground::{Failure, Outcome, machine};
use serde::Serialize;

use crate::Arguments;
use crate::checker::{Promise, Verdict};
use crate::history::History;
use crate::run::{Delays, Row};
use crate::world::World;

/// The fault whose figures are told apart from the table.
const UNPLUGGED: &str = "redis-unplugged";

/// All of it.
#[derive(Serialize)]
pub(crate) struct Report {
    command: String,
    machine: String,
    began: String,
    own_network: bool,
    clients: usize,
    rate: u32,
    pub(crate) rows: Vec<Row>,
    whole: Verdict,
    acked: usize,
    received: usize,
    seconds: f64,
}

impl Report {
    pub(crate) fn begin(arguments: &Arguments, world: World, own_network: bool) -> Self {
        let now = jiff::Timestamp::now().to_string();
        let minute = now.get(..16).unwrap_or(&now).replace('T', " ");
        Self {
            command: crate::command(arguments),
            machine: machine::described(),
            began: format!("{minute} UTC"),
            own_network,
            clients: world.clients * 2,
            rate: arguments.rate,
            rows: Vec::new(),
            whole: Verdict::default(),
            acked: 0,
            received: 0,
            seconds: 0.0,
        }
    }

    /// With what the whole history showed.
    pub(crate) fn end(&mut self, whole: Verdict, history: &History, took: Duration) {
        self.whole = whole;
        self.acked = history.acked();
        self.received = history.received();
        self.seconds = took.as_secs_f64();
    }

    /// How often a promise was broken, in one stretch or over all of them.
    fn count(&self, promises: &[Promise]) -> usize {
        let of = |verdict: &Verdict| {
            promises
                .iter()
                .map(|promise| verdict.count(*promise))
                .sum::<usize>()
        };
        let rows: usize = self.rows.iter().map(|row| of(&row.verdict)).sum();
        rows.max(of(&self.whole))
    }

    /// How often: lost, duplicated, reordered, crossed, ghosts, not listed, never came back.
    fn broken(&self) -> [usize; 7] {
        [
            self.count(&[Promise::Lost, Promise::Hole]),
            self.count(&[Promise::Duplicated]),
            self.count(&[Promise::Reordered]),
            self.count(&[Promise::Crossed, Promise::Invented, Promise::Kept]),
            self.count(&[Promise::Ghost]),
            self.count(&[Promise::Absent]),
            self.count(&[Promise::Stranded]),
        ]
    }

    fn tried(&self) -> usize {
        self.rows.iter().filter(|row| row.left_out.is_none()).count()
    }

    /// What counts, for programs.
    pub(crate) fn last_line(&self) -> String {
        let [faults, acked] = [self.tried(), self.acked];
        let [lost, duplicated, reordered, ..] = self.broken();
        format!(
            "{{\"faults\":{faults},\"acked\":{acked},\"lost\":{lost},\"duplicated\":{duplicated},\"reordered\":{reordered}}}"
        )
    }

    /// The same for people.
    pub(crate) fn totals(&self) -> String {
        let [lost, duplicated, reordered, crossed, ghosts, absent, stranded] = self.broken();
        let mut lines = vec![format!(
            "{} faults, {} messages acknowledged, {} delivered to {} clients in {:.0} s: lost {lost}, duplicated {duplicated}, \
             reordered {reordered}, crossed {crossed}, ghosts {ghosts}, not listed {absent}, never came back {stranded}",
            self.tried(),
            self.acked,
            self.received,
            self.clients,
            self.seconds,
        )];
        lines.extend(
            self.whole
                .lines()
                .iter()
                .map(|line| format!("  over all: {line}")),
        );
        let bad = self.rows.iter().filter(|row| !row.is_good());
        lines.extend(bad.map(|row| format!("  again: cargo xtask faults --keep --only {}", row.name)));
        lines.join("\n")
    }

    /// Whether everything that was tried happened, and every promise was kept.
    pub(crate) fn verdict(&self) -> Outcome<()> {
        let bad: Vec<&str> = self
            .rows
            .iter()
            .filter(|row| !row.is_good())
            .map(|row| row.name)
            .collect();
        if bad.is_empty() && self.whole.is_clean() {
            return Ok(());
        }
        Err(Failure::Missed(format!("not as promised: {}", bad.join(", "))))
    }

    /// Writes `FAULTS.md` to a folder.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<()> {
        Ok(fs::write(folder.join("FAULTS.md"), self.paper())?)
    }

    fn paper(&self) -> String {
        let place = if self.own_network {
            "each node in a network namespace of its own, PostgreSQL, Redis and nginx on a bridge between them"
        } else {
            "all on free ports of that machine"
        };
        let mut paper = format!(
            "# Faults\n\nWritten by `{}` on {}.\nMachine: {}; {place}. Nodes and clients are development builds and share its \
             cores.\n\nThree nodes of `charla serve` behind nginx, with one PostgreSQL (commits are flushed to the disk) and one \
             Redis. {} clients in two\ntenants with the same chats and the same people send up to {} messages a second; one in ten \
             comes and goes all the time. Each\nfault proves that it happened, is taken back, and everybody has to come back by \
             itself. Then the whole history is held\nagainst the store: everything acknowledged is there under its number, once; \
             numbers have no holes; each listener got\nevery message, once, in order, and so did each connection on the wire; \
             nothing crossed between tenants; every node\nnames exactly those people who are there.\n\n{}\n",
            self.command,
            self.began,
            self.machine,
            self.clients,
            self.rate,
            self.summary()
        );
        paper += &self.unplugged();
        paper += &self.table();
        paper += &self.list("Not as promised", |row| {
            let verdict = row.verdict.lines().join("; ");
            let failed = row.failed.clone().unwrap_or_default();
            let words = [failed, verdict].into_iter().filter(|words| !words.is_empty());
            (!row.is_good()).then(|| words.collect::<Vec<_>>().join("; "))
        });
        paper += &self.list("Left out", |row| row.left_out.clone());
        paper += &self.list("How each was seen to happen", |row| {
            let proof = row.proof.split_whitespace().collect::<Vec<_>>().join(" ");
            (!proof.is_empty()).then_some(proof)
        });
        paper
    }

    fn summary(&self) -> String {
        let [lost, duplicated, reordered, crossed, ghosts, absent, stranded] = self.broken();
        format!(
            "- **{}** faults, **{}** messages acknowledged and {} times delivered in {:.0} s.\n\
             - Lost: **{lost}**. Duplicated: **{duplicated}**. Reordered: **{reordered}**. Crossed between tenants: **{crossed}**.\n\
             - Ghosts: **{ghosts}**. People who were there and not listed: {absent}. Clients that never came back: {stranded}.\n",
            self.tried(),
            self.acked,
            self.received,
            self.seconds,
        )
    }

    fn unplugged(&self) -> String {
        let rows = self.rows.iter().filter(|row| row.left_out.is_none());
        let Some(row) = rows.into_iter().find(|row| row.name == UNPLUGGED) else {
            return String::new();
        };
        format!(
            "## The plug pulled\n\nThirty seconds without Redis: {} connections ended, {} messages lost, {} repaired from the \
             store. From the store to a\nlistener a message took {} ms meanwhile (p50 / p99 / longest; {} of them), against {} ms \
             before.\n\n",
            row.lost_connections(),
            row.verdict.count(Promise::Lost),
            row.gaps_repaired,
            spread(row.during),
            row.during.count,
            spread(row.before),
        )
    }

    fn table(&self) -> String {
        let mut table = "## The faults\n\n\
             *Gaps*: messages that a node found in the store because nobody had told it. *First ack*: from the fault's end to the \
             first\nacknowledgement of something said after it. *Back*: from there to everybody connected and in all their chats. \
             *Delay*: from\nthe store to a listener, of live messages while the fault lasted; what was resumed after a reconnect is \
             not in it. *Not listed*: people who were\nin a chat and whom a node did not name to somebody who entered it, summed over chats and nodes.\n\n\
             | fault | what is done | acked | received | gaps | disconnects | first ack s | back s | delay ms p50 / p99 / longest | ghosts | not listed | |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for row in self.rows.iter().filter(|row| row.left_out.is_none()) {
            let mark = if row.is_good() { "✓" } else { "✗" };
            table += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {mark} |\n",
                row.name,
                row.how,
                row.acked,
                row.received,
                row.gaps_repaired,
                row.causes(),
                seconds(row.first_ack_ms),
                seconds(row.back_ms),
                spread(row.during),
                row.verdict.count(Promise::Ghost),
                row.verdict.count(Promise::Absent),
            );
        }
        table + "\n"
    }

    fn list(&self, title: &str, words: impl Fn(&Row) -> Option<String>) -> String {
        let found = self.rows.iter().filter_map(|row| Some((row.name, words(row)?)));
        let lines: String = found
            .map(|(name, words)| format!("- {name}: {words}\n"))
            .collect();
        if lines.is_empty() {
            String::new()
        } else {
            format!("## {title}\n\n{lines}\n")
        }
    }
}

impl Row {
    /// For the terminal.
    pub(crate) fn line(&self) -> String {
        if let Some(why) = &self.left_out {
            return format!("- {:<26} {why}", self.name);
        }
        let mark = if self.is_good() { "✓" } else { "✗" };
        let mut line = format!(
            "{mark} {:<26} acked {:>5}  received {:>6}  gaps {:>4}  disconnects {}  first ack {} s  back {} s  delay {} ms  {:.0} s\n    {}",
            self.name,
            self.acked,
            self.received,
            self.gaps_repaired,
            self.causes(),
            seconds(self.first_ack_ms),
            seconds(self.back_ms),
            spread(self.during),
            self.seconds,
            self.proof,
        );
        for words in self.failed.iter().chain(&self.verdict.lines()) {
            line += &format!("\n    ✗ {words}");
        }
        line
    }

    /// How many connections were lost, and for which causes.
    fn causes(&self) -> String {
        let causes = self
            .disconnects
            .iter()
            .map(|(cause, count)| format!("{count} {cause}"));
        let causes: Vec<String> = causes.collect();
        if causes.is_empty() {
            "0".to_owned()
        } else {
            causes.join(", ")
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "minutes at most")]
fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{:.1}", ms as f64 / 1_000.0))
}

fn spread(delays: Delays) -> String {
    format!("{} / {} / {}", delays.p50_ms, delays.p99_ms, delays.max_ms)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_line_is_what_programs_read() {
        let arguments = clap::Parser::parse_from(["charla-faults"]);
        let mut report = Report::begin(&arguments, World { clients: 150 }, true);
        report.acked = 7;
        report.rows.push(Row::default());
        report.rows.push(Row {
            left_out: Some("no root".to_owned()),
            ..Row::default()
        });
        let clean = json!({"faults": 1, "acked": 7, "lost": 0, "duplicated": 0, "reordered": 0});
        let told: serde_json::Value = serde_json::from_str(&report.last_line()).unwrap();
        assert_eq!(told, clean);
        assert!(
            report
                .last_line()
                .starts_with("{\"faults\":1,\"acked\":7,\"lost\":0,")
        );
        assert!(report.verdict().is_ok());
        let mut verdict = Verdict::default();
        verdict.note(Promise::Lost, || "one".to_owned());
        report.end(verdict, &History::default(), Duration::ZERO);
        assert!(report.last_line().contains("\"lost\":1"));
        assert!(report.verdict().is_err());
    }

    #[test]
    fn a_fault_that_did_not_happen_is_no_success() {
        let row = Row {
            failed: Some("did not happen".to_owned()),
            ..Row::default()
        };
        assert!(!row.is_good());
        assert!(row.line().starts_with('✗'));
    }
}
