//! The report for other programs' eyes: a monitoring plugin's line, workflow annotations, a ticket.

use std::fmt::Write as _;

use charla_wire::{Cause, Lang};

use super::{Ending, Mark, Report};
use crate::verdict::Finding;

/// One line and performance data, as monitoring plugins print them (Monitoring Plugins Development Guidelines), and the exit code
/// that such a plugin has: 0 ok, 1 warning, 2 critical, 3 unknown.
#[must_use]
pub fn nagios(report: &Report) -> (String, u8) {
    let (state, code) = match report.ending() {
        Ending::Healthy => ("OK", 0),
        Ending::Warnings => ("WARNING", 1),
        Ending::Cause => ("CRITICAL", 2),
        Ending::Unknown => ("UNKNOWN", 3),
    };
    let cause = match &report.verdict.cause {
        Some((cause, finding)) => format!("{} ({}): ", cause.id(), finding.certainty.as_str()),
        None => {
            let ids: Vec<&str> = report
                .verdict
                .warnings
                .iter()
                .map(|(cause, _)| cause.id())
                .collect();
            if ids.is_empty() {
                String::new()
            } else {
                format!("{}: ", ids.join(", "))
            }
        }
    };
    // A bar separates the text from performance data.
    let sentence = report.sentence().replace('|', "/").replace('\n', " ");
    let seconds = report
        .seconds
        .map(|seconds| format!(" | time={seconds:.3}s"))
        .unwrap_or_default();
    (format!("CHARLA {state} - {cause}{sentence}{seconds}"), code)
}

/// Annotations of a GitHub workflow: an error for the cause, warnings beside it.
#[must_use]
pub fn github(report: &Report) -> String {
    let line = |kind: &str, cause: Cause, finding: &Finding| {
        let sentence = escaped(finding.sentence.lang(report.lang));
        format!("::{kind} title={}::{sentence}", cause.id())
    };
    let verdict = &report.verdict;
    let mut lines: Vec<String> = verdict
        .cause
        .iter()
        .map(|(cause, finding)| line("error", *cause, finding))
        .collect();
    lines.extend(
        verdict
            .warnings
            .iter()
            .map(|(cause, finding)| line("warning", *cause, finding)),
    );
    if lines.is_empty() {
        let kind = if report.ending() == Ending::Healthy {
            "notice"
        } else {
            "warning"
        };
        lines.push(format!(
            "::{kind} title=charla doctor::{}",
            escaped(&report.sentence())
        ));
    }
    lines.join("\n")
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A ticket's text.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let lang = report.lang;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = match &report.verdict.cause {
        Some((cause, finding)) => writeln!(
            out,
            "## `{}`: {} ({})\n",
            cause.id(),
            report.words(*cause).title,
            finding.certainty.word(lang)
        ),
        None => writeln!(out, "## charla doctor\n"),
    };
    let _ = writeln!(out, "{}\n", report.sentence());
    if let Some(target) = &report.evidence.target {
        let _ = writeln!(out, "`{}`\n", target.url);
    }
    if let Some((cause, finding)) = &report.verdict.cause {
        found(report, *cause, finding, &mut out);
    }
    for (cause, finding) in &report.verdict.warnings {
        let _ = writeln!(out, "- ⚠ `{}`: {}", cause.id(), finding.sentence.lang(lang));
    }
    let _ = writeln!(out, "\n### {}\n", word(lang, "Looked at", "Lo que se miró"));
    for (step, lines) in report.chapters() {
        let _ = writeln!(out, "- **{}**", step.title(lang));
        for line in lines {
            let mark = match line.mark {
                Mark::Good => "✓",
                Mark::Warning => "!",
                Mark::Fault => "✗",
                Mark::Skipped => "–",
            };
            let _ = writeln!(out, "  - {mark} {}", line.text);
        }
    }
    for skipped in &report.evidence.skipped {
        let _ = writeln!(out, "- – {}: {}", skipped.what.lang(lang), skipped.why.lang(lang));
    }
    let ids: Vec<String> = report
        .ruled_out()
        .map(|(cause, _)| format!("`{}`", cause.id()))
        .collect();
    if !ids.is_empty() {
        let _ = writeln!(
            out,
            "\n### {}\n\n{}",
            word(lang, "Not the cause", "No es la causa"),
            ids.join(", ")
        );
    }
    out
}

/// What the verdict stands on, the fix and its check.
fn found(report: &Report, cause: Cause, finding: &Finding, out: &mut String) {
    let lang = report.lang;
    let _ = writeln!(out, "### {}\n", word(lang, "Evidence", "Pruebas"));
    for fact in &finding.facts {
        let at = fact
            .at
            .as_ref()
            .map(|at| format!(" (`{at}`)"))
            .unwrap_or_default();
        let _ = writeln!(out, "- {}{at}", fact.what.lang(lang));
        if let Some(quote) = &fact.quote {
            let _ = writeln!(out, "\n      {quote}\n");
        }
    }
    let _ = writeln!(
        out,
        "\n### {}\n\n```sh\n{}\n```\n",
        word(lang, "Fix", "Arreglo"),
        report.fix(cause, finding).join("\n\n")
    );
    let _ = writeln!(
        out,
        "### {}\n\n{}\n",
        word(lang, "Check", "Comprobación"),
        report.words(cause).check
    );
}

fn word(lang: Lang, en: &'static str, es: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Es => es,
    }
}
