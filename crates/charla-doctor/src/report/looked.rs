//! Everything that was looked at, as lines under the guide's steps: what was seen, and whether it is as it should be.

mod inside;
mod outside;

use super::Report;
use crate::checks::Step;
use crate::text::{Text, both};
use crate::verdict::Outcome;

/// Whether what was seen is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Good,
    /// Will hurt.
    Warning,
    /// Wrong.
    Fault,
    /// Not looked at.
    Skipped,
}

impl Mark {
    /// As programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Fault => "fault",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it is.
    pub mark: Mark,
    /// What it is, in the report's language.
    pub text: String,
}

/// A line under a chapter, before its language is chosen.
type Row = (Step, Mark, Text);

pub(super) fn chapters(report: &Report) -> Vec<(Step, Vec<Line>)> {
    let mut rows = Vec::new();
    let evidence = &report.evidence;
    inside::server(evidence, &mut rows);
    inside::redis(evidence, &mut rows);
    inside::logs(evidence, report.lang, &mut rows);
    outside::handshakes(evidence, &mut rows);
    outside::nginx(evidence, &mut rows);
    inside::access(evidence, &mut rows);
    outside::names(evidence, &mut rows);
    judged(report, &mut rows);
    let chapter = |step: Step| {
        let lines = rows
            .iter()
            .filter(|(of, ..)| *of == step)
            .map(|(_, mark, text)| Line {
                mark: *mark,
                text: text.lang(report.lang).to_owned(),
            });
        (step, lines.collect::<Vec<_>>())
    };
    Step::ALL
        .into_iter()
        .map(chapter)
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

/// What the checks found, beside what was seen.
fn judged(report: &Report, rows: &mut Vec<Row>) {
    for row in &report.verdict.judged {
        let id = row.cause.id();
        let (mark, finding) = match &row.outcome {
            Outcome::Fail(finding) => (Mark::Fault, finding),
            Outcome::Warn(finding) => (Mark::Warning, finding),
            Outcome::Crashed(said) => {
                rows.push((
                    row.step,
                    Mark::Warning,
                    both!(
                        "the check `{id}` fell over: {said}",
                        "la comprobación `{id}` falló: {said}"
                    ),
                ));
                continue;
            }
            Outcome::Pass(_) | Outcome::Skip(_) => continue,
        };
        let Text { en, es } = &finding.sentence;
        rows.push((row.step, mark, both!("{id}: {en}", "{id}: {es}")));
    }
}
