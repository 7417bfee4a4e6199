//! The doctor: a whole run against a server, and how fast it reads logs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Bench;
use crate::failure::{Failure, Outcome};
use crate::process;
use crate::report::{Bar, Row};
use crate::server::Kind;
use crate::stats::Spread;

/// Healthy, and cause found ("Exit codes" in docs/doctor.md).
const JUDGED: [i32; 2] = [0, 1];
/// Between two looks at the memory of a run that lasts seconds.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Of a hundred lines of the log, the ones that say something besides who asked for what.
const TROUBLES: [&str; 3] = [
    "2026/11/28 20:36:38 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, \
     client: 10.0.0.9, server: chat.example.org, request: \"GET /ws/chat/5/ HTTP/1.1\", \
     upstream: \"http://127.0.0.1:9001/ws/chat/5/\", host: \"chat.example.org\"",
    "INFO:     10.0.0.9:50232 - \"WebSocket /ws/chat/5/\" [accepted]",
    "10.0.0.9 - - [28/Nov/2026:20:36:38 +0000] \"GET /ws/chat/5/ HTTP/1.1\" 403 0 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
];

pub(super) fn run(bench: &Bench) -> Outcome<Vec<Row>> {
    let server = bench.start(Kind::Charla)?;
    let chat = format!(
        "ws://{}/ws/chat/{}/?token={}",
        server.address(),
        server.chat(),
        server.token("ana")
    );
    let log = server.folder().unwrap_or(Path::new(".")).join("access.log");
    let bytes = write_log(&log, bench.pick(1 << 20, 100 << 20))?;
    let (mut lasted, mut peaks, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let (span, peak) = done(bench, &["doctor", &chat])?;
        lasted.push(span.as_secs_f64());
        peaks.push(peak as f64 / f64::from(1 << 20));
        let (span, _) = done(bench, &["explain", &log.to_string_lossy()])?;
        rates.push(bytes as f64 / f64::from(1 << 20) / span.as_secs_f64());
    }
    let row = |what: &str, unit, of, bar| Row {
        scenario: "doctor",
        what: what.into(),
        unit,
        charla: Spread::of(of),
        reference: None,
        bar,
    };
    Ok(vec![
        row("`charla doctor`, a whole run", "s", lasted, Bar::AtMost(5.0)),
        row("its memory at most", "MiB", peaks, Bar::AtMost(64.0)),
        row(
            "`charla explain`, an access log",
            "MiB/s",
            rates,
            Bar::AtLeast(100.0),
        ),
    ])
}

/// Runs it to its end: how long it took, and the most memory that was seen of it.
fn done(bench: &Bench, arguments: &[&str]) -> Outcome<(Duration, u64)> {
    let start = Instant::now();
    let mut child = Command::new(&bench.charla)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // Between its end and the next look it has no memory to tell of.
        peak = peak.max(process::peak(child.id()).unwrap_or_default());
        // sleeps because a process tells nobody how its memory grows
        std::thread::sleep(LOOK_EVERY);
    };
    let span = start.elapsed();
    if status.code().is_none_or(|code| !JUDGED.contains(&code)) {
        let asked = arguments.first().copied().unwrap_or_default();
        return Err(Failure::Server(format!("charla {asked}: {status}")));
    }
    Ok((span, peak))
}

/// A log of about so many bytes; how many they are.
fn write_log(path: &Path, about: u64) -> Outcome<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut written, mut number) = (0, 0_usize);
    while written < about {
        let line = match number % 100 {
            at @ 0..3 => TROUBLES.get(at).copied().unwrap_or_default().to_owned(),
            _ => format!(
                "10.0.{}.{} - - [28/Nov/2026:20:{:02}:{:02} +0000] \"GET /api/chats/{}/messages?after={number} HTTP/1.1\" 200 {} \
                 \"https://chat.example.org/\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
                number % 7,
                number % 250,
                number / 6_000 % 60,
                number / 100 % 60,
                number % 1_000,
                300 + number % 512
            ),
        };
        writeln!(file, "{line}")?;
        written += line.len() as u64 + 1;
        number += 1;
    }
    file.flush()?;
    Ok(written)
}
