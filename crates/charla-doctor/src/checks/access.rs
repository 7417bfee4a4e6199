//! What checks of tokens, users and chats share: how the application answered, what a Charla server named, what a log
//! said, and what proves that a token was let through.

use charla_wire::Cause;

use crate::evidence::{
    After, Answer, Evidence, Hop, Membership, Preflight, Shape, SourceKind, TokenForm, TokenSeen,
};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

/// What a refusal leads to in everybody else's eyes.
pub(super) const LEADS_TO: [Cause; 1] = [Cause::RejectBeforeAccept];
/// The same where the application raised an exception instead of closing.
const RAISED: [Cause; 2] = [Cause::RejectBeforeAccept, Cause::AppException];

/// A refusal by the application itself, at the innermost place that was tried.
pub(super) struct Refusal {
    /// The HTTP status, for one before the accept.
    pub(super) status: Option<u16>,
    /// The close code, for one after it.
    pub(super) close: Option<u16>,
    /// The same in words.
    pub(super) fact: Fact,
}

impl Refusal {
    /// The application means that it does not know who this is.
    pub(super) fn unknown_person(&self) -> bool {
        self.status == Some(401) || matches!(self.close, Some(4401 | 3000))
    }

    /// The application knows who this is, and means the chat or the tenant.
    pub(super) fn known_person(&self) -> bool {
        matches!(self.close, Some(4403 | 4404 | 4410 | 3003))
    }
}

/// The innermost place whose answer to the browser's handshake is known.
fn innermost(evidence: &Evidence) -> Option<(&Hop, &Answer)> {
    let hops = evidence.hops.iter().rev();
    let mut answers = hops.filter_map(|hop| Some((hop, hop.browser()?)));
    answers.find(|(_, answer)| **answer != Answer::Untried)
}

/// How the application refused the browser's handshake, if it did.
pub(super) fn refusal(evidence: &Evidence) -> Option<Refusal> {
    let (hop, answer) = innermost(evidence)?;
    let at = hop.at.clone();
    let said = |quote: String| Fact {
        what: both!(
            "the application's answer to the browser's own handshake",
            "la respuesta de la aplicación al mismo handshake del navegador",
        ),
        quote: Some(quote),
        at: Some(at.clone()),
    };
    match answer {
        // What nginx refuses by itself says nothing of the application.
        Answer::Http {
            status: 401 | 403,
            body,
            ..
        } if body.contains("<center>nginx") => None,
        Answer::Http {
            status: status @ (401 | 403),
            reason,
            ..
        } => Some(Refusal {
            status: Some(*status),
            close: None,
            fact: said(format!("HTTP {status} {reason}").trim_end().to_owned()),
        }),
        Answer::Upgraded {
            after: After::Closed { code, reason, ms },
            ..
        } => {
            let refuses = matches!(code, 1008 | 3000 | 3003 | 4400..=4499);
            refuses.then(|| Refusal {
                status: None,
                close: Some(*code),
                fact: said(format!("101, and after {ms} ms close {code} {reason:?}")),
            })
        }
        Answer::Http { .. }
        | Answer::Upgraded { .. }
        | Answer::Refused
        | Answer::Unreachable(_)
        | Answer::Silent
        | Answer::NoConnection
        | Answer::HungUp { .. }
        | Answer::NotHttp(_)
        | Answer::Tls(_)
        | Answer::Untried => None,
    }
}

/// The status 500 that the application answered the browser's handshake with.
pub(super) fn raised(evidence: &Evidence) -> Option<Fact> {
    let (hop, answer) = innermost(evidence)?;
    (answer.status() == Some(500)).then(|| Fact {
        what: both!(
            "the application raised an exception",
            "la aplicación lanzó una excepción"
        ),
        quote: Some("HTTP 500".into()),
        at: Some(hop.at.clone()),
    })
}

/// The browser's own handshake is open at the application: whoever asks may enter.
pub(super) fn let_in(evidence: &Evidence) -> Option<Text> {
    let opens = |hop: &Hop| {
        let with_token = [
            Shape::Browser,
            Shape::NoOrigin,
            Shape::OwnOrigin,
            Shape::OtherSlash,
            Shape::NoProtocol,
        ];
        with_token
            .iter()
            .any(|shape| hop.shaped(*shape).is_some_and(Answer::is_open))
    };
    let hop = evidence.hops.iter().rev().find(|hop| opens(hop))?;
    let at = &hop.at;
    Some(both!(
        "{at} opens the connection with this token",
        "{at} abre la conexión con este token",
    ))
}

/// What proves that the token itself was accepted, whatever came after it.
pub(super) fn token_accepted(evidence: &Evidence) -> Option<Text> {
    if let Some(text) = let_in(evidence) {
        return Some(text);
    }
    if let Some(named) = &evidence.charla
        && let Some(preflight) = &named.preflight
        && let Some(cause) = preflight.cause.as_deref().and_then(Cause::from_id)
        && after_token(cause)
    {
        let id = cause.id();
        return Some(both!(
            "the server refuses for another cause: {id}",
            "el servidor rechaza por otra causa: {id}"
        ));
    }
    let refused = refusal(evidence);
    if refused.is_some_and(|refused| refused.known_person()) {
        return Some(both!(
            "the application knows who this is: it refuses the chat",
            "la aplicación sabe quién es: rechaza el chat",
        ));
    }
    let logs = &evidence.logs;
    if logs.live && (mentions(evidence, Sign::NotAMember) || mentions(evidence, Sign::ChatMissing)) {
        return Some(both!(
            "the application's log already speaks of the chat",
            "el registro de la aplicación ya habla del chat",
        ));
    }
    // A token that cannot be right gets another answer: it is looked at, and ours went past that.
    let (hop, browser) = innermost(evidence)?;
    let bad = hop.shaped(Shape::BadToken)?;
    let refused = |answer: &Answer| matches!(answer.status(), Some(401 | 403));
    (refused(bad) && matches!(browser.status(), Some(404 | 500 | 503 | 504))).then(|| {
        both!(
            "a token that cannot be right is refused in another way",
            "un token que no puede valer se rechaza de otra manera",
        )
    })
}

/// Causes of a Charla server that are decided after the token.
fn after_token(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::TenantMissing
            | Cause::TenantNotFound
            | Cause::TenantForbidden
            | Cause::ChatNotFound
            | Cause::ChatClosed
            | Cause::NotAMember
            | Cause::UserBlocked
            | Cause::StoreUnavailable
            | Cause::BrokerUnavailable
    )
}

/// Whether a fresh line of a sign is about the chat that was asked for.
pub(super) fn mentions(evidence: &Evidence, sign: Sign) -> bool {
    let Some((_, seen)) = evidence.logs.fresh(&[sign]) else {
        return false;
    };
    let Some(chat) = evidence.target.as_ref().and_then(|target| target.chat.as_deref()) else {
        return true;
    };
    seen.quotes.iter().any(|quote| has_word(&quote.line, chat))
}

/// Whether a text has a word, by itself.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .any(|other| other == word)
}

/// What the application's log says.
pub(super) struct Logged {
    /// How sure that makes the cause.
    pub(super) certainty: Certainty,
    /// The lines.
    pub(super) facts: Vec<Fact>,
    /// How often.
    pub(super) count: u64,
}

/// The first of some signs that was seen; in pasted logs it is certain when it makes up for half of what failed or more.
pub(super) fn logged(evidence: &Evidence, signs: &[Sign]) -> Option<Logged> {
    let logs = &evidence.logs;
    let (_, seen) = logs.fresh(signs)?;
    let attempts = &logs.attempts;
    let opened = attempts.by_status.get(&101).copied().unwrap_or_default();
    let failed = attempts.total.saturating_sub(opened);
    let count = if logs.live { seen.fresh } else { seen.count };
    let certainty = if logs.live || count.saturating_mul(2) >= failed {
        Certainty::Certain
    } else {
        Certainty::Likely
    };
    let newest = seen.quotes.last();
    let facts = newest
        .map(|quote| Fact::quoted(times(count), quote))
        .into_iter()
        .collect::<Vec<_>>();
    (!facts.is_empty()).then_some(Logged {
        certainty,
        facts,
        count,
    })
}

fn times(count: u64) -> Text {
    if count == 1 {
        both!("the application's log", "el registro de la aplicación")
    } else {
        both!(
            "the application's log, {count} lines like it",
            "el registro de la aplicación, {count} líneas así"
        )
    }
}

/// A pasted log of the application, with handshakes in it, that does not say this.
pub(super) fn unsaid(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let told = [
        SourceKind::Uvicorn,
        SourceKind::Daphne,
        SourceKind::Django,
        SourceKind::Charla,
    ];
    if logs.live || !told.iter().any(|kind| logs.has(*kind)) {
        return Outcome::Skip(both!(
            "needs the handshake, or the application's log",
            "hace falta el handshake, o el registro de la aplicación",
        ));
    }
    Outcome::Pass(both!(
        "the application's log says nothing of it",
        "el registro de la aplicación no dice nada de eso"
    ))
}

/// What a Charla server named by itself: the preflight, the answer to the handshake, its close frame, its log.
pub(super) fn named(evidence: &Evidence, cause: Cause) -> Option<Finding> {
    let id = cause.id();
    let mut facts = Vec::new();
    let mut detail = String::new();
    let preflight = evidence
        .charla
        .as_ref()
        .and_then(|charla| charla.preflight.as_ref());
    if let Some(preflight) = preflight
        && let Some(told) = preflight.cause.as_deref()
        && (told == id || repeats(preflight, id))
    {
        detail.clone_from(&preflight.detail);
        facts.push(Fact {
            what: both!(
                "the server's own answer to a preflight",
                "la respuesta del propio servidor a una consulta previa"
            ),
            quote: Some(
                format!("HTTP {}: {told}: {detail}", preflight.status)
                    .trim_end_matches(": ")
                    .to_owned(),
            ),
            at: evidence.target.as_ref().map(|target| target.url.clone()),
        });
    }
    let answered = in_answer(evidence, id);
    if facts.is_empty() {
        detail = answered
            .as_ref()
            .map(|(_, detail)| detail.clone())
            .unwrap_or_default();
    }
    // Other applications use the same words: only of a Charla server they are proof.
    let mut certainty = if evidence.charla.is_some() {
        Certainty::Certain
    } else {
        Certainty::Likely
    };
    facts.extend(answered.map(|(fact, _)| fact));
    if let Some((line, share)) = in_logs(evidence, id) {
        if facts.is_empty() {
            certainty = share;
        }
        facts.push(line);
    }
    if facts.is_empty() {
        return None;
    }
    let (en, es) = (
        cause.words(charla_wire::Lang::En).title,
        cause.words(charla_wire::Lang::Es).title,
    );
    let colon = if detail.is_empty() { "" } else { ": " };
    let sentence = both!(
        "The server says it itself: {en}{colon}{detail}.",
        "Lo dice el propio servidor: {es}{colon}{detail}."
    );
    Some(Finding::new(certainty, sentence, facts).explains(&LEADS_TO))
}

/// Whether a loop is what the server names, and this the cause that repeats in it.
fn repeats(preflight: &Preflight, id: &str) -> bool {
    preflight.cause.as_deref() == Some(Cause::LoopDetected.id())
        && preflight.detail.contains(&format!("; {id} "))
}

/// The cause in the answer to the browser's handshake, and its detail.
fn in_answer(evidence: &Evidence, id: &str) -> Option<(Fact, String)> {
    evidence.hops.iter().rev().find_map(|hop| {
        let (quote, detail) = match hop.browser()? {
            Answer::Http { status, cause, .. } => {
                (cause.as_deref() == Some(id)).then(|| (format!("HTTP {status}: {id}"), String::new()))?
            }
            Answer::Upgraded {
                after: After::Closed { code, reason, .. },
                ..
            } => {
                let rest = reason.strip_prefix(id)?;
                let detail = if rest.is_empty() {
                    Some("")
                } else {
                    rest.strip_prefix(':')
                };
                (format!("close {code} {reason:?}"), detail?.trim().to_owned())
            }
            Answer::Upgraded { .. }
            | Answer::Refused
            | Answer::Unreachable(_)
            | Answer::Silent
            | Answer::NoConnection
            | Answer::HungUp { .. }
            | Answer::NotHttp(_)
            | Answer::Tls(_)
            | Answer::Untried => return None,
        };
        let fact = Fact {
            what: both!(
                "how the browser's own handshake ended",
                "cómo acabó el mismo handshake del navegador"
            ),
            quote: Some(quote),
            at: Some(hop.at.clone()),
        };
        Some((fact, detail))
    })
}

/// The cause in a log; certain when a Charla server or its client wrote it, and named nothing else more often.
fn in_logs(evidence: &Evidence, id: &str) -> Option<(Fact, Certainty)> {
    let logs = &evidence.logs;
    let count = |seen: &crate::evidence::Seen| if logs.live { seen.fresh } else { seen.count };
    let seen = logs.causes.get(id).filter(|seen| count(seen) > 0)?;
    let most = logs.causes.values().map(count).max().unwrap_or_default();
    let own = logs.has(SourceKind::Charla) || logs.has(SourceKind::CharlaReport);
    let certainty = if own && count(seen) == most {
        Certainty::Certain
    } else {
        Certainty::Likely
    };
    let times = count(seen);
    let what = both!(
        "named {times} times in the log",
        "nombrada {times} veces en el registro"
    );
    Some((Fact::quoted(what, seen.quotes.last()?), certainty))
}

/// What rules out a cause that only a Charla server names.
pub(super) fn not_named(evidence: &Evidence) -> Outcome {
    let preflight = evidence
        .charla
        .as_ref()
        .and_then(|charla| charla.preflight.as_ref());
    if let Some(preflight) = preflight {
        return Outcome::Pass(match &preflight.cause {
            Some(other) => both!(
                "the server names another cause: {other}",
                "el servidor nombra otra causa: {other}"
            ),
            None => both!(
                "the server's preflight says ok",
                "la consulta previa al servidor dice que todo va bien"
            ),
        });
    }
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let logs = &evidence.logs;
    if !logs.live && (logs.has(SourceKind::Charla) || logs.has(SourceKind::CharlaReport)) {
        return Outcome::Pass(both!(
            "the server's log does not name it",
            "el registro del servidor no la nombra"
        ));
    }
    Outcome::Skip(both!(
        "only a Charla server names it",
        "solo la nombra un servidor Charla"
    ))
}

/// The token, when it is a JWT.
pub(super) fn jwt(evidence: &Evidence) -> Option<&TokenSeen> {
    evidence
        .token
        .as_ref()
        .filter(|token| token.form == TokenForm::Jwt)
}

/// The clock that judges the token: the server's where it is known.
pub(super) fn now(token: &TokenSeen) -> f64 {
    token.server_time.unwrap_or(token.local_time)
}

/// With what the refusal leads to.
pub(super) fn explained(evidence: &Evidence, finding: Finding) -> Finding {
    let pasted = !evidence.logs.live && evidence.hops.is_empty();
    let raises = raised(evidence).is_some() || pasted && evidence.logs.sign(Sign::AppException).is_some();
    finding.explains(if raises { &RAISED } else { &LEADS_TO })
}

/// The application's log says it.
pub(super) fn said_by_log(evidence: &Evidence, said: Logged, sentence: Text) -> Outcome {
    Outcome::Fail(explained(
        evidence,
        Finding::new(said.certainty, sentence, said.facts),
    ))
}

/// Whether the database was asked, and who may enter by it.
pub(super) fn membership(evidence: &Evidence) -> Membership {
    evidence
        .database
        .as_ref()
        .map(|database| database.membership)
        .unwrap_or_default()
}

/// A span of time as people say it.
pub(super) fn span(seconds: f64) -> Text {
    let (number, en, es) = match seconds.abs() {
        seconds if seconds < 120.0 => (seconds, "s", "s"),
        seconds if seconds < 2.0 * 3_600.0 => (seconds / 60.0, "min", "min"),
        seconds if seconds < 2.0 * 86_400.0 => (seconds / 3_600.0, "h", "h"),
        seconds => (seconds / 86_400.0, "days", "días"),
    };
    both!("{number:.0} {en}", "{number:.0} {es}")
}
