//! What the scenarios found, for people (`RESULTS.md`) and for programs (`results.json`).

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::authority;
use crate::failure::Outcome;
use crate::peers;
use crate::plot::{Words, draw};
use crate::process;
use crate::scenario::curve;
use crate::stats::Spread;
use crate::storm;

/// What stands below the table: why a figure is what it is, and what was tried.
const NOTES: &str = "
## Reading the table

*Under way* is what was sent and is not yet delivered to all; *by turns* means one program and the other in alternation, by hand, with the
machine to themselves. *The run before* is that of 06:27 UTC of the same day, which is in the repository's history.

- With **one message under way** nothing can be shared. A message then costs some hundreds of microseconds whoever listens. At
  100 listeners of the 1,470 us of a message (a profile and `strace` of a slower hour of 2026-11-29; here it is 1,140) 780 are
  the writes, each as dear as the floor's; 380 the commit (144 `fsync`, 76 the twelve `pwrite` of its six pages, the rest SQLite
  and the wait for the disk); the rest is reading, and waking: four and a half `futex`, four `epoll_wait`, three `eventfd` a
  message. The bar leaves some 220 us beside the floor's writes, so that no durable commit fits. A hundred listeners are too few
  to spread that over: 1.91 x the floor in the run before, 1.61 here, 2.04 beside the others half an hour later. A thousand are
  on the edge of it: 1.26, 1.38, 1.18. With **several under way** commits are shared and each listener gets a round's frames in
  one write, which is how a delivery becomes cheaper than the floor's. Of the CPU of these runs four fifths are the kernel's (79
  % in a profile of all sizes; 16 % the program, 5 % libc). What made no difference that the noise did not hide: one worker
  thread instead of one a core; slices of 4,096 listeners or 128 instead of 64; `send` without asking the reactor first and a
  connection's hot fields side by side (2 %); `fdatasync` instead of `fsync`; a link that optimises across crates; a sender's
  own message and its acknowledgement in one write.
- **Flat** within 15 % it is with several under way (the run before missed it once, 1.24 at 100). With one a delivery costs a
  third more with 10,000 listeners than with 2,000, and a quarter more for the floor too, whose sockets no longer fit the caches
  either; in the run before it was a fifth for both. Slices of another size made no difference.
- **A small chat beside a large one**: of five rounds four lie between 6.5 and 7.4 ms beside the large one; one there and one alone were
  disturbed (29 and 31 ms).
- **Durable sends in one hot chat**: whoever sends hears the chat, so each message is also delivered to 100 clients, a
  hundred times the messages a second in deliveries, and the bare loop does none of it. In 1,000 chats each client hears
  only its own ten, which is the comparison that the bar means (the bare loop has one statement a message where Charla has
  three, and no index against repeats); being the staff's, it is told in its list how all others
  move, too. These words were four of six writes a message until they were gathered (one write a moment and connection). That
  row is on the edge of its bar: 0.51 and 0.51 x by turns and 0.52 in the run before, 0.45 here.
- **p99 from send to ack** is the time of 200 sends in a queue, two of each client: with so many under way and the rate above it, the mean
  wait is 200 / rate, many of the bare loop's commits, each of which carries only the group's rows. With fewer under way it is
  less, as the curve above shows (in 100 chats): 6 ms at 16. Nothing else was tried.
- **On PostgreSQL** the database, the server and the load share two cores, and the bare loop has them to itself and its
  database. In the hot chat 15,600 sends a second are 1.6 million deliveries a second beside that. In 1,000 chats the writer is
  never idle: a group of 88 messages took it 10 ms when it was profiled (2026-11-28). Its statements are 3.5 of these
  (`pg_stat_statements`: chats moved on 1.3, messages 1.1, read marks 0.6, chats held 0.3, repeats looked for 0.2; the bare
  loop's one statement is 0.6), the commit is 0.5, and the rest is waiting for a core: the server takes 1.1 of the two
  meanwhile. What made no difference therefore: a thread of its own for the writer, and no index on what orders the chats, which
  halves the dearest statement.
- **Preflights**: a third of their CPU is what axum's own route takes; the rest is the token, the look into the store by one of
  its reading threads, which is two hand-overs, and the answer with the reason in it. Tried and kept: one statement for where
  somebody stands, threads woken only where they sleep, an answer written without a tree of values; by turns that was 0.48 and
  0.53 x axum beside 0.43 and 0.43 before (2026-11-28). Tried and not kept: the look by the thread of the runtime that asks, one
  at a time, so without a hand-over: 0.44 and 0.46 x axum beside 0.51 and 0.56, at handshakes 183 and 175 us beside 268 and 187
  (2026-11-29): preflights come in crowds. A cache of standings would do the rest, and let a member who was removed in for as
  long as it lasts: not taken.
- **`explain`** reads a log on one thread, and two fifths of its time it looks for its words. Its crate is optimised for speed
  since 2026-11-29: 99 and 106 MiB/s by turns beside 84 and 84, for 0.4 MiB of the binary.
- Ids of version 7 grow with time and touch a few pages of the index against repeats; ids of version 4 touch one page a
  message: 14,100 sends a second in the hot chat beside 18,100. The bare loop has no such index, so that this row's ratio says more of it
  than of Charla. Charla's clients make version 7; for others nothing was tried.
- **Returns**: a room that remembers what was missed is asked and not the store, else the store is asked for one page. Beside that each who
  returns has the store looked at three times, by the code: where they stand, at the door and once they have their place, and the read
  marks. The bar of one query a client is missed; queries are not counted in the run.
- **1,000 chats of 10** share commits, not writes: a profile has three fifths of the server's CPU in `send`.
- **CPU of idle connections** is their pings: one a connection every 25 s, and its answer, which is 600 a second at 15,000.
- Idle memory is read of a server that has hashed no password since its start: argon2 leaves 19 MiB a core behind.
- **The build** is no scenario: `cargo build --release --package charla` from nothing took 6 min 29 s on the 2 cores on
  2026-11-28 (bar: 6 minutes, missed by 8 %), and 8 min 10 s for a quarter more CPU on 2026-11-29, another build of the workspace
  waiting beside it. It has lost its link across crates, which was more than twice the CPU. What is left is
  the server (53 s of checking, then two minutes of code), the doctor, and SQLite's one file.
- **The binary** was 14.6 MiB on 2026-11-23, when it had neither PostgreSQL and MySQL nor TLS of its own, buses, webhooks and
  buckets, and was linked across crates. Made small in every crate it is 26.1 MiB, built in 6 min 12 s, and a handshake and a
  preflight cost a third more: not taken.
- **The debug build again** after a constant of the server has changed (`cargo build --package charla`, incremental, alone on the machine,
  2026-11-29 00:56 UTC): 12.2 and 13.1 s (bar: 20 s, met).
- **The browser client's core** is no scenario either: 9.4 kB minified and compressed (`js/test/size.test.js`; bar 6 kB, missed
  by 57 %). Of its 25 kB before compression the client is 6.5, the machine that decides when to come back 5.7, the link that
  tells one end from another 5.1, the outbox and the cursor, without which a return would lose or double something, 2.0; the
  rest is small. What can follow once it is connected does: the diagnosis, 1.4 kB compressed.
";

/// Where rate and p99 of durable sends are drawn, and the words there.
const CURVE: &str = "durable-curve.svg";
const CURVE_WORDS: Words<'static> = Words {
    title: "What durable sends cost in time as their rate rises",
    across: "acknowledged sends a second",
    up: "p99 from send to ack, ms",
};

/// What a figure must keep to.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bar {
    /// At most so many times the reference.
    AtMostTimes(f64),
    /// At least so many times the reference.
    AtLeastTimes(f64),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Quoted for what it is.
    Told,
}

/// One figure.
#[derive(Serialize)]
pub(crate) struct Row {
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// What was measured.
    pub(crate) what: String,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// Charla's.
    pub(crate) charla: Spread,
    /// What it is compared with, and its own figure.
    pub(crate) reference: Option<(String, Spread)>,
    /// What it must keep to.
    pub(crate) bar: Bar,
}

impl Row {
    /// Median to median.
    fn ratio(&self) -> Option<f64> {
        self.reference
            .as_ref()
            .map(|(_, reference)| self.charla.median / reference.median)
    }

    /// The bar in words.
    fn bar(&self) -> String {
        let name = self.reference.as_ref().map_or("", |(name, _)| name.as_str());
        match self.bar {
            Bar::AtMostTimes(times) => format!("<= {times} x {name}"),
            Bar::AtLeastTimes(times) => format!(">= {times} x {name}"),
            Bar::AtMost(most) => format!("<= {} {}", figure(most), self.unit),
            Bar::AtLeast(least) => format!(">= {} {}", figure(least), self.unit),
            Bar::Told => "-".into(),
        }
    }

    /// Met, or missed by how much of the bar.
    fn verdict(&self) -> String {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        let missed = match self.bar {
            Bar::AtMostTimes(times) => ratio / times - 1.0,
            Bar::AtLeastTimes(times) => 1.0 - ratio / times,
            Bar::AtMost(most) => self.charla.median / most - 1.0,
            Bar::AtLeast(least) => 1.0 - self.charla.median / least,
            Bar::Told => return "-".into(),
        };
        if missed <= 0.0 {
            "met".into()
        } else {
            format!("missed by {:.0} %", missed * 100.0)
        }
    }

    /// For the terminal.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{}: {} {}", self.what, spread(&self.charla), self.unit);
        if let (Some((name, reference)), Some(ratio)) = (&self.reference, self.ratio()) {
            let _ = write!(line, "; {name} {}; ratio {ratio:.2}", spread(reference));
        }
        let _ = write!(line, "; bar {}: {}", self.bar(), self.verdict());
        line
    }

    /// For the table.
    fn cells(&self) -> String {
        let reference = self.reference.as_ref().map_or("-".into(), |(name, reference)| {
            format!("{} ({name})", spread(reference))
        });
        let ratio = self.ratio().map_or("-".into(), |ratio| format!("{ratio:.2}"));
        let (what, charla, bar) = (&self.what, spread(&self.charla), self.bar());
        format!(
            "| {what} | {} | {charla} | {reference} | {ratio} | {bar} | {} |",
            self.unit,
            self.verdict()
        )
    }
}

/// All figures of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    command: String,
    date: String,
    machine: String,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Of a run that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            command: command(),
            date: now(),
            machine: process::machine(),
            rows: Vec::new(),
        }
    }

    /// Writes both files.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<()> {
        fs::write(
            folder.join("results.json"),
            serde_json::to_string_pretty(self)? + "\n",
        )?;
        let series = curve::series(&self.rows);
        if !series.is_empty() {
            fs::write(folder.join(CURVE), draw(&CURVE_WORDS, &series))?;
        }
        let before = fs::read_to_string(folder.join("RESULTS.md")).unwrap_or_default();
        let text = self.markdown() + before.get(first_section(&before)..).unwrap_or_default();
        Ok(fs::write(folder.join("RESULTS.md"), text)?)
    }

    fn markdown(&self) -> String {
        let Self {
            command,
            date,
            machine,
            rows,
        } = self;
        let mut text = format!(
            "# Results\n\nWritten by `{command}` on {date}.\n\
             Machine: {machine}; load generator, server and reference share its cores.\n\n\
             Figures are medians over alternating rounds (least..greatest). CPU is user and system time of the server's\n\
             process. The floor is a broadcast of one thread, `epoll` and one `send()` a socket with the same bytes,\n\
             measured in the same run.\n\n\
             | what | unit | Charla | reference | ratio | bar | |\n|---|---|---|---|---|---|---|\n"
        );
        for row in rows {
            text.push_str(&row.cells());
            text.push('\n');
        }
        if !curve::series(rows).is_empty() {
            let _ = write!(text, "\n![{}]({CURVE})\n", CURVE_WORDS.title);
        }
        text + NOTES
    }
}

/// The other parts of `RESULTS.md`, in their order there, each written by a command of its own.
const SECTIONS: &[&str] = &[peers::HEADING, authority::HEADING, storm::HEADING];

/// Where what the scenarios wrote ends.
fn first_section(results: &str) -> usize {
    let starts = SECTIONS.iter().filter_map(|heading| results.find(heading));
    starts.min().unwrap_or(results.len())
}

/// Puts a section, which begins with its heading, in the place of the one that stands in the folder's `RESULTS.md`.
pub(crate) fn replace(folder: &Path, heading: &str, section: &str) -> Outcome<()> {
    let file = folder.join("RESULTS.md");
    let before = fs::read_to_string(&file)?;
    Ok(fs::write(file, replaced(&before, heading, section))?)
}

fn replaced(before: &str, heading: &str, section: &str) -> String {
    let mut text = before.get(..first_section(before)).unwrap_or_default().to_owned();
    for one in SECTIONS {
        if *one == heading {
            text.push_str(section);
        } else if let Some(start) = before.find(one) {
            let starts = SECTIONS.iter().filter_map(|other| before.find(other));
            let end = starts
                .filter(|other| *other > start)
                .min()
                .unwrap_or(before.len());
            text.push_str(before.get(start..end).unwrap_or_default());
        }
    }
    text
}

/// The command that a run was started with.
pub(crate) fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask bench {}", arguments.join(" "))
}

/// The minute in which a run began.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A median with what the rounds lay between.
pub(crate) fn spread(spread: &Spread) -> String {
    if spread.rounds.len() == 1 {
        return figure(spread.median);
    }
    format!(
        "{} ({}..{})",
        figure(spread.median),
        figure(spread.min),
        figure(spread.max)
    )
}

/// Three digits that count.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Row, SECTIONS, replaced};
    use crate::stats::Spread;

    #[test]
    fn sections_keep_their_order_and_each_other() {
        let mut text = "# Results\n".to_owned();
        for heading in SECTIONS.iter().rev() {
            text = replaced(&text, heading, &format!("{heading}\nold\n"));
        }
        for heading in SECTIONS {
            text = replaced(&text, heading, &format!("{heading}\nnew {}\n", heading.len()));
        }
        let wanted: String = SECTIONS
            .iter()
            .map(|heading| format!("{heading}\nnew {}\n", heading.len()))
            .collect();
        assert_eq!(text, format!("# Results\n{wanted}"));
    }

    #[test]
    fn verdicts_say_by_how_much() {
        let row = |charla, bar| Row {
            scenario: "x",
            what: "x".into(),
            unit: "us",
            charla: Spread::of(vec![charla]),
            reference: Some(("floor".into(), Spread::of(vec![2.0]))),
            bar,
        };
        for (charla, bar, verdict) in [
            (2.6, Bar::AtMostTimes(1.3), "met"),
            (3.9, Bar::AtMostTimes(1.3), "missed by 50 %"),
            (1.0, Bar::AtLeastTimes(0.5), "met"),
            (0.5, Bar::AtLeastTimes(0.5), "missed by 50 %"),
            (4.4, Bar::AtMost(4.0), "missed by 10 %"),
            (9.9, Bar::Told, "-"),
        ] {
            assert_eq!(row(charla, bar).verdict(), verdict);
        }
    }
}
