//! What the checks of the path have in common: how an answer is quoted, and what it names.

use charla_wire::Cause;
use charla_wire::cause::parse_close_reason;

use crate::evidence::{After, Answer, Evidence, Hop, Seen, Shape};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::Fact;

/// What was looked at when nothing was.
pub(super) fn no_handshake() -> Text {
    both!(
        "no handshake was tried, and no log tells of one",
        "no se probó ninguna conexión, y ningún registro habla de ella"
    )
}

/// No TLS is spoken to this address; none when that is not known.
pub(super) fn plain(evidence: &Evidence) -> Option<Text> {
    let target = evidence.target.as_ref().filter(|target| !target.secure)?;
    evidence.answer()?;
    let url = &target.url;
    Some(both!("{url} does not use TLS", "{url} no usa TLS"))
}

/// How a hop answered a shape of handshake, as a fact.
pub(super) fn fact(hop: &Hop, shape: Shape) -> Option<Fact> {
    let answer = hop.shaped(shape)?;
    Some(Fact {
        what: shaped(shape),
        quote: Some(quoted(answer)),
        at: Some(hop.at.clone()),
    })
}

/// The browser's handshake at every hop.
pub(super) fn browsers(evidence: &Evidence) -> Vec<Fact> {
    evidence
        .hops
        .iter()
        .filter_map(|hop| fact(hop, Shape::Browser))
        .collect()
}

/// Lines of a log as facts.
pub(super) fn lines(seen: &Seen) -> Vec<Fact> {
    let quotes = seen.quotes.iter();
    quotes
        .map(|quote| Fact::quoted(both!("a line of the log", "una línea del registro"), quote))
        .collect()
}

/// The lines of a sign that hold one of some words; empty when there is none.
pub(super) fn lines_with(evidence: &Evidence, sign: Sign, words: &[&str]) -> Vec<Fact> {
    let Some((_, seen)) = evidence.logs.fresh(&[sign]) else {
        return Vec::new();
    };
    let mut lines = lines(seen);
    lines.retain(|fact| {
        fact.quote
            .as_ref()
            .is_some_and(|line| words.iter().any(|word| line.contains(word)))
    });
    lines
}

/// How often pasted logs tell of a status. Live logs are history: the doctor's own handshake is what counts there.
pub(super) fn pasted(evidence: &Evidence, statuses: &[u16]) -> u64 {
    if evidence.logs.live {
        return 0;
    }
    let counts = statuses
        .iter()
        .filter_map(|status| evidence.logs.attempts.by_status.get(status));
    counts.sum()
}

/// An answer of HTTP came, by a handshake or in pasted logs: names, ports and TLS were no hindrance.
pub(super) fn was_answered(evidence: &Evidence) -> bool {
    let http = |answer: &Answer| answer.status().is_some();
    let counts = &evidence.logs.attempts.by_status;
    evidence.answer().is_some_and(http)
        || (!evidence.logs.live
            && evidence.hops.is_empty()
            && counts.iter().any(|(status, count)| *status > 0 && *count > 0))
}

/// The cause that a Charla server names in its answer.
pub(super) fn named(answer: &Answer) -> Option<Cause> {
    match answer {
        Answer::Http {
            cause: Some(cause), ..
        } => Cause::from_id(cause),
        Answer::Upgraded {
            after: After::Closed { reason, .. },
            ..
        } => Some(parse_close_reason(reason)?.0),
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

fn shaped(shape: Shape) -> Text {
    match shape {
        Shape::Browser => both!(
            "the browser's handshake",
            "la conexión tal como la abre el navegador"
        ),
        Shape::NoOrigin => both!("the same without Origin", "la misma sin Origin"),
        Shape::OwnOrigin => both!(
            "the same with the server's own Origin",
            "la misma con el Origin del propio servidor"
        ),
        Shape::NoToken => both!("the same without a token", "la misma sin token"),
        Shape::BadToken => both!(
            "the same with a token that cannot be right",
            "la misma con un token que no puede ser bueno"
        ),
        Shape::OtherSlash => {
            both!(
                "the same with the other form of the last slash",
                "la misma con la barra final puesta o quitada"
            )
        }
        Shape::NoProtocol => both!("the same without a sub-protocol", "la misma sin subprotocolo"),
        Shape::Plain => both!("a plain GET", "un GET corriente"),
    }
}

/// An answer in the words of the protocol.
fn quoted(answer: &Answer) -> String {
    match answer {
        Answer::Upgraded { after, .. } => match after {
            After::Open { ms, .. } => format!("101, open for {ms} ms"),
            After::Closed { code, reason, ms } => format!("101, closed with {code} {reason:?} after {ms} ms"),
            After::Cut { ms, .. } => format!("101, cut without a close frame after {ms} ms (1006)"),
        },
        Answer::Http {
            status,
            reason,
            location: Some(place),
            ..
        } => format!("HTTP {status} {reason}, Location: {place}"),
        Answer::Http { status, reason, .. } => format!("HTTP {status} {reason}"),
        Answer::Refused => "ECONNREFUSED".to_owned(),
        Answer::Unreachable(words) => words.clone(),
        Answer::Silent => "connected, no answer in time".to_owned(),
        Answer::NoConnection => "no connection in time".to_owned(),
        Answer::HungUp { reset: false } => "closed without a byte".to_owned(),
        Answer::HungUp { reset: true } => "reset without a byte".to_owned(),
        Answer::NotHttp(bytes) => format!("not HTTP: {bytes}"),
        Answer::Tls(words) => format!("TLS: {words}"),
        Answer::Untried => "not tried".to_owned(),
    }
}
