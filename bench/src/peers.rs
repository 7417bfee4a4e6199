//! Charla beside those that people use instead, by turns on the same machine in one run.
//!
//! Each is started here on a free loopback port with the settings of its own documentation ([`Peer::how`]), is sent the
//! same bytes by the same load, and pays for all of its processes. What is not installed is left out with a word; what
//! lost a message has no figure. `cargo xtask bench --install` brings them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::measure::Field;
use self::peer::{Peer, Tools};
use self::table::Table;
use crate::failure::Outcome;
use crate::plot::{Words, draw};
use crate::process;
use crate::report;
use crate::scenario::Bench;

mod measure;
mod peer;
pub(crate) mod programs;
mod table;

/// Where the section of `RESULTS.md` begins.
pub(crate) const HEADING: &str = "\n## Beside others\n";
/// Alternating rounds of a full run.
const ROUNDS: usize = 5;

/// What is measured.
#[derive(clap::Args, Clone)]
pub(crate) struct Peers {
    /// Small numbers and one round: asserts that everything arrives, says nothing about time.
    #[arg(long)]
    small: bool,
    /// Only this one beside the floor and Charla (may be repeated).
    #[arg(long, value_name = "NAME")]
    only: Vec<Peer>,
    /// Alternating rounds; medians are quoted with the spread.
    #[arg(long)]
    rounds: Option<usize>,
    /// The server's program; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
    /// Where the others' packages are; by default tools/bench in the target folder.
    #[arg(long, value_name = "FOLDER", env = "CHARLA_TOOLS_BENCH")]
    tools: Option<PathBuf>,
    /// Write the section of RESULTS.md, peers.json and the pictures to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
}

/// A whole run.
#[derive(Serialize)]
struct Paper {
    command: String,
    date: String,
    machine: String,
    peers: Vec<Present>,
    absent: Vec<String>,
    tables: Vec<Table>,
}

/// One that took part.
#[derive(Serialize)]
struct Present {
    name: &'static str,
    version: String,
    how: &'static str,
}

/// Runs all and prints, or writes, what came of it.
pub(crate) fn run(wanted: &Peers) -> Outcome<()> {
    let bench = Bench::new(
        wanted.small,
        wanted.rounds.unwrap_or(ROUNDS),
        wanted.charla.as_deref(),
    )?;
    let tools = Tools::new(wanted.tools.as_deref())?;
    let mut out = std::io::stdout();
    let (mut peers, mut present, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for peer in Peer::ALL {
        let always = matches!(peer, Peer::Floor | Peer::Charla);
        if !always && !wanted.only.is_empty() && !wanted.only.contains(&peer) {
            continue;
        }
        match peer.version(&tools) {
            Ok(version) => {
                writeln!(out, "{}: {version}", peer.name())?;
                peers.push(peer);
                present.push(Present {
                    name: peer.name(),
                    version,
                    how: peer.how(),
                });
            }
            Err(missing) => {
                writeln!(out, "{}: left out, {missing}", peer.name())?;
                absent.push(format!("{}: {missing}", peer.name()));
            }
        }
    }
    let field = Field {
        bench: &bench,
        tools: &tools,
        peers: &peers,
    };
    let mut paper = Paper {
        command: report::command(),
        date: report::now(),
        machine: process::machine(),
        peers: present,
        absent,
        tables: Vec::new(),
    };
    let mut say = |tables: Vec<Table>| -> Outcome<()> {
        for table in tables {
            // So little was done that a time would say nothing.
            if bench.small {
                writeln!(out, "  {}", table.what)?;
            } else {
                writeln!(out, "{}", table.markdown())?;
            }
            paper.tables.push(table);
        }
        Ok(())
    };
    say(vec![field.cpu(1)?])?;
    say(vec![field.cpu(4)?])?;
    say(field.latency()?.into())?;
    say(field.handshakes()?.into())?;
    say(vec![field.idle()?, field.rested()?])?;
    match &wanted.write {
        Some(folder) => paper.write(folder),
        None => Ok(()),
    }
}

impl Paper {
    fn write(&self, folder: &Path) -> Outcome<()> {
        fs::write(
            folder.join("peers.json"),
            serde_json::to_string_pretty(self)? + "\n",
        )?;
        for (id, file, title, across) in PICTURES {
            if let Some(table) = self.tables.iter().find(|table| table.id == *id) {
                let up = format!("{}, {}", table.what, table.unit);
                let words = Words {
                    title,
                    across,
                    up: &up,
                };
                fs::write(folder.join(file), draw(&words, &table.series()))?;
            }
        }
        report::replace(folder, HEADING, &self.section())
    }

    fn section(&self) -> String {
        let mut text = format!(
            "{HEADING}\nWritten by `{}` on {} ({}; load generator and servers share its cores).\n\
             Medians of alternating rounds (least..greatest); *x floor* is how many times the floor's figure in the same\n\
             column. CPU and memory are those of all of a server's processes, Redis and workers among them. The text has 200\n\
             bytes; where a server takes any text, the frame's payload is the one that Charla delivers.\n\n\
             | | version | how it is set |\n|---|---|---|\n",
            self.command, self.date, self.machine
        );
        for peer in &self.peers {
            let _ = writeln!(text, "| {} | {} | {} |", peer.name, peer.version, peer.how);
        }
        for absent in &self.absent {
            let _ = write!(text, "\nLeft out: {absent}.\n");
        }
        for table in &self.tables {
            text.push_str(&table.markdown());
            if let Some((_, file, title, _)) = PICTURES.iter().find(|(id, ..)| *id == table.id) {
                let _ = write!(text, "\n![{title}]({file})\n");
            }
            let less = table.id != "handshakes";
            let ahead = table.ahead_of_charla(less);
            if ahead.is_empty() {
                text.push_str("\nNobody but the floor is ahead of Charla here.\n");
            } else {
                let _ = write!(text, "\nAhead of Charla: {}.\n", ahead.join("; "));
            }
        }
        text + NOTES
    }
}

/// Which table is drawn, into which file, under which title, and what grows to the right.
const PICTURES: &[(&str, &str, &str, &str)] = &[
    (
        "cpu",
        "peers-cpu.svg",
        "What a delivery costs, by listeners of the chat",
        "listeners",
    ),
    (
        "idle",
        "peers-idle.svg",
        "What an idle connection keeps of memory, by connections",
        "connections",
    ),
];

/// What stands below the tables.
const NOTES: &str = "
### Reading the comparison

- Only Charla checks a token and a membership at the handshake, numbers messages, writes each to disk before it goes out
  and can say later what somebody missed. The others' figures are for passing bytes on.
- So the rows above that are durable sends, returns, preflights and small chats beside large ones have nothing to stand beside: as
  they run here, the others keep no messages, know nobody, and have one room.
- **The bars**: with 2,000 listeners Charla takes less CPU than each of the others: than `ws`, Socket.IO, Sockudo and Channels by far, than
  Nchan clearly; uWebSockets' 13.2 us and Charla's 12.3 lie within each other's spread. It takes 11 and 13 times as many handshakes as Channels.
- **Who is ahead**, and why. At 100 listeners a commit is spread over too few. At 10,000 Nchan's and uWebSockets' spreads meet Charla's. With
  four under way uWebSockets gathers messages in one write, too, and writes nothing to disk. To the last listener it is sooner than
  the floor; why was not looked into, and Nchan's p99 is within the spread. At handshakes tungstenite, uWebSockets and Nchan check
  nothing. A connection of uWebSockets takes what its process had already, so that it did not grow: 0.00 is not what it needs.
- **One message under way** is the case where nothing can be shared; with four under way Charla writes several messages in one
  write, as people do who talk at once.
- Channels is sent 2 messages a second where the others get 20, makes a twentieth of the deliveries a round, and is measured with 2,000
  connections at most: more would take hours. Half of its work is Redis', which is counted. Where a start of it answered one handshake
  of a thousand with 500, its cell has that word; with its Redis layer it took 566 us (68 x floor) with four under way, 1,637 ms (p50)
  and 2,015 ms (p99) on 2026-11-28.
- uWebSockets.js is not in npm's registry, so uWebSockets is measured as socketify wraps it: publishing to a topic is one call into it.
- Sockudo is published to over HTTP, as an application does it in Pusher's protocol: each message is a signed request, on a connection
  of its own since Sockudo ends it with its answer, and goes out as text within JSON. It is built for one node, without what it needs
  for others. Centrifugo wants a Go toolchain and is left out.
";
