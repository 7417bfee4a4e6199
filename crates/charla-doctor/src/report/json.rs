//! The report for programs. Its schema is documented in `docs/doctor.md`; fields are added, never renamed.

use charla_wire::Cause;
use serde_json::{Value, json};

use super::{Line, Report};
use crate::evidence::SCHEMA;
use crate::verdict::{Fact, Finding};

/// The whole report; with `evidence`, everything that was seen stands in it too.
#[must_use]
pub fn json(report: &Report, with_evidence: bool) -> Value {
    let lang = report.lang;
    let verdict = &report.verdict;
    let chapters = report.chapters();
    let steps = chapters.iter().map(|(step, lines)| {
        json!({
            "step": step,
            "title": step.title(lang),
            "lines": lines.iter().map(line).collect::<Vec<_>>(),
        })
    });
    let evidence = &report.evidence;
    let mut value = json!({
        "schema": SCHEMA,
        "cause": verdict.cause.as_ref().map(|(cause, _)| cause.id()),
        "certainty": verdict.cause.as_ref().map(|(_, finding)| finding.certainty.as_str()),
        "healthy": verdict.healthy,
        "sentence": report.sentence(),
        "target": evidence.target.as_ref().map(|target| &target.url),
        "verdict": verdict.cause.as_ref().map(|(cause, finding)| told(report, *cause, finding)),
        "also": list(report, &verdict.also),
        "warnings": list(report, &verdict.warnings),
        "steps": steps.collect::<Vec<_>>(),
        "not_the_cause": report.ruled_out().map(|(cause, why)| json!({"cause": cause.id(), "why": why.lang(lang)})).collect::<Vec<_>>(),
        "skipped": evidence.skipped.iter().map(|skipped| json!({
            "what": skipped.what.lang(lang),
            "why": skipped.why.lang(lang),
            "try": skipped.try_this,
        })).collect::<Vec<_>>(),
        "found": evidence.found.iter().map(|found| json!({"what": found.what.lang(lang), "from": found.from.lang(lang)})).collect::<Vec<_>>(),
        "crashed": report.crashed().map(|(cause, said)| json!({"check": cause.id(), "said": said})).collect::<Vec<_>>(),
        "seconds": report.seconds,
    });
    if let (true, Value::Object(fields), Ok(evidence)) =
        (with_evidence, &mut value, serde_json::to_value(evidence))
    {
        fields.insert("evidence".into(), evidence);
    }
    value
}

fn line(line: &Line) -> Value {
    json!({"mark": line.mark.as_str(), "text": line.text})
}

fn list(report: &Report, found: &[(Cause, Finding)]) -> Vec<Value> {
    let told = found.iter().map(|(cause, finding)| told(report, *cause, finding));
    told.collect()
}

fn told(report: &Report, cause: Cause, finding: &Finding) -> Value {
    let words = report.words(cause);
    let fact = |fact: &Fact| json!({"what": fact.what.lang(report.lang), "quote": fact.quote, "at": fact.at});
    json!({
        "cause": cause.id(),
        "certainty": finding.certainty.as_str(),
        "title": words.title,
        "sentence": finding.sentence.lang(report.lang),
        "explain": words.explain,
        "facts": finding.facts.iter().map(fact).collect::<Vec<_>>(),
        "fix": report.fix(cause, finding),
        "check": words.check,
        "client": cause.retry().as_str(),
    })
}
