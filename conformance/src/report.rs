//! What came of it: a table by section for people, a line for programs, a page for the documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::case::Case;

/// Where an RFC leaves a choice, or binds the sender only.
const CHOICES: &[(&str, &str)] = &[
    (
        "6455 4.2.1",
        "A handshake over HTTP/1.0 is served like one over 1.1, `Host` or not: nginx sends it so by default.",
    ),
    (
        "6455 4.2.1",
        "A key whose last letter carries unused bits is taken; its length, alphabet and padding are checked.",
    ),
    (
        "6455 4.2.2",
        "A refusal is answered 101 and closed with its code: no browser shows a page the status (`server.rejects = \"http\"` answers with the status). Without a sub-protocol that is known: the first one offered, then 4400.",
    ),
    (
        "6455 4.4",
        "A version that is missing, doubled or another gets 426 with `Sec-WebSocket-Version: 13`.",
    ),
    (
        "6455 5.2",
        "A length that is not in its shortest form is closed with 1002, though the RFC binds the sender only.",
    ),
    (
        "6455 5.4",
        "A message has at most `limits.fragments` pieces (64) and `limits.message_bytes` (64 KiB), or is closed with 1009 as soon as its header says so.",
    ),
    (
        "6455 5.5.1",
        "A close is answered with its code and no reason; what comes behind it is not heard.",
    ),
    (
        "6455 5.5.2",
        "Every ping is answered, up to `limits.pings_per_second` (10), then 4413 `frame_flood`. A pong may overtake a message that is being stored.",
    ),
    (
        "6455 5.6",
        "Binary messages are closed with 1003; an empty text is a message, which the chat refuses (`bad_request`), and the connection lives.",
    ),
    (
        "6455 7.1.1",
        "After a breach of the framing the server waits 2 s for the client to end the socket; after any other close until it is answered, at most 2 s.",
    ),
    (
        "6455 7.4",
        "1012, 1013 and 1014, registered since, may be sent; 1016 to 2999 may not.",
    ),
    (
        "6455 8.1",
        "Text in pieces is judged at every piece, text in one frame when it is whole.",
    ),
    (
        "6455 9.1",
        "An empty `Sec-WebSocket-Extensions` is no offer; any other that is no list of extensions fails the handshake.",
    ),
    (
        "7692 7.1",
        "Both sides without context take-over, always: a message is compressed once for all its receivers. A smaller server window is declined.",
    ),
    (
        "7692 7.2.1",
        "Messages of `compression.min_bytes` (256) and more go compressed. Behind a final block the next begins with an empty window.",
    ),
    (
        "7692 7.2.2",
        "What does not inflate is closed with 1002, what inflates beyond the limit with 1009 before it is inflated further.",
    ),
];

/// What others' cases said, by hand.
const AUTOBAHN: &str = "\n## Autobahn's cases\n\n\
    kosoku 0.1.0, a Python package, drives the cases of the Autobahn suite; run by hand on 2026-11-28 against \
    `charla demo --no-limits --json --set compression.enabled=true --set limits.pings_per_second=100000`:\n\n\
    ```sh\nkosoku -p 1 -x '9.*' -x '12.*' -x '13.*' 'ws://127.0.0.1:9001/ws/chat/5/?token=...'\n```\n\n\
    Of 247 cases, 96 want the very bytes back, which a chat does not send (nor do the 270 left out, whose messages are large or \
    compressed). Of the other 151 none failed: 136 passed strictly, 3 are for information, and 12 are what the suite calls \
    non-strict: in ten a breach is told before the message in front of it is stored and comes back, in two text that is no UTF-8 is told at the \
    end of its frame.\n";

/// One case's outcome.
pub(crate) struct Row {
    /// The rule.
    pub(crate) section: &'static str,
    /// What was tried.
    pub(crate) name: String,
    /// What was wrong.
    wrong: Option<String>,
}

impl Row {
    /// The outcome of a case.
    pub(crate) fn new(case: &Case, wrong: Option<String>) -> Self {
        Self {
            section: case.section,
            name: case.name.clone(),
            wrong,
        }
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Report {
    /// In the order of the table.
    pub(crate) rows: Vec<Row>,
    /// Wrong expectations that were tried.
    pub(crate) wrong: usize,
    /// Those of them that were met.
    pub(crate) unseen: Vec<String>,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl Report {
    fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.wrong.is_some()).count()
    }

    /// Whether everything is as it should be, the checker too.
    pub(crate) fn is_good(&self) -> bool {
        !self.rows.is_empty() && self.failed() == 0 && self.unseen.is_empty()
    }

    /// Cases and failures by section.
    fn sections(&self) -> BTreeMap<(u32, Vec<u32>), (&'static str, usize, usize)> {
        let mut sections = BTreeMap::new();
        for row in &self.rows {
            let (_, cases, failed) = sections.entry(order(row.section)).or_insert((row.section, 0, 0));
            *cases += 1;
            *failed += usize::from(row.wrong.is_some());
        }
        sections
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("{:<14} {:>6} {:>7}\n", "RFC, section", "cases", "failed");
        // Writing to a string cannot fail.
        for (section, cases, failed) in self.sections().values() {
            let _ = writeln!(table, "{section:<14} {cases:>6} {failed:>7}");
        }
        for row in &self.rows {
            if let Some(wrong) = &row.wrong {
                let _ = writeln!(table, "FAILED {} {}: {wrong}", row.section, row.name);
            }
        }
        for name in &self.unseen {
            let _ = writeln!(table, "NOT SEEN: a wrong expectation was met: {name}");
        }
        let _ = write!(
            table,
            "{} cases, {} failed, in {:.1} s; {} of {} wrong expectations were seen as such",
            self.rows.len(),
            self.failed(),
            self.seconds,
            self.wrong - self.unseen.len(),
            self.wrong,
        );
        table
    }

    /// For programs.
    pub(crate) fn last_line(&self) -> String {
        let (cases, failed) = (self.rows.len(), self.failed());
        let passed = cases - failed;
        let failed = failed + self.unseen.len();
        format!("{{\"cases\":{cases},\"passed\":{passed},\"failed\":{failed}}}")
    }

    /// For the documentation.
    pub(crate) fn page(&self) -> String {
        let now = jiff::Timestamp::now().to_string();
        let mut page = format!(
            "# Conformance\n\nWritten by `cargo xtask conformance --write` on {}: {} cases over real sockets against `charla demo`, {} failed.\n\n\
             Each row of the table (`conformance/src/cases/`) is bytes that are sent and what must come back; the checker shares no code \
             with the server. In every case all that the server sends is held to the RFC too: no mask, no reserved bits, the shortest \
             length, whole messages, UTF-8, nothing behind a close, and the end of the socket. Each run also tries {} expectations that \
             are wrong on purpose, and fails if one of them is met.\n\n| RFC, section | cases | failed |\n|---|---|---|\n",
            now.get(..10).unwrap_or(&now),
            self.rows.len(),
            self.failed(),
            self.wrong,
        );
        for (section, cases, failed) in self.sections().values() {
            let _ = writeln!(page, "| {section} | {cases} | {failed} |");
        }
        page.push_str("\n## Choices\n\nWhere an RFC leaves a choice, the server makes this one.\n\n| section | choice |\n|---|---|\n");
        for (section, choice) in CHOICES {
            let _ = writeln!(page, "| {section} | {choice} |");
        }
        page.push_str(AUTOBAHN);
        page
    }
}

/// Sections in the order of the book.
fn order(section: &str) -> (u32, Vec<u32>) {
    let (rfc, place) = section.split_once(' ').unwrap_or((section, ""));
    let numbers = place.split('.').filter_map(|number| number.parse().ok());
    (rfc.parse().unwrap_or_default(), numbers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(wrong: Option<&str>) -> Row {
        let case = Case::plain("6455 5.2", "a case", Vec::new());
        Row::new(&case, wrong.map(ToOwned::to_owned))
    }

    #[test]
    fn a_failure_is_told_and_counted() {
        let good = Report {
            rows: vec![row(None)],
            ..Report::default()
        };
        assert!(good.is_good());
        assert_eq!(good.last_line(), r#"{"cases":1,"passed":1,"failed":0}"#);
        let bad = Report {
            rows: vec![row(None), row(Some("expected that"))],
            ..Report::default()
        };
        assert!(!bad.is_good() && bad.table().contains("FAILED 6455 5.2 a case: expected that"));
        assert_eq!(bad.last_line(), r#"{"cases":2,"passed":1,"failed":1}"#);
        let blind = Report {
            rows: vec![row(None)],
            unseen: vec!["a lie".into()],
            ..Report::default()
        };
        assert!(!blind.is_good(), "a checker that sees nothing");
        assert!(!Report::default().is_good(), "nothing was tried");
    }
}
