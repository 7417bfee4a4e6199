//! Whatever form a log comes in, the same is read from it: by its bytes, from a file, a folder and standard input alike.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::path::Path;

use charla_doctor::evidence::{Evidence, LogsSeen, SourceKind};
use charla_doctor::explain::paste;
use charla_doctor::signs::Sign;
use charla_doctor::verdict::{Certainty, judge};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

/// 2026-11-22 21:51:00.564 UTC, in microseconds.
const FIRST: u64 = 1_795_384_260_564_000;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    folder.join(name).display().to_string()
}

/// Three refusals in uvicorn's log, the application's reason before each.
fn log() -> String {
    fs::read_to_string(fixture("checks/token_expired/fires.log")).unwrap()
}

fn read(source: &str, stdin: &[u8]) -> std::io::Result<Evidence> {
    paste::read(&[source.to_owned()], BufReader::new(stdin), |_| ())
}

/// The same bytes as a file and on standard input.
fn both_ways(bytes: &[u8]) -> [LogsSeen; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.log");
    fs::write(&path, bytes).unwrap();
    let file = read(&path.display().to_string(), b"").unwrap();
    [file.logs, read("-", bytes).unwrap().logs]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn wide(text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.into_iter()
        .chain(text.encode_utf16().flat_map(bytes))
        .collect()
}

fn cause(logs: LogsSeen) -> Option<&'static str> {
    let verdict = judge(&Evidence {
        logs,
        ..Evidence::default()
    });
    verdict.cause.map(|(cause, _)| cause.id())
}

fn expect_expired(form: &str, logs: LogsSeen) {
    let said = &logs.signs[&Sign::TokenExpired];
    assert_eq!(said.count, 3, "{form}");
    assert_eq!(said.first, Some(1_795_384_260.564), "{form}");
    assert_eq!(said.last, Some(1_795_384_262.564), "{form}");
    assert_eq!(logs.attempts.by_status[&403], 3, "{form}");
    assert_eq!(cause(logs), Some("token_expired"), "{form}");
}

#[test]
fn packed_wide_coloured_and_foreign_ends_are_one_text() {
    let log = log();
    let crlf = log.replace('\n', "\r\n");
    let coloured = log
        .replace("INFO:", "\x1b[32mINFO\x1b[0m:")
        .replace("WARNING", "\x1b[1;33mWARNING\x1b[0m");
    let big = wide(&crlf, [0xfe, 0xff], u16::to_be_bytes);
    let little = wide(&crlf, [0xff, 0xfe], u16::to_le_bytes);
    let twice = [
        gzip(log.get(..400).unwrap().as_bytes()),
        gzip(log.get(400..).unwrap().as_bytes()),
    ]
    .concat();
    let forms: [(&str, Vec<u8>); 9] = [
        ("plain", log.clone().into_bytes()),
        ("crlf", crlf.clone().into_bytes()),
        ("coloured", coloured.into_bytes()),
        ("utf-8 with a mark", [b"\xef\xbb\xbf", log.as_bytes()].concat()),
        ("gzip", gzip(log.as_bytes())),
        ("gzip, two members", twice),
        ("gzip of utf-16", gzip(&little)),
        ("utf-16 le", little),
        ("utf-16 be", big),
    ];
    for (form, bytes) in forms {
        for logs in both_ways(&bytes) {
            expect_expired(form, logs);
        }
    }
}

/// The lines of [`log`] as a journal has them: the time beside the message, and none in it.
fn entries(message: impl Fn(u64, &str) -> String) -> String {
    let mut at = FIRST;
    let log = log();
    let lines = log.lines().map(|line| match line.split_once(" WARNING ") {
        Some((time, rest)) => {
            let minute = time.get(17..19).unwrap().parse::<u64>().unwrap();
            at = FIRST + minute * 1_000_000;
            message(at, &format!("WARNING {rest}"))
        }
        None => message(at, line),
    });
    lines.collect()
}

#[test]
fn a_journal_is_read_in_each_of_its_forms() {
    let record = |at: u64, message: serde_json::Value| {
        json!({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": at.to_string(), "_SYSTEMD_UNIT": "chat.service", "MESSAGE": message})
            .to_string()
    };
    let export = |at: u64, message: &str| {
        format!(
            "__CURSOR=s=1\n__REALTIME_TIMESTAMP={at}\n_CMDLINE=uvicorn connection rejected (403 Forbidden)\nSYSLOG_RAW\n{message}\n_PID=7\n\n"
        )
    };
    let sized = |text: &str| {
        let length: String = (text.len() as u64)
            .to_le_bytes()
            .iter()
            .map(|byte| char::from(*byte))
            .collect();
        format!("{length}{text}")
    };
    let raw = sized("<4>token\nis expired");
    let forms = [
        ("json", entries(|at, line| record(at, json!(line)) + "\n")),
        (
            "json, bytes",
            entries(|at, line| record(at, json!(format!("\x1b[32m{line}\x1b[0m").as_bytes())) + "\n"),
        ),
        (
            "json-seq",
            entries(|at, line| format!("\x1e{}\n", record(at, json!(line)))),
        ),
        (
            "export",
            entries(|at, line| export(at, &format!("{raw}\nMESSAGE={line}"))),
        ),
        (
            "export, sized",
            entries(|at, line| {
                export(
                    at,
                    &format!("{raw}\nMESSAGE\n{}", sized(&format!("\x1b[1m{line}\x1b[0m"))),
                )
            }),
        ),
        // Ten bytes: the length itself is an end of a line.
        (
            "export, ten",
            entries(|at, line| {
                export(
                    at,
                    &format!("{raw}\nMESSAGE\n{}\nMESSAGE={line}", sized("0123456789")),
                )
            }),
        ),
    ];
    for (form, text) in forms {
        for logs in both_ways(text.as_bytes()) {
            assert!(logs.has(SourceKind::Journal), "{form}");
            expect_expired(form, logs);
        }
    }
}

#[test]
fn what_browsers_record_of_a_refusal_is_the_refusal() {
    // The first two are of Chromium 156 against a server that answers 403, and a port where nobody listens.
    let rows = [
        ("chromium-refused.har", SourceKind::Har, 3),
        ("chromium-refused.netlog.json", SourceKind::NetExport, 3),
        ("firefox-refused.har", SourceKind::Har, 1),
    ];
    for (name, kind, refused) in rows {
        let bytes = fs::read(fixture(&format!("inputs/{name}"))).unwrap();
        for logs in both_ways(&bytes) {
            assert_eq!(logs.sources[0].kind, kind, "{name}");
            assert_eq!(logs.attempts.by_status[&403], refused, "{name}");
            assert_eq!(logs.attempts.by_status[&0], 1, "{name}");
            assert_eq!(logs.attempts.with_same_token, refused, "{name}");
            let minute = |at: Option<f64>| (at.unwrap() - 1_795_845_582.0).abs() < 60.0;
            assert!(
                minute(logs.attempts.first) && minute(logs.attempts.last),
                "{name} {:?}",
                logs.attempts
            );
            let told = serde_json::to_string(&logs).unwrap();
            assert!(!told.contains("not-a-token"), "{name} shows the token: {told}");
        }
    }
    for name in ["chromium-opened.har", "chromium-opened.netlog.json"] {
        let logs = read(&fixture(&format!("inputs/{name}")), b"").unwrap().logs;
        assert_eq!(
            logs.attempts.by_status.into_iter().collect::<Vec<_>>(),
            [(101, 1)],
            "{name}"
        );
    }
}

#[test]
fn a_document_that_breaks_off_counts_as_far_as_it_goes() {
    for name in ["chromium-refused.har", "chromium-refused.netlog.json"] {
        let bytes = fs::read(fixture(&format!("inputs/{name}"))).unwrap();
        for logs in both_ways(bytes.get(..bytes.len() * 2 / 3).unwrap()) {
            assert!(
                (1..3).contains(&logs.attempts.by_status[&403]),
                "{name} {:?}",
                logs.attempts
            );
        }
    }
}

#[test]
fn what_is_no_text_is_said_by_its_name_and_nothing_is_found_in_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    fs::write(&path, b"\x7fELF\x02\x01\0\0 token is expired").unwrap();
    let error = read(&path.display().to_string(), b"").unwrap_err().to_string();
    assert!(error.ends_with("core: no text"), "{error}");
    let error = read("-", b"\x7fELF\0").unwrap_err().to_string();
    assert_eq!(error, "-: no text");
    for logs in both_ways(b"") {
        assert_eq!((logs.sources[0].lines, logs.sources[0].bytes), (0, 0));
        assert_eq!(cause(logs), None);
    }
}

#[test]
fn a_line_of_ten_megabytes_hides_neither_what_is_before_nor_what_is_after_it() {
    let log = log();
    let long = "x".repeat(10 << 20);
    let (before, after) = log.split_at(log.find("2026-11-22 21:51:01").unwrap());
    for logs in both_ways(format!("{before}{long}\n{after}").as_bytes()) {
        expect_expired("long", logs);
    }
}

#[test]
fn a_folder_is_read_whole_and_what_is_no_log_in_it_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("old")).unwrap();
    fs::write(at("empty.log"), b"").unwrap();
    fs::write(at("old/uvicorn.log.1.gz"), gzip(log().as_bytes())).unwrap();
    fs::write(at("uvicorn.log"), wide(&log(), [0xff, 0xfe], u16::to_le_bytes)).unwrap();
    fs::write(at("core.1234"), [0; 64]).unwrap();
    fs::write(at("shot.png"), b"token is expired").unwrap();
    fs::copy(fixture("inputs/chromium-refused.har"), at("a.har")).unwrap();
    File::create(at("torn.gz"))
        .unwrap()
        .write_all(&gzip(log().as_bytes())[..40])
        .unwrap();
    let evidence = read(&folder.path().display().to_string(), b"").unwrap();
    let kinds: Vec<SourceKind> = evidence
        .logs
        .sources
        .iter()
        .filter(|source| source.lines > 0)
        .map(|source| source.kind)
        .collect();
    assert_eq!(kinds, [SourceKind::Har, SourceKind::Uvicorn, SourceKind::Uvicorn]);
    assert!(
        evidence
            .logs
            .sources
            .iter()
            .any(|source| source.name.ends_with("old/uvicorn.log.1"))
    );
    assert_eq!(evidence.logs.signs[&Sign::TokenExpired].count, 6);
    let passed: Vec<&str> = evidence
        .skipped
        .iter()
        .map(|skipped| skipped.what.lang(charla_wire::Lang::En))
        .collect();
    assert!(
        passed.len() == 2 && passed[0].ends_with("core.1234") && passed[1].ends_with("torn.gz"),
        "{passed:?}"
    );
}

/// A token that ended at 21:42:02 UTC, ten minutes before its handshake was refused.
const ENDED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzk1MzgzNzIyLCJ1c2VyX2lkIjoxfQ.bm90LWEtc2lnbmF0dXJl";

#[test]
fn a_pasted_token_is_judged_by_the_time_of_its_own_line_and_never_shown() {
    let access = |zone: &str| {
        format!(
            "127.0.0.1 - - [22/Nov/2026:21:52:02{zone}] \"GET /ws/chat/5/?token={ENDED} HTTP/1.1\" 403 0 \"-\" \"-\"\n"
        )
    };
    let uvicorn = |time: &str, status: &str| {
        format!(
            "{time} INFO chat x\nINFO:     127.0.0.1:58300 - \"WebSocket /ws/chat/5/?token={ENDED}\" {status}\n"
        )
    };
    let rows = [
        ("with its zone", access(" +0000"), Some(Certainty::Certain)),
        ("two hours east: it was still good", access(" +0200"), None),
        (
            "no zone, ten minutes late",
            uvicorn("2026-11-22 21:52:02,000", "403"),
            Some(Certainty::Likely),
        ),
        (
            "no zone, a day late",
            uvicorn("2026-11-23 21:52:02,000", "403"),
            Some(Certainty::Certain),
        ),
        ("let in", uvicorn("2026-11-23 21:52:02,000", "[accepted]"), None),
        (
            "no time at all",
            format!(
                "WebSocket connection to 'ws://h/ws/chat/5/?token={ENDED}' failed: Error during WebSocket handshake: Unexpected response code: 403"
            ),
            None,
        ),
    ];
    for (form, text, expected) in rows {
        let evidence = read("-", text.as_bytes()).unwrap();
        let claims = &evidence.logs.claims;
        let kept = serde_json::to_string(&evidence).unwrap();
        assert!(
            ENDED.split('.').all(|part| !kept.contains(part)),
            "{form} keeps the token: {kept}"
        );
        assert_eq!(claims.expires_at.is_some(), expected.is_some(), "{form}");
        let verdict = judge(&evidence);
        let expired = verdict
            .cause
            .as_ref()
            .filter(|(cause, _)| cause.id() == "token_expired");
        assert_eq!(expired.map(|(_, finding)| finding.certainty), expected, "{form}");
        if let Some((_, finding)) = expired {
            let told = &finding.facts[0].what.en;
            assert!(told.starts_with("exp 1795383722 of the token"), "{form}: {told}");
            assert!(
                finding.facts[0].quote.as_ref().unwrap().contains("token=***"),
                "{form}"
            );
        }
    }
}
