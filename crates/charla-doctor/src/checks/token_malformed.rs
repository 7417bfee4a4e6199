//! What was sent as a token is no JWT: cut, quoted, with a word before it, or something else.

use charla_wire::Cause;

use crate::checks::access::{explained, logged, named, refusal, said_by_log, token_accepted, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, Oddity, TokenForm};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenMalformed, step: Step::Access, judge };

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(finding) = named(evidence, Cause::TokenMalformed) {
        return Outcome::Fail(finding);
    }
    let said = logged(evidence, &[Sign::TokenMalformed]);
    let Some(token) = &evidence.token else {
        let sentence = both!("What came as a token is no JWT.", "Lo que llegó como token no es un JWT.");
        return said.map_or_else(
            || unsaid(evidence),
            |said| match said_by_log(evidence, said, sentence) {
                Outcome::Fail(finding) => Outcome::Fail(finding.explains(&[Cause::TokenInvalid])),
                other @ (Outcome::Pass(_) | Outcome::Warn(_) | Outcome::Skip(_) | Outcome::Crashed(_)) => other,
            },
        );
    };
    match token.form {
        TokenForm::Jwt => return Outcome::Pass(both!("the token is a JWT and can be read", "el token es un JWT y se puede leer")),
        TokenForm::Missing | TokenForm::Placeholder => {
            return Outcome::Pass(both!("no token was sent at all", "no se envió ningún token"));
        }
        TokenForm::NotJwt | TokenForm::Broken => {}
    }
    if let Some(text) = token_accepted(evidence) {
        return Outcome::Pass(text);
    }
    let Some(refusal) = refusal(evidence) else {
        return Outcome::Skip(both!("nothing refused the handshake for its token", "nada rechazó el handshake por su token"));
    };
    let (length, place) = (token.length, &token.given_in);
    let odd = odd(token.odd);
    let mut facts = vec![refusal.fact, Fact::at(both!("{length} characters: {odd}", "{length} caracteres: {odd}", odd), place.clone())];
    facts.extend(said.iter().flat_map(|said| said.facts.clone()));
    let sentence = both!(
        "What was sent as a token in {place} cannot be read as a JWT: {odd}.",
        "Lo que se envió como token en {place} no se puede leer como JWT: {odd}.",
        odd
    );
    // Something else altogether may be just what this application wants.
    let finding = if token.form == TokenForm::Broken {
        Finding::certain(sentence, facts)
    } else if said.is_some() {
        Finding::likely(sentence, facts)
    } else {
        Finding::possible(sentence, facts)
    };
    Outcome::Fail(explained(evidence, finding).explains(&[Cause::TokenInvalid]))
}

fn odd(odd: Option<Oddity>) -> Text {
    match odd {
        Some(Oddity::Quoted) => both!("quotation marks stand around it", "va entre comillas"),
        Some(Oddity::Prefixed) => both!("a word like Bearer stands before it", "lleva delante una palabra como Bearer"),
        Some(Oddity::Json) => both!("it is the JSON around a token", "es el JSON que rodea a un token"),
        Some(Oddity::Spaces) => both!("there are spaces or line breaks in it", "contiene espacios o saltos de línea"),
        Some(Oddity::Cut) => both!("its end is missing", "le falta el final"),
        Some(Oddity::Encrypted) => both!("it is encrypted (five parts)", "está cifrado (cinco partes)"),
        None => both!("it has no three parts of Base64", "no tiene las tres partes en Base64"),
    }
}
