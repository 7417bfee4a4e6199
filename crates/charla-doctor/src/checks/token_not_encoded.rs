//! Characters in the address that break the token: `+` is read as a space, `#` ends the address.

use charla_wire::Cause;

use crate::checks::access::{explained, refusal, token_accepted};
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, TokenForm};
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::TokenNotEncoded, step: Step::Access, judge };

/// Those that change what arrives; `/` and `=` may stand in a query (RFC 3986, 3.4).
const HARMFUL: [char; 4] = ['+', '#', ' ', '"'];

fn judge(evidence: &Evidence) -> Outcome {
    let Some(token) = &evidence.token else {
        return Outcome::Skip(both!("needs the address with its token", "hace falta la dirección con su token"));
    };
    let found: String = token.unencoded.chars().filter(|c| HARMFUL.contains(c)).collect();
    if found.is_empty() || token.form == TokenForm::Jwt {
        return Outcome::Pass(both!(
            "nothing in the token needs to be encoded in an address",
            "nada en el token necesita codificarse en una dirección",
        ));
    }
    if let Some(text) = token_accepted(evidence) {
        return Outcome::Pass(text);
    }
    let Some(refusal) = refusal(evidence) else {
        return Outcome::Skip(both!("nothing refused the handshake for its token", "nada rechazó el handshake por su token"));
    };
    let place = &token.given_in;
    let finding = Finding::likely(
        both!(
            "The token in {place} has characters that do not arrive as they are ({found}): it must be percent-encoded.",
            "El token en {place} tiene caracteres que no llegan tal cual ({found}): hay que codificarlo con porcentaje.",
        ),
        vec![
            Fact { what: both!("stands unencoded in the address", "está sin codificar en la dirección"), quote: Some(found.clone()), at: Some(place.clone()) },
            refusal.fact,
        ],
    );
    let finding = finding.fix("new WebSocket(`${url}?token=${encodeURIComponent(token)}`)");
    Outcome::Fail(explained(evidence, finding).explains(&[Cause::TokenMalformed, Cause::TokenInvalid]))
}
