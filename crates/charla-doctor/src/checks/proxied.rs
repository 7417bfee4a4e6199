//! What the checks of nginx have in common: which answer came through it, which from the application itself, and what is in
//! force for the path.

use crate::evidence::{Answer, Directive, Evidence, HopKind, NginxLocation, NginxSeen, Seen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact};

/// What came back at the address that was given: through every proxy.
pub(super) fn front(evidence: &Evidence) -> Option<&Answer> {
    let mut hops = evidence.hops.iter().filter(|hop| hop.kind != HopKind::Server);
    hops.find_map(|hop| hop.browser())
        .filter(|answer| **answer != Answer::Untried)
}

/// What the application answers without any proxy.
pub(super) fn direct(evidence: &Evidence) -> Option<&Answer> {
    let mut hops = evidence.hops.iter().filter(|hop| hop.kind == HopKind::Server);
    hops.find_map(|hop| hop.browser())
        .filter(|answer| **answer != Answer::Untried)
}

/// The status of an answer that is no upgrade, and its body.
pub(super) fn http(answer: Option<&Answer>) -> Option<(u16, &str, &str)> {
    let Some(Answer::Http {
        status,
        body,
        content_type,
        ..
    }) = answer
    else {
        return None;
    };
    Some((*status, body, content_type.as_deref().unwrap_or_default()))
}

/// The handshake went through.
pub(super) fn opened(evidence: &Evidence) -> bool {
    front(evidence).and_then(Answer::status) == Some(101)
}

/// The application itself upgrades.
pub(super) fn upgrades(evidence: &Evidence) -> bool {
    direct(evidence).and_then(Answer::status) == Some(101)
}

/// nginx, and what it does with the path.
pub(super) fn location(evidence: &Evidence) -> Option<(&NginxSeen, &NginxLocation)> {
    let nginx = evidence.nginx.as_ref()?;
    Some((nginx, nginx.location.as_ref()?))
}

/// Proved, where nothing about the configuration had to be assumed and it is the one that was loaded.
pub(super) fn certainty(nginx: &NginxSeen, location: &NginxLocation) -> Certainty {
    let whole = location.assumed.is_empty() && nginx.changed_since_load.is_none() && nginx.errors.is_empty();
    if whole {
        Certainty::Certain
    } else {
        Certainty::Likely
    }
}

/// Only text was given.
pub(super) fn pasted(evidence: &Evidence) -> bool {
    !evidence.logs.live && evidence.hops.is_empty()
}

/// A sign that counts now: fresh lines in a live run, any line in pasted logs.
pub(super) fn now(evidence: &Evidence, sign: Sign) -> Option<&Seen> {
    evidence.logs.fresh(&[sign]).map(|(_, seen)| seen)
}

/// How often pasted logs tell of a status.
pub(super) fn status_in_logs(evidence: &Evidence, status: u16) -> u64 {
    let counts = &evidence.logs.attempts.by_status;
    if pasted(evidence) {
        counts.get(&status).copied().unwrap_or(0)
    } else {
        0
    }
}

/// A directive as it stands.
pub(super) fn set(directive: &Directive) -> Fact {
    let words = std::iter::once(directive.name.as_str()).chain(directive.args.iter().map(String::as_str));
    Fact {
        what: both!("in force for the path", "vigente para la ruta"),
        quote: Some(format!("{};", words.collect::<Vec<_>>().join(" "))),
        at: Some(directive.at.clone()).filter(|at| !at.is_empty()),
    }
}

/// The location that serves the path.
pub(super) fn serves(location: &NginxLocation) -> Fact {
    Fact {
        what: both!("this location serves the path", "esta location sirve la ruta"),
        quote: Some(location.pattern.clone()),
        at: Some(location.at.clone()),
    }
}

/// What an answer was, and where.
pub(super) fn answered(evidence: &Evidence, through: bool) -> Option<Fact> {
    let mut hops = evidence
        .hops
        .iter()
        .filter(|hop| (hop.kind != HopKind::Server) == through);
    let hop = hops.find(|hop| hop.browser().is_some_and(|answer| *answer != Answer::Untried))?;
    let words = match hop.browser()? {
        Answer::Http { status, reason, .. } => format!("HTTP {status} {reason}"),
        Answer::Upgraded { .. } => "HTTP 101".to_owned(),
        Answer::NotHttp(bytes) => format!("not HTTP: {bytes}"),
        Answer::Unreachable(words) | Answer::Tls(words) => words.clone(),
        Answer::Refused => "ECONNREFUSED".to_owned(),
        Answer::Silent => "connected, no answer in time".to_owned(),
        Answer::NoConnection => "no connection in time".to_owned(),
        Answer::HungUp { .. } => "hung up without a byte".to_owned(),
        Answer::Untried => return None,
    };
    let what = if through {
        both!(
            "the handshake through the proxy",
            "la conexión a través del proxy"
        )
    } else {
        both!(
            "the same handshake at the application itself",
            "la misma conexión ante la propia aplicación"
        )
    };
    Some(Fact {
        what,
        quote: Some(words),
        at: Some(hop.at.clone()),
    })
}

/// Both answers, as far as they were tried.
pub(super) fn answers(evidence: &Evidence) -> Vec<Fact> {
    [true, false]
        .into_iter()
        .filter_map(|through| answered(evidence, through))
        .collect()
}

/// The lines of a sign.
pub(super) fn lines(seen: &Seen) -> Vec<Fact> {
    let quotes = seen.quotes.iter();
    quotes
        .map(|quote| Fact::quoted(both!("a line of the log", "una línea del registro"), quote))
        .collect()
}

/// nginx itself wrote this page.
pub(super) fn is_nginx_page(body: &str) -> bool {
    body.contains("<center>nginx") || body.contains("<center>openresty")
}

/// What `Skip` says where neither nginx nor its logs were seen.
pub(super) fn unseen() -> Text {
    both!(
        "no nginx configuration or log was seen (`--nginx-conf`, `--nginx-log`)",
        "no se vio ni configuración ni registro de nginx (`--nginx-conf`, `--nginx-log`)"
    )
}

/// What `Pass` says where the handshake went through.
pub(super) fn went_through() -> Text {
    both!("the handshake went through", "la conexión se estableció")
}
