//! A token laid open: what it says, and what each check makes of it.
//!
//! For people who ask why a token is refused. The checks are those of the handshake, all of them, where
//! the handshake stops at the first that fails. The signature is a secret's work and is not shown.

use charla_wire::Timestamp;
use serde_json::Value;

use super::claims::{Claims, Rules, Signer, jti};
use super::identity::{Refusal, span};
use super::jws::{Compact, algorithm_name};
use super::verify::{BUILTIN_KID, Verifier};
use crate::settings::AuthSettings;

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; what was found.
    Passed(String),
    /// It does not; the handshake would refuse for this.
    Refused(Refusal),
    /// It could not be made, and why.
    Skipped(&'static str),
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it looks at: `form`, `algorithm`, `signature`, `token_type` ...
    pub name: &'static str,
    /// What it came to.
    pub outcome: Outcome,
}

/// A token laid open.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The header as it came, if it can be read.
    pub header: Option<Value>,
    /// The claims as they came, if they can be read. Not proved by anything.
    pub claims: Option<Value>,
    /// All checks, in the handshake's order.
    pub checks: Vec<Check>,
}

impl Inspection {
    /// The first refusal: what the handshake would say. `None`: it would be let in as far as the checks could be made.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.checks.iter().find_map(|check| match &check.outcome {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::Passed(_) | Outcome::Skipped(_) => None,
        })
    }

    fn note(&mut self, name: &'static str, found: Result<String, Refusal>) {
        let outcome = found.map_or_else(Outcome::Refused, Outcome::Passed);
        self.checks.push(Check { name, outcome });
    }
}

/// Lays a token open. Without a `verifier` the signature is left out.
pub async fn inspect(
    token: &str,
    settings: &AuthSettings,
    verifier: Option<&Verifier>,
    now: Timestamp,
) -> Inspection {
    let mut inspection = Inspection {
        header: None,
        claims: None,
        checks: Vec::new(),
    };
    let compact = match Compact::parse(token) {
        Ok(compact) => compact,
        Err(refusal) => {
            inspection.note("form", Err(refusal));
            return inspection;
        }
    };
    inspection.note("form", Ok(format!("{} bytes in 3 parts", token.len())));
    inspection.header = serde_json::from_slice(&compact.header_json()).ok();
    inspection.claims = serde_json::from_slice(&compact.payload).ok();
    let algorithm = compact
        .algorithm()
        .map(|algorithm| algorithm_name(algorithm).to_owned());
    inspection.note("algorithm", algorithm);
    let signer = check_signature(&mut inspection, &compact, verifier).await;
    let builtin = signer.unwrap_or_else(|| matches!(compact.kid(), Ok(Some(BUILTIN_KID))));
    let rules = if builtin {
        Rules::own(settings)
    } else {
        Rules::foreign(settings)
    };
    match rules.read(&compact.payload) {
        Ok(claims) => check_claims(&mut inspection, &rules, &claims, now),
        Err(refusal) => inspection.note("claims", Err(refusal)),
    }
    inspection
}

/// Notes whether the signature is good; says whether the server's own key made it, if it is.
async fn check_signature(
    inspection: &mut Inspection,
    token: &Compact<'_>,
    verifier: Option<&Verifier>,
) -> Option<bool> {
    let Some(verifier) = verifier else {
        inspection.checks.push(Check {
            name: "signature",
            outcome: Outcome::Skipped("no keys at hand"),
        });
        return None;
    };
    let key = verifier.key_of(token).await;
    let builtin = key.as_ref().ok().map(|key| key.signer().builtin);
    inspection.note("signature", key.map(|key| format!("by {}", key.name())));
    builtin
}

fn check_claims(inspection: &mut Inspection, rules: &Rules, claims: &Claims, now: Timestamp) {
    let kind = rules.kind(claims, "access");
    inspection.note(
        "token_type",
        kind.map(|()| claims.text("token_type").unwrap_or("not given").to_owned()),
    );
    inspection.note(
        "issuer and audience",
        rules.parties(claims).map(|()| "as the settings ask".to_owned()),
    );
    let times = rules
        .times(claims, now)
        .map(|(_, expires_at)| format!("ends in {}", span(expires_at.as_millis() - now.as_millis())));
    inspection.note("times", times);
    let signer = Signer {
        builtin: false,
        tenant: None,
    };
    let tenant = rules.tenant(claims, signer);
    inspection.note(
        "tenant",
        tenant.map(|tenant| tenant.map_or("the address says".to_owned(), |id| id.to_string())),
    );
    inspection.note("user", rules.user(claims).map(|user| user.to_string()));
    inspection.note(
        "jti",
        jti(claims).map(|jti| jti.unwrap_or_else(|| "none: cannot be revoked".to_owned())),
    );
}
