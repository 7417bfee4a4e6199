//! Storms for `RESULTS.md`: `charla storm` as a user runs it, its tables and its pictures.
//!
//! They are virtual time, so that the machine changes nothing but how long the simulation takes; for that reason
//! they stand in a section of their own, which a run of the scenarios leaves alone.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::process;
use crate::report;

/// Where the section begins. It is the last.
pub(crate) const HEADING: &str = "\n## Everybody loses the server at once\n";

/// What is simulated and written.
#[derive(clap::Args, Clone)]
pub(crate) struct Storm {
    /// The program; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
    /// Write the section of RESULTS.md and its pictures to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
}

/// One storm.
struct Case {
    title: &'static str,
    arguments: &'static [&'static str],
    picture: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case {
        title: "100,000 clients, a crash of 30 s, 1,000 handshakes a second",
        arguments: &["--clients", "100000", "--accept-rate", "1000"],
        picture: Some("storm-100k.svg"),
    },
    Case {
        title: "1,000,000 clients, a crash of 30 s, 10,000 handshakes a second",
        arguments: &["--clients", "1000000", "--accept-rate", "10000"],
        picture: Some("storm-1m.svg"),
    },
    Case {
        title: "100,000 clients, a crash of 5 minutes, 1,000 handshakes a second",
        arguments: &["--clients", "100000", "--accept-rate", "1000", "--down", "300"],
        picture: None,
    },
    Case {
        title: "1,000,000 clients, a restart of 2 s that was announced, 10,000 handshakes a second",
        arguments: &[
            "--clients",
            "1000000",
            "--accept-rate",
            "10000",
            "--down",
            "2",
            "--announced",
        ],
        picture: None,
    },
];

/// Runs all and prints, or writes, what came of it.
pub(crate) fn run(wanted: &Storm) -> Outcome<()> {
    let charla = match &wanted.charla {
        Some(charla) => charla.clone(),
        None => std::env::current_exe()?.with_file_name("charla"),
    };
    let mut text = head();
    for case in CASES {
        section(&mut text, &charla, case, wanted.write.as_deref())?;
    }
    text.push_str(NOTES);
    match &wanted.write {
        Some(folder) => report::replace(folder, HEADING, &text),
        None => Ok(std::io::stdout().write_all(text.as_bytes())?),
    }
}

fn head() -> String {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    format!(
        "{HEADING}\nWritten by `cargo xtask bench storm --write` on {date} ({}).\n\
         A simulation on virtual time, see `charla storm --help`: the seed repeats every figure on any machine.\n\
         Charla's row is the real client's state machine. *Peak* is requests in the worst second (attempts and\n\
         preflights), *back* is seconds after the loss, *still* is who was trying 15 minutes after the return;\n\
         *never* is not before then.\n",
        process::machine()
    )
}

fn section(text: &mut String, charla: &Path, case: &Case, folder: Option<&Path>) -> Outcome<()> {
    let mut command = Command::new(charla);
    command.arg("storm").args(case.arguments);
    let shown = case.arguments.join(" ");
    if let (Some(folder), Some(picture)) = (folder, case.picture) {
        command.arg("--plot").arg(folder.join(picture));
    }
    let output = command.args(["--json", "--lang", "en"]).output()?;
    if !output.status.success() {
        return Err(Failure::Server(format!(
            "charla storm: {}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    let storm: Value = serde_json::from_slice(&output.stdout)?;
    let _ = write!(
        text,
        "\n### {}\n\n`charla storm {shown}`; nobody could have all back before {:.0} s.\n\n\
         | policy | attempts | each | most | preflights | tokens | peak | 50 % back | 95 % back | all back | gave up | still |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
        case.title,
        storm.get("at_best_s").and_then(Value::as_f64).unwrap_or_default()
    );
    let clients = storm.get("clients").and_then(Value::as_f64).unwrap_or(1.0);
    let policies = storm.get("policies").and_then(Value::as_array);
    for policy in policies.into_iter().flatten() {
        row(text, policy, clients);
    }
    if let Some(picture) = case.picture {
        let _ = write!(text, "\n![{}]({picture})\n", case.title);
    }
    Ok(())
}

fn row(text: &mut String, policy: &Value, clients: f64) {
    let count = |field: &str| grouped(policy[field].as_u64().unwrap_or_default());
    let when = |field: &str| {
        policy[field]
            .as_f64()
            .map_or("never".to_owned(), |at| format!("{at:.0} s"))
    };
    let each = policy["attempts_total"].as_f64().unwrap_or_default() / clients;
    let _ = writeln!(
        text,
        "| {} | {} | {each:.1} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        policy["name"].as_str().unwrap_or_default(),
        count("attempts_total"),
        count("attempts_per_client_max"),
        count("preflights"),
        count("token_refreshes"),
        count("peak_per_s"),
        when("back_50_s"),
        when("back_95_s"),
        when("back_all_s"),
        count("stranded"),
        count("still_trying"),
    );
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What stands below the tables.
const NOTES: &str = "
### Reading the storms

- **Refusing is work.** A server that is asked by everybody each second spends all of its time saying no: a flat
  loop never ends by itself, although none of its clients does anything wrong. What spreads out recovers.
- **Charla's clients ask least often and stop.** The price is the tail: their waits grow to a minute, so that the last
  ones are back a little later than where waits end at 10 or 20 s, and who has spent 15 attempts in an outage of
  minutes waits for a click, a reload, the network or a reader's return (or for `dormantProbeMs`, where it is set).
- **Charla's worst second after a crash is the first**, and half of it is preflights: each client asks once
  what is wrong as soon as its connection is gone, without jitter, while its first attempt is spread over a second.
  Together that is two requests a client in one second, more than any of the others but phoenix.js sends. An address
  where nobody listens refuses them at no cost; a proxy in front that is still up gets them all, and a server that is
  back within that second has 0.3 of a handshake's work with each preflight. So *peak* counts them; it is not the
  attempts alone, and Charla is not the gentlest in that second.
- **Tokens are not part of that second**: clients keep a token that lasts, and ask for a new one when theirs is over or
  their second cycle begins, which chance has spread by then. They are the application's own to serve.
- **Announced is no storm**: told when to come back, everybody takes one attempt at the pace that the server can take,
  as long as a line of four minutes holds them all. The line is the server's own (`charla-server`, `returns`). Who
  reads no advice comes as after a crash.
- **pusher-js asks seldom and all at once**: a second after the loss, then 15, 30, 60, 60 s from one attempt to the
  next, without chance, so that each wave is all who are not back, and the server takes no more of it than its queue
  holds. In five minutes without a server it asks 7 times, less often than Charla's clients. Left out are the HTTP
  transports that it starts 2 to 5 s beside its WebSocket: the real one asks more often than its row says, and may be
  back earlier over them.
- Left out as well: browsers slow down pages whose sockets keep failing.
- The six others are the formulas of their sources, checked against published bands of their delays; a storm that was
  simulated independently (no outage, 100 s of work) comes out the same within a few seconds.
";
