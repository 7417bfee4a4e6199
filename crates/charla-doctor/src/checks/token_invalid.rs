//! The token is a JWT, but its signature, algorithm or type is not one that the application takes.

use charla_wire::Cause;

use crate::checks::access::{Refusal, explained, jwt, logged, named, now, raised, refusal, token_accepted, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, KeyCheck, TokenSeen};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenInvalid, step: Step::Access, judge };

/// Lines that say what is wrong, then SimpleJWT's one text for nearly everything.
const SAID: [Sign; 3] = [Sign::TokenWrongType, Sign::TokenAlgorithm, Sign::TokenInvalid];
/// Lines that say something more exact.
const ELSE: [Sign; 6] = [
    Sign::TokenExpired,
    Sign::TokenNotYetValid,
    Sign::TokenBlacklisted,
    Sign::TokenMissing,
    Sign::UserUnknown,
    Sign::UserInactive,
];

fn judge(evidence: &Evidence) -> Outcome {
    let Some(token) = jwt(evidence) else {
        return without_token(evidence);
    };
    let finding = named(evidence, Cause::TokenInvalid);
    let expired = token.expires_at.is_some_and(|expires_at| expires_at <= now(token));
    // An application may call an expired token invalid in its close frame.
    if let Some(mut finding) = finding
        && !(expired && finding.certainty < Certainty::Certain)
    {
        finding.facts.extend(wrong(evidence, token).map(|(_, fact)| fact));
        return Outcome::Fail(finding);
    }
    if let Some(text) = token_accepted(evidence) {
        return Outcome::Pass(text);
    }
    let refused = refusal(evidence);
    let answer = refused.as_ref().map(|refusal| refusal.fact.clone()).or_else(|| raised(evidence));
    let Some(answer) = answer else {
        return Outcome::Skip(both!("nothing refused the handshake for its token", "nada rechazó el handshake por su token"));
    };
    let said = logged(evidence, &SAID);
    if let Some((sentence, fact)) = wrong(evidence, token) {
        let mut facts = vec![fact, answer];
        facts.extend(said.into_iter().flat_map(|said| said.facts));
        // A 500 may come from elsewhere.
        let finding = if refused.is_some() { Finding::certain(sentence, facts) } else { Finding::likely(sentence, facts) };
        return Outcome::Fail(explained(evidence, finding));
    }
    unproved(evidence, token, refused, (answer, expired))
}

/// Refused, and nothing in the token shows why.
fn unproved(evidence: &Evidence, token: &TokenSeen, refused: Option<Refusal>, (answer, expired): (Fact, bool)) -> Outcome {
    if expired {
        return Outcome::Pass(both!("that it expired is enough", "basta con que haya caducado"));
    }
    if token.key == KeyCheck::Right {
        let from = token.key_from.clone().unwrap_or_default();
        return Outcome::Pass(both!("the signature is right for the key of {from}", "la firma es correcta para la clave de {from}"));
    }
    // A doctor's own token that cannot be right may have left the line.
    let said = logged(evidence, &SAID).filter(|_| refused.is_some() && logged(evidence, &ELSE).is_none());
    if let Some(said) = said {
        let mut facts = vec![answer];
        facts.extend(said.facts);
        return Outcome::Fail(explained(evidence, Finding::likely(
            both!(
                "The application does not take the token: its signature, algorithm or type is wrong.",
                "La aplicación no acepta el token: su firma, algoritmo o tipo es incorrecto.",
            ),
            facts,
        ).fix("charla doctor URL --key \"$SECRET_KEY\"   # tells whether the signature is right")));
    }
    if refused.is_some_and(|refused| refused.unknown_person()) {
        return Outcome::Fail(explained(evidence, Finding::possible(
            both!(
                "The application does not accept this token, which is in time; with --key its signature could be checked.",
                "La aplicación no acepta este token, que está en plazo; con --key se podría comprobar su firma.",
            ),
            vec![answer],
        )));
    }
    Outcome::Skip(both!("the key is not known: give --key to check the signature", "no se conoce la clave: da --key para comprobar la firma"))
}

/// What is wrong with the token by itself.
fn wrong(evidence: &Evidence, token: &TokenSeen) -> Option<(Text, Fact)> {
    let algorithm = token.algorithm.as_deref().unwrap_or("none");
    let from = token.key_from.clone().unwrap_or_else(|| token.given_in.clone());
    if token.token_type.as_deref() == Some("refresh") {
        return Some((
            both!("A refresh token was sent where the access token belongs.", "Se envió un token de refresco donde va el de acceso."),
            Fact { what: both!("the token's own word", "lo dice el propio token"), quote: Some("token_type: refresh".into()), at: Some(token.given_in.clone()) },
        ));
    }
    let alg = |at: String| Fact { what: both!("the token's header", "la cabecera del token"), quote: Some(format!("alg: {algorithm}")), at: Some(at) };
    if algorithm.eq_ignore_ascii_case("none") {
        return Some((both!("The token is not signed at all (alg none).", "El token no está firmado (alg none)."), alg(token.given_in.clone())));
    }
    match token.key {
        KeyCheck::NoKey | KeyCheck::Right => {}
        KeyCheck::Wrong => {
            return Some((
                both!(
                    "The token was signed with another key than that of {from}.",
                    "El token se firmó con otra clave que la de {from}.",
                ),
                Fact::at(both!("the {algorithm} signature does not fit this key", "la firma {algorithm} no corresponde a esta clave"), from),
            ));
        }
        KeyCheck::WrongAlgorithm => {
            return Some((
                both!("The token is signed with {algorithm}, which the key of {from} is not for.", "El token va firmado con {algorithm}, para lo que no es la clave de {from}."),
                alg(from),
            ));
        }
    }
    let wanted = evidence.django.as_ref().and_then(|django| django.algorithm.as_deref())?;
    (wanted != algorithm).then(|| {
        (
            both!("The token is signed with {algorithm}; the settings accept {wanted}.", "El token va firmado con {algorithm}; los ajustes aceptan {wanted}."),
            alg(token.given_in.clone()),
        )
    })
}

/// Pasted logs, or a token that is none.
fn without_token(evidence: &Evidence) -> Outcome {
    if evidence.token.is_some() {
        return Outcome::Pass(both!("there is no JWT that could be wrong", "no hay ningún JWT que pueda ser incorrecto"));
    }
    let known = named(evidence, Cause::TokenInvalid).filter(|finding| finding.certainty == Certainty::Certain);
    if let Some(finding) = known {
        return Outcome::Fail(finding);
    }
    if let Some(said) = logged(evidence, &SAID) {
        let refresh = evidence.logs.fresh(&[Sign::TokenWrongType]).is_some();
        let sentence = if refresh {
            both!("A refresh token was sent where the access token belongs.", "Se envió un token de refresco donde va el de acceso.")
        } else {
            both!(
                "The application does not take the token: signed with another key or algorithm, damaged, or not valid yet; it has one text for all of these.",
                "La aplicación no acepta el token: firmado con otra clave o algoritmo, dañado o aún no válido; tiene un solo texto para todo eso.",
            )
        };
        return Outcome::Fail(explained(evidence, Finding::new(said.certainty, sentence, said.facts)));
    }
    if let Some(said) = logged(evidence, &[Sign::Closed4401]).filter(|_| logged(evidence, &ELSE).is_none()) {
        let sentence = both!(
            "The application closes with 4401, not authenticated, and does not say why.",
            "La aplicación cierra con 4401, no autenticado, y no dice por qué.",
        );
        return Outcome::Fail(explained(evidence, Finding::new(Certainty::Possible, sentence, said.facts)));
    }
    claimed(evidence).map_or_else(|| unsaid(evidence), |finding| Outcome::Fail(explained(evidence, finding)))
}

/// What tokens in the lines of refused handshakes are.
fn claimed(evidence: &Evidence) -> Option<Finding> {
    let claims = &evidence.logs.claims;
    let (quote, sentence, what) = if let Some(quote) = claims.unsigned.quotes.last() {
        let sentence = both!("The token that was refused is not signed.", "El token rechazado no va firmado.");
        (quote, sentence, both!("alg of the token in the line is none", "el alg del token de la línea es none"))
    } else {
        let sentence = both!("A refresh token was sent where the access token belongs.", "Se envió un token de refresco donde va el de acceso.");
        (claims.refresh.quotes.last()?, sentence, both!("token_type of the token in the line is refresh", "el token_type del token de la línea es refresh"))
    };
    Some(Finding::likely(sentence, vec![Fact::quoted(what, quote)]))
}
