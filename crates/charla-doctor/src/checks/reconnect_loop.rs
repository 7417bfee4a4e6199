//! A client that tries again and again, whatever the cause is: said beside that cause, never instead of it.

use charla_wire::Cause;

use crate::checks::access::{named, span};
use crate::checks::handshakes::lines;
use crate::checks::{Check, Step};
use crate::evidence::{Attempts, Evidence};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ReconnectLoop, step: Step::Logs, judge };

/// Failures in a row from which on it is a loop: as many as the guide's front end allows itself.
const ROW: u64 = 15;

fn judge(evidence: &Evidence) -> Outcome {
    let attempts = &evidence.logs.attempts;
    let same = attempts.with_same_token;
    if attempts.longest_failing >= ROW && !evidence.logs.live {
        let certainty = if same >= ROW { Certainty::Certain } else { Certainty::Likely };
        let mut facts = vec![Fact::at(counted(attempts), attempts.counted_in.clone())];
        if let Some((_, seen)) = evidence.logs.any(&[Sign::GaveUp]) {
            facts.extend(lines(seen).into_iter().take(1));
        }
        return Outcome::Warn(Finding::new(certainty, sentence(attempts), facts));
    }
    if let Some(finding) = named(evidence, Cause::ReconnectLoop) {
        return Outcome::Warn(finding);
    }
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::GaveUp]) {
        return Outcome::Warn(Finding::certain(
            both!("The page tried until its own limit and gave up.", "La página lo intentó hasta su propio límite y se rindió."),
            lines(seen),
        ));
    }
    if attempts.total > 0 {
        let row = attempts.longest_failing;
        return Outcome::Pass(both!("at most {row} failures in a row", "como mucho {row} fallos seguidos"));
    }
    Outcome::Skip(both!("no log tells of handshakes", "ningún registro habla de handshakes"))
}

fn sentence(attempts: &Attempts) -> Text {
    let row = attempts.longest_failing;
    let most = attempts.most_in_a_minute;
    let (since, pasado) = match (attempts.failing_since, attempts.failing_until) {
        (Some(since), Some(until)) if until > since => {
            let Text { en, es } = span(until - since);
            let rate = per_minute(row, until - since);
            (format!(" within {en}, {rate} a minute (at most {most})"), format!(" en {es}, {rate} por minuto (como mucho {most})"))
        }
        _ => (format!(", at most {most} in a minute"), format!(", como mucho {most} en un minuto")),
    };
    let same = attempts.with_same_token;
    let (with, con) = if attempts.tokens > 0 {
        (format!("; {same} of them with the same token"), format!("; {same} de ellos con el mismo token"))
    } else {
        (String::new(), String::new())
    };
    both!(
        "{row} handshakes failed in a row{since}{with}: a client repeats what cannot work.",
        "Fallaron {row} handshakes seguidos{pasado}{con}: un cliente repite lo que no puede funcionar."
    )
}

#[allow(clippy::cast_precision_loss, reason = "counts of attempts stay far below 2^53")]
fn per_minute(count: u64, seconds: f64) -> String {
    let rate = count as f64 * 60.0 / seconds.max(60.0);
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn counted(attempts: &Attempts) -> Text {
    let (total, tokens) = (attempts.total, attempts.tokens);
    let first = attempts.failing_since.map(clock).unwrap_or_default();
    let last = attempts.failing_until.map(clock).unwrap_or_default();
    if first.is_empty() {
        return both!("{total} handshakes, {tokens} tokens", "{total} handshakes, {tokens} tokens");
    }
    both!(
        "{total} handshakes, {tokens} tokens; failing since {first}, until {last}",
        "{total} handshakes, {tokens} tokens; fallando desde {first}, hasta {last}"
    )
}

/// A moment as people read it, in UTC.
fn clock(at: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "saturates; out of range is told as nothing")]
    let second = jiff::Timestamp::from_second(at as i64);
    second.map(|at| at.to_string()).unwrap_or_default()
}
