//! From evidence to the one cause: asks every check, orders what they say, and keeps what they rule out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use charla_wire::Cause;
use serde::Serialize;

use crate::checks::{self, Check, Step};
use crate::evidence::{Evidence, Quote};
use crate::text::Text;

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Fits what was seen; other causes would too.
    Possible,
    /// Explains what was seen better than anything else that was looked at.
    Likely,
    /// Proved.
    Certain,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Looked, and it is not this. The text says what proves that.
    Pass(Text),
    /// It is not what keeps the connection from being made now, but it will hurt.
    Warn(Finding),
    /// It is this.
    Fail(Finding),
    /// What it needs was not seen; the text says what.
    Skip(Text),
    /// The check itself fell over: its panic's words.
    Crashed(String),
}

/// One thing that a verdict stands on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Fact {
    /// What it shows, in words.
    pub what: Text,
    /// The line or number as it stands, redacted.
    pub quote: Option<String>,
    /// Where: `/etc/nginx/nginx.conf:12`, `uvicorn.log:17`, `ws://127.0.0.1:9001`.
    pub at: Option<String>,
}

impl Fact {
    /// In words alone.
    #[must_use]
    pub fn said(what: Text) -> Self {
        Self {
            what,
            quote: None,
            at: None,
        }
    }

    /// With the line as it stands, and its place.
    #[must_use]
    pub fn quoted(what: Text, quote: &Quote) -> Self {
        Self {
            what,
            quote: Some(quote.line.clone()),
            at: Some(quote.at.clone()),
        }
    }

    /// With a place alone.
    #[must_use]
    pub fn at(what: Text, at: impl Into<String>) -> Self {
        Self {
            what,
            quote: None,
            at: Some(at.into()),
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How sure.
    pub certainty: Certainty,
    /// What this case shows, in one sentence, with its numbers.
    pub sentence: Text,
    /// What it stands on; at least one.
    pub facts: Vec<Fact>,
    /// What to do, made for this case: its files, its ports. Empty: the catalogue's.
    pub fix: Vec<String>,
    /// Causes that this one explains: they are then evidence, not verdicts.
    pub explains: Vec<Cause>,
}

impl Finding {
    /// Proved.
    #[must_use]
    pub fn certain(sentence: Text, facts: Vec<Fact>) -> Self {
        Self::new(Certainty::Certain, sentence, facts)
    }

    /// The best explanation.
    #[must_use]
    pub fn likely(sentence: Text, facts: Vec<Fact>) -> Self {
        Self::new(Certainty::Likely, sentence, facts)
    }

    /// One of several.
    #[must_use]
    pub fn possible(sentence: Text, facts: Vec<Fact>) -> Self {
        Self::new(Certainty::Possible, sentence, facts)
    }

    /// Of a given certainty.
    #[must_use]
    pub fn new(certainty: Certainty, sentence: Text, facts: Vec<Fact>) -> Self {
        Self {
            certainty,
            sentence,
            facts,
            fix: Vec::new(),
            explains: Vec::new(),
        }
    }

    /// With a fix made for this case.
    #[must_use]
    pub fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }

    /// With what it explains.
    #[must_use]
    pub fn explains(mut self, causes: &[Cause]) -> Self {
        self.explains.extend_from_slice(causes);
        self
    }
}

/// One check and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The check's cause.
    pub cause: Cause,
    /// Its chapter.
    pub step: Step,
    /// What it said.
    pub outcome: Outcome,
}

/// Everything that follows from the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The cause, when there is one.
    pub cause: Option<(Cause, Finding)>,
    /// Further causes that fit, best first.
    pub also: Vec<(Cause, Finding)>,
    /// What will hurt.
    pub warnings: Vec<(Cause, Finding)>,
    /// Everything works, as far as was seen.
    pub healthy: bool,
    /// What every check said, in the registry's order.
    pub judged: Vec<Judged>,
}

/// Asks every check.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    let checks = checks::ALL.iter().map(|(_, check)| *check);
    judge_with(evidence, checks)
}

fn judge_with(evidence: &Evidence, checks: impl Iterator<Item = Check>) -> Verdict {
    let judged: Vec<Judged> = checks.map(|check| ask(&check, evidence)).collect();
    let mut failed = Vec::new();
    let mut warnings = Vec::new();
    for row in &judged {
        match &row.outcome {
            Outcome::Fail(finding) => failed.push((row.cause, finding.clone())),
            Outcome::Warn(finding) => warnings.push((row.cause, finding.clone())),
            Outcome::Pass(_) | Outcome::Skip(_) | Outcome::Crashed(_) => {}
        }
    }
    // Stable: of the same certainty the registry's order stays.
    failed.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.certainty));
    let explained: Vec<Cause> = failed
        .iter()
        .flat_map(|(_, finding)| finding.explains.clone())
        .collect();
    let (mut roots, symptoms): (Vec<_>, Vec<_>) = failed
        .into_iter()
        .partition(|(cause, _)| !explained.contains(cause));
    // Two that explain each other would both be gone.
    if roots.is_empty() {
        roots = symptoms;
    }
    let mut roots = roots.into_iter();
    let cause = roots.next();
    Verdict {
        healthy: cause.is_none() && works(evidence),
        also: roots.collect(),
        cause,
        warnings,
        judged,
    }
}

/// A check that falls over is a verdict of its own and hides no other.
fn ask(check: &Check, evidence: &Evidence) -> Judged {
    let judged = catch_unwind(AssertUnwindSafe(|| (check.judge)(evidence)));
    let outcome = judged.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome::Crashed(words.unwrap_or_default())
    });
    Judged {
        cause: check.cause,
        step: check.step,
        outcome,
    }
}

/// The browser's handshake went through at every hop that was tried; or, in logs alone, handshakes did and none failed.
fn works(evidence: &Evidence) -> bool {
    if !evidence.hops.is_empty() {
        let mut answers = evidence.hops.iter().filter_map(|hop| hop.browser()).peekable();
        return answers.peek().is_some() && answers.all(crate::evidence::Answer::is_open);
    }
    let logs = &evidence.logs;
    let attempts = &logs.attempts;
    let made = attempts.total > 0 && attempts.by_status.keys().all(|status| *status == 101);
    made && logs.dropped.count == 0 && logs.unanswered.count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::both;

    fn check(cause: Cause, judge: fn(&Evidence) -> Outcome) -> Check {
        Check {
            cause,
            step: Step::Server,
            judge,
        }
    }

    fn finding(certainty: Certainty) -> Finding {
        Finding::new(
            certainty,
            both!("it is so", "es así"),
            vec![Fact::said(both!("seen", "visto"))],
        )
    }

    fn verdict(checks: &[Check]) -> Verdict {
        judge_with(&Evidence::default(), checks.iter().copied())
    }

    fn cause(verdict: &Verdict) -> Option<&'static str> {
        verdict.cause.as_ref().map(|(cause, _)| cause.id())
    }

    #[test]
    fn the_surer_one_is_told_then_the_one_further_up() {
        let likely = |_: &Evidence| Outcome::Fail(finding(Certainty::Likely));
        let certain = |_: &Evidence| Outcome::Fail(finding(Certainty::Certain));
        let told = verdict(&[
            check(Cause::RedisDown, likely),
            check(Cause::ServerDown, certain),
            check(Cause::AppException, certain),
        ]);
        assert_eq!(cause(&told), Some("server_down"));
        let also: Vec<_> = told.also.iter().map(|(cause, _)| cause.id()).collect();
        assert_eq!(also, ["app_exception", "redis_down"]);
        assert!(!told.healthy);
    }

    #[test]
    fn what_a_root_explains_is_evidence_and_no_verdict() {
        let root = |_: &Evidence| Outcome::Fail(finding(Certainty::Likely).explains(&[Cause::AppException]));
        let symptom = |_: &Evidence| Outcome::Fail(finding(Certainty::Certain));
        let told = verdict(&[check(Cause::RedisDown, root), check(Cause::AppException, symptom)]);
        assert_eq!(cause(&told), Some("redis_down"));
        assert!(told.also.is_empty());
    }

    #[test]
    fn two_that_explain_each_other_do_not_both_vanish() {
        let one = |_: &Evidence| Outcome::Fail(finding(Certainty::Likely).explains(&[Cause::AppException]));
        let other = |_: &Evidence| Outcome::Fail(finding(Certainty::Likely).explains(&[Cause::RedisDown]));
        let told = verdict(&[check(Cause::RedisDown, one), check(Cause::AppException, other)]);
        assert_eq!(cause(&told), Some("redis_down"));
    }

    #[test]
    fn a_check_that_falls_over_is_told_and_hides_no_other() {
        let crash = |_: &Evidence| -> Outcome { panic!("index out of bounds") };
        let certain = |_: &Evidence| Outcome::Fail(finding(Certainty::Certain));
        let told = verdict(&[check(Cause::RedisDown, crash), check(Cause::ServerDown, certain)]);
        assert_eq!(cause(&told), Some("server_down"));
        let crashed = told.judged.first().map(|row| row.outcome.clone());
        assert_eq!(crashed, Some(Outcome::Crashed("index out of bounds".into())));
    }

    #[test]
    fn nothing_seen_is_not_healthy() {
        let told = judge(&Evidence::default());
        assert!(told.cause.is_none() && !told.healthy);
    }
}
