//! The token's `exp` has passed, by the clock of the server.

use charla_wire::Cause;

use crate::checks::access::{explained, jwt, let_in, logged, named, now, raised, refusal, said_by_log, span, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, TokenSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenExpired, step: Step::Access, judge };

/// Servers allow for so much difference between clocks, in seconds; who takes a token after that does not look at its end.
const LEEWAY: f64 = 120.0;
/// From so much on a clock is called wrong, in seconds.
const SKEW: f64 = 30.0;

fn judge(evidence: &Evidence) -> Outcome {
    let token = jwt(evidence);
    if let Some(mut finding) = named(evidence, Cause::TokenExpired) {
        finding.facts.extend(token.and_then(times));
        return Outcome::Fail(explained(evidence, finding));
    }
    let said = logged(evidence, &[Sign::TokenExpired]);
    let Some(token) = token else {
        if evidence.token.is_some() {
            return Outcome::Pass(both!("there is no token that could expire", "no hay ningún token que pueda caducar"));
        }
        let pasted = claimed(evidence);
        let Some(mut said) = said else {
            return pasted.map_or_else(|| unsaid(evidence), |finding| Outcome::Fail(explained(evidence, finding)));
        };
        let count = said.count;
        said.facts.extend(pasted.into_iter().flat_map(|finding| finding.facts));
        return said_by_log(evidence, said, both!(
            "The token had expired: the log says so {count} times.",
            "El token había caducado: el registro lo dice {count} veces.",
        ));
    };
    let Some(expires_at) = token.expires_at else {
        return Outcome::Pass(both!("the token has no exp: it never expires", "el token no tiene exp: no caduca nunca"));
    };
    let ago = now(token) - expires_at;
    let past = span(ago);
    if ago < 0.0 {
        return Outcome::Pass(both!("it is valid for another {past}", "vale todavía {past}", past));
    }
    if let Some(text) = let_in(evidence) {
        if ago < LEEWAY {
            return Outcome::Pass(text);
        }
        let sentence = both!(
            "The application takes a token that expired {past} ago: it does not look at exp.",
            "La aplicación acepta un token que caducó hace {past}: no mira exp.",
            past
        );
        return Outcome::Warn(Finding::likely(sentence, times(token).into_iter().collect()));
    }
    let skew = skewed(token);
    let sentence = both!("The token expired {past} ago{skew}.", "El token caducó hace {past}{skew}.",
        past, skew);
    let mut facts: Vec<Fact> = times(token).into_iter().collect();
    let refused = refusal(evidence).filter(|refusal| !refusal.known_person()).map(|refusal| refusal.fact);
    let failed = raised(evidence);
    let log = said.map(|said| said.facts);
    let (answer, certain) = match (refused, failed) {
        (Some(fact), _) => (Some(fact), true),
        (None, Some(fact)) => (Some(fact), log.is_some()),
        (None, None) => (None, false),
    };
    facts.extend(log.into_iter().flatten());
    let Some(answer) = answer else {
        // Not what keeps it from opening now, but it will be.
        return Outcome::Warn(Finding::certain(sentence, facts));
    };
    facts.push(answer);
    let finding = if certain { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
    Outcome::Fail(explained(evidence, finding))
}

/// Tokens in the lines of refused handshakes, against the time of those lines.
fn claimed(evidence: &Evidence) -> Option<Finding> {
    let claims = &evidence.logs.claims;
    let (expires_at, refused_at) = (claims.expires_at?, claims.refused_at?);
    let (ago, count) = (span(refused_at - expires_at), claims.expired.count);
    let zone = if claims.sure { Text::default() } else {
        both!("; the log names no zone", "; el registro no dice su zona")
    };
    let fact = Fact::quoted(
        both!(
            "exp {expires_at:.0} of the token in the line, refused at {refused_at:.0}{zone}",
            "exp {expires_at:.0} del token de la línea, rechazado en {refused_at:.0}{zone}",
            zone
        ),
        claims.expired.quotes.last()?,
    );
    let sentence = both!(
        "The token had expired {ago} before it was refused ({count} such handshakes).",
        "El token había caducado {ago} antes de que se rechazara ({count} handshakes así).",
        ago
    );
    let certainty = if claims.sure { Certainty::Certain } else { Certainty::Likely };
    Some(Finding::new(certainty, sentence, vec![fact]))
}

/// The token's times beside the clock that judges them.
fn times(token: &TokenSeen) -> Option<Fact> {
    let expires_at = token.expires_at?;
    let clock = now(token);
    let lived = token.issued_at.map(|issued| span(expires_at - issued)).unwrap_or_default();
    let whose = if token.server_time.is_some() {
        both!("the server's Date header", "la cabecera Date del servidor")
    } else {
        both!("this machine's clock", "el reloj de esta máquina")
    };
    let life = if lived.is_empty() { Text::default() } else {
        both!("; it was made for {lived}", "; se hizo para {lived}", lived)
    };
    Some(Fact {
        what: both!("exp against {whose}{life}", "exp frente a {whose}{life}", whose, life),
        quote: Some(format!("exp {expires_at:.0}, now {clock:.0}")),
        at: Some(token.given_in.clone()),
    })
}

/// That by this machine's clock it would still be good.
fn skewed(token: &TokenSeen) -> Text {
    let (Some(server), Some(expires_at)) = (token.server_time, token.expires_at) else {
        return Text::default();
    };
    let ahead = server - token.local_time;
    if ahead < SKEW || token.local_time >= expires_at {
        return Text::default();
    }
    let ahead = span(ahead);
    both!(", by the server's clock alone, which is {ahead} ahead of this machine's",
        ", solo según el reloj del servidor, que va {ahead} por delante del de esta máquina", ahead)
}
