//! What it costs to ask the application who may enter: connects a second, and what becomes of them when nobody answers.
//!
//! The same people connect to their own chats under each authority, on the same store, so that what differs is the asking. The
//! application's database is a PostgreSQL of its own; the application that is asked over HTTP lives in this process.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::database::Database;
use crate::failure::{Failure, Outcome};
use crate::process;
use crate::report;
use crate::stats::percentile;

mod application;
mod knocks;
mod server;

use application::Application;
use knocks::{Knocked, knock};
use server::Server;

/// Where the section begins. It stands before the storms.
pub(crate) const HEADING: &str = "\n## The authority\n";

/// How much is measured.
#[derive(clap::Args, Clone)]
pub(crate) struct Authority {
    /// Few people: asserts that everybody gets the right answer, says nothing about time.
    #[arg(long)]
    small: bool,
    /// The server's program; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
    /// Write the section of RESULTS.md to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
}

/// What the handshakes of a row must come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Everybody is let in.
    Everybody,
    /// Everybody is told that the authority is unavailable.
    Nobody,
    /// Some of both, and nobody is told anything else.
    Some,
}

struct Row {
    what: &'static str,
    knocked: Knocked,
}

/// Runs all and prints, or writes, what came of it.
pub(crate) fn run(wanted: &Authority) -> Outcome<()> {
    let people = if wanted.small { 40 } else { 2_000 };
    let charla = match &wanted.charla {
        Some(charla) => charla.clone(),
        None => std::env::current_exe()?.with_file_name("charla"),
    };
    let rows = measure(&charla, people)?;
    let mut out = std::io::stdout();
    if wanted.small {
        for row in &rows {
            writeln!(out, "  {}", row.what)?;
        }
        return Ok(());
    }
    let text = section(&rows, people);
    match &wanted.write {
        Some(folder) => report::replace(folder, HEADING, &text),
        None => Ok(out.write_all(text.as_bytes())?),
    }
}

fn measure(charla: &Path, people: usize) -> Outcome<Vec<Row>> {
    let database = with_people(people)?;
    let application = Application::start()?;
    let folder = std::env::current_exe()?.with_file_name(format!("bench-authority-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = rows(charla, &folder, &database, &application, people);
    let _ = fs::remove_dir_all(&folder);
    measured
}

fn rows(
    charla: &Path,
    folder: &Path,
    database: &Database,
    application: &Application,
    people: usize,
) -> Outcome<Vec<Row>> {
    let sql = asking(database, "");
    let http = application.settings();
    let mut rows = Vec::new();
    let mut row = |what, server: &Server, expected| -> Outcome<()> {
        let knocked = knock(server.address(), people)?;
        knocked.check(what, people, expected)?;
        rows.push(Row { what, knocked });
        Ok(())
    };
    let server = Server::start(charla, folder, &sql)?;
    row(
        "query, everybody for the first time (written into the store)",
        &server,
        Expected::Everybody,
    )?;
    drop(server);
    let server = Server::start(charla, folder, &sql)?;
    row("query, cold", &server, Expected::Everybody)?;
    row("query, cached", &server, Expected::Everybody)?;
    drop(server);
    let server = Server::start(charla, folder, &http)?;
    row("request, cold", &server, Expected::Everybody)?;
    row("request, cached", &server, Expected::Everybody)?;
    drop(server);
    let server = Server::start(charla, folder, "")?;
    row("builtin: the store alone", &server, Expected::Everybody)?;
    drop(server);
    let server = Server::start(charla, folder, &asking(database, "pg_sleep(0.5) IS NOT NULL AND"))?;
    row(
        "a query that takes 500 ms, 8 connections",
        &server,
        Expected::Some,
    )?;
    drop(server);
    application.takes(Duration::from_millis(500));
    let server = Server::start(charla, folder, &http)?;
    row("a request that takes 500 ms, 32 at once", &server, Expected::Some)?;
    drop(server);
    let server = Server::start(charla, folder, &asking(database, "nonsense = 1 AND"))?;
    row("a query that is refused", &server, Expected::Nobody)?;
    drop(server);
    let server = Server::start(charla, folder, &asking(database, "pg_sleep(60) IS NOT NULL AND"))?;
    row(
        "a query without an answer, time-out 2 s",
        &server,
        Expected::Nobody,
    )?;
    drop(server);
    let server = Server::start(charla, folder, &sql)?;
    database.stop();
    row("a database that is down", &server, Expected::Nobody)?;
    Ok(rows)
}

/// The application's database: the tables that Django makes, as many users as people knock, each with a chat.
fn with_people(people: usize) -> Outcome<Database> {
    let database = Database::start()?;
    database.sql(&format!(
        "CREATE TABLE auth_user (id integer PRIMARY KEY, username varchar(150) NOT NULL, is_staff boolean NOT NULL,
             is_active boolean NOT NULL);
         CREATE TABLE chat_chat (id bigint PRIMARY KEY, customer_id integer NOT NULL);
         INSERT INTO auth_user SELECT n, 'user' || n, false, true FROM generate_series(1, {people}) n;
         INSERT INTO chat_chat SELECT n, n FROM generate_series(1, {people}) n;
         ANALYZE"
    ))?;
    Ok(database)
}

/// Settings that ask it, as the preset does; `also` stands before the condition.
fn asking(database: &Database, also: &str) -> String {
    format!(
        "[application]\ndatabase_url = \"{}\"\n[authority]\nkind = \"sql\"\nquery = '''\n\
         SELECT c.id IS NOT NULL AS chat_exists, (u.is_staff OR c.customer_id = u.id) AS allowed,\n\
         CASE WHEN u.is_staff THEN 'agent' ELSE 'member' END AS role, u.username AS name, c.id AS chat_id, u.id AS user_id\n\
         FROM auth_user u LEFT JOIN chat_chat c ON c.id = :chat WHERE {also} u.id = :user AND u.is_active'''\n",
        database.url()
    )
}

impl Knocked {
    fn check(&self, what: &str, people: usize, expected: Expected) -> Outcome<()> {
        let (inside, away) = (self.inside.len(), self.away.len());
        let right = match expected {
            Expected::Everybody => away == 0,
            Expected::Nobody => inside == 0,
            Expected::Some => inside > 0,
        };
        if right && inside + away == people {
            return Ok(());
        }
        let other = self.other.first().map_or("", |reason| reason.as_str());
        Err(Failure::Server(format!(
            "{what}: of {people} people {inside} were let in, {away} told to come back; others: {other}"
        )))
    }
}

fn section(rows: &[Row], people: usize) -> String {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let build = if cfg!(debug_assertions) {
        "a development build"
    } else {
        "a release build"
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let mut text = format!(
        "{HEADING}\nWritten by `charla-bench authority --write` on {date} ({}), {build}; load average {load}.\n\
         {people} people, each to the chat of its own, 64 handshakes under way at once; the server, PostgreSQL 15, the application\n\
         and the load share the cores. *Let in* is from the connection to `subscribed`, *told* to the close with\n\
         `authority_unavailable`. One round.\n\n\
         | authority | connects a second | let in | p50 | p99 | told to come back | p50 | p99 |\n\
         |---|---|---|---|---|---|---|---|\n",
        process::machine()
    );
    for row in rows {
        let knocked = &row.knocked;
        let per_second = (knocked.inside.len() + knocked.away.len()) as f64 / knocked.took.as_secs_f64();
        let times = |samples: &[f64]| {
            let mut samples = samples.to_vec();
            if samples.is_empty() {
                return "- | -".to_owned();
            }
            let (half, most) = (percentile(&mut samples, 0.5), percentile(&mut samples, 0.99));
            format!("{half:.1} ms | {most:.1} ms")
        };
        let _ = writeln!(
            text,
            "| {} | {per_second:.0} | {} | {} | {} | {} |",
            row.what,
            knocked.inside.len(),
            times(&knocked.inside),
            knocked.away.len(),
            times(&knocked.away),
        );
    }
    text + NOTES
}

const NOTES: &str = "
- **Cached** costs what the store costs: the answer is a look into a map. **Cold** adds one round trip to PostgreSQL; **for the first time**
  user, chat and membership are written, each with its commit, once ever.
- **Slow**: what 8 connections carry in 500 ms each gets in; whoever has waited 2 s for a turn is told to come back. That counts as no
  failure: the database answers.
- **No answer, down**: the first questions run into it, five at least and no more than there are connections; then everybody is told at once, and one question a second, then every 2, 4 ... 30 s, finds out
  whether it is back.
";

#[cfg(test)]
mod tests {
    use super::HEADING;

    #[test]
    fn the_section_is_found_by_its_heading() {
        assert!(HEADING.starts_with("\n## ") && HEADING.ends_with('\n'));
    }
}
