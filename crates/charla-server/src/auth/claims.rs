//! What a token claims, read strictly: a claim of the wrong type refuses the token, it is never skipped.
//!
//! (`"nbf":"soon"` once passed for a token without `nbf`: CVE-2026-25537.) Nothing here has seen a
//! signature; [`Rules::identity`] is called with a payload whose signature was good.

use charla_core::UserKey;
use charla_wire::{Cause, TenantId, Timestamp, UserId};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::identity::{Identity, Refusal, quoted, span};
use crate::settings::{AuthSettings, ClaimNames};
use crate::store::Role;

/// 9999-12-31T23:59:59Z in seconds. A time beyond it was meant as milliseconds.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// Letters of a name that are kept.
const NAME_MAX: usize = 100;
/// Longest `jti` kept for revocation, in bytes; a UUID has 36.
const JTI_MAX: usize = 128;

/// What tokens have to say to be believed.
#[derive(Debug)]
pub(super) struct Rules {
    names: ClaimNames,
    issuer: Option<String>,
    audience: Option<String>,
    leeway_millis: i64,
    /// Whether SimpleJWT's sliding tokens do as access tokens.
    sliding: bool,
    /// The claim about the user's password, where it is asked for.
    password: Option<String>,
}

/// Whose key the signature was good for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signer<'k> {
    pub(super) builtin: bool,
    pub(super) tenant: Option<&'k TenantId>,
}

/// What a refresh token of this server says.
#[derive(Debug)]
pub(super) struct Refresh {
    pub(super) user: UserKey,
    pub(super) jti: String,
    /// The log-in it descends from.
    pub(super) family: String,
    pub(super) issued_at: Timestamp,
}

/// The claims that anybody asks for, as they came.
#[derive(Debug)]
pub(super) struct Claims(Vec<(String, Value)>);

impl Rules {
    /// For tokens by the keys of others, as the settings have it.
    pub(super) fn foreign(settings: &AuthSettings) -> Self {
        Self {
            names: settings.claims.clone(),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            leeway_millis: i64::try_from(settings.leeway.as_millis()).unwrap_or(i64::MAX),
            sliding: settings.django.sliding,
            password: settings.django.revoke_claim.clone(),
        }
    }

    /// For the server's own tokens: they always have the same shape, and times rounded up to whole seconds.
    pub(super) fn own(settings: &AuthSettings) -> Self {
        Self {
            names: ClaimNames::default(),
            issuer: None,
            audience: None,
            leeway_millis: Self::foreign(settings).leeway_millis.max(1_000),
            sliding: false,
            password: None,
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// `token_invalid` when it is no JSON object, has a number beyond all numbers, or says one thing twice.
    pub(super) fn read(&self, payload: &[u8]) -> Result<Claims, Refusal> {
        let names = &self.names;
        // A name that stands twice does no harm.
        let password = self.password.as_deref().unwrap_or(&names.user);
        let wanted = [
            password,
            "exp",
            "nbf",
            "iat",
            "iss",
            "aud",
            "jti",
            "token_type",
            "family",
            &names.user,
            &names.name,
            &names.tenant,
            &names.role,
        ];
        let mut reader = serde_json::Deserializer::from_slice(payload);
        let claims = Wanted(&wanted).deserialize(&mut reader);
        claims
            .and_then(|claims| reader.end().map(|()| claims))
            .map_err(|error| Refusal::invalid(unreadable(&error)))
    }

    /// Who the claims say this is, all rules kept.
    pub(super) fn identity(
        &self,
        claims: &Claims,
        signer: Signer<'_>,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        self.kind(claims, "access")?;
        self.parties(claims)?;
        let (issued_at, expires_at) = self.times(claims, now)?;
        Ok(Identity {
            tenant: self.tenant(claims, signer)?,
            user: self.user(claims)?,
            name: claims.text(&self.names.name).and_then(display_name),
            role: self.role(claims),
            issued_at,
            expires_at,
            jti: jti(claims)?,
            password_claim: self.password_claim(claims)?,
            session: false,
            builtin: signer.builtin,
        })
    }

    /// What the claims of a refresh token say, all rules kept. None of them is optional.
    pub(super) fn refresh(&self, claims: &Claims, now: Timestamp) -> Result<Refresh, Refusal> {
        self.kind(claims, "refresh")?;
        let (issued_at, _) = self.times(claims, now)?;
        let own = Signer {
            builtin: true,
            tenant: None,
        };
        let (Some(tenant), Some(jti), Some(issued_at), Some(family), Some(_)) = (
            self.tenant(claims, own)?,
            jti(claims)?,
            issued_at,
            claims.text("family"),
            claims.get("token_type"),
        ) else {
            return Err(Refusal::invalid("a claim of a refresh token is missing"));
        };
        Ok(Refresh {
            user: UserKey {
                tenant,
                user: self.user(claims)?,
            },
            jti,
            family: family.to_owned(),
            issued_at,
        })
    }

    /// `token_type`, where there is one (SimpleJWT's way to tell access from refresh tokens).
    pub(super) fn kind(&self, claims: &Claims, expected: &str) -> Result<(), Refusal> {
        match claims.get("token_type") {
            None => Ok(()),
            Some(Value::String(kind)) if kind == expected => Ok(()),
            Some(Value::String(kind)) if kind == "sliding" && expected == "access" && self.sliding => Ok(()),
            Some(Value::String(kind)) => Err(Refusal::invalid(format!(
                "a token of type {} is no {expected} token",
                quoted(kind)
            ))),
            Some(_) => Err(Refusal::invalid("token_type is not text")),
        }
    }

    /// `iss` and `aud`, where the settings ask for them.
    pub(super) fn parties(&self, claims: &Claims) -> Result<(), Refusal> {
        if let Some(issuer) = &self.issuer {
            match claims.get("iss") {
                Some(Value::String(found)) if found == issuer => {}
                Some(Value::String(found)) => {
                    return Err(Refusal::invalid(format!(
                        "issuer {} is not the one expected",
                        quoted(found)
                    )));
                }
                Some(_) => return Err(Refusal::invalid("iss is not text")),
                None => return Err(Refusal::invalid("iss is missing")),
            }
        }
        let Some(audience) = &self.audience else {
            return Ok(());
        };
        let is_for = |found: &Value| found.as_str() == Some(audience);
        match claims.get("aud") {
            Some(Value::Array(many)) if many.iter().any(is_for) => Ok(()),
            Some(Value::Array(_)) => Err(Refusal::invalid("none of its audiences is the one expected")),
            Some(one) if is_for(one) => Ok(()),
            Some(Value::String(found)) => Err(Refusal::invalid(format!(
                "audience {} is not the one expected",
                quoted(found)
            ))),
            Some(_) => Err(Refusal::invalid("aud is not text")),
            None => Err(Refusal::invalid("aud is missing")),
        }
    }

    /// When it was made and when it ends, if now is between the two.
    pub(super) fn times(
        &self,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Timestamp), Refusal> {
        // All three are read before any is judged: a token with a wrong type is wrong, not late.
        let Some(expires_at) = claims.time("exp")? else {
            return Err(Refusal::invalid("exp is missing"));
        };
        let not_before = claims.time("nbf")?;
        let issued_at = claims.time("iat")?;
        let latest = now.plus_millis(self.leeway_millis);
        if let Some(issued_at) = issued_at.filter(|&at| at > latest) {
            let ahead = span(issued_at.as_millis() - now.as_millis());
            let detail = format!("issued {ahead} in the future: a clock is wrong");
            return Err(Refusal::new(Cause::TokenNotYetValid, detail));
        }
        if let Some(not_before) = not_before.filter(|&at| at > latest) {
            let ahead = span(not_before.as_millis() - now.as_millis());
            return Err(Refusal::new(Cause::TokenNotYetValid, format!("valid in {ahead}")));
        }
        if now >= expires_at.plus_millis(self.leeway_millis) {
            let ago = span(now.as_millis() - expires_at.as_millis());
            return Err(Refusal::new(Cause::TokenExpired, format!("expired {ago} ago")));
        }
        Ok((issued_at, expires_at))
    }

    /// The tenant: the key's own, else the claim's.
    pub(super) fn tenant(&self, claims: &Claims, signer: Signer<'_>) -> Result<Option<TenantId>, Refusal> {
        let claim = &self.names.tenant;
        let claimed = match claims.get(claim) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let text = id_text(value).ok_or_else(|| Refusal::invalid(format!("{claim} is not text")))?;
                let id = TenantId::parse(&text);
                Some(id.map_err(|error| Refusal::invalid(format!("{claim} {error}")))?)
            }
        };
        match (signer.tenant, claimed) {
            (Some(owner), Some(claimed)) if *owner != claimed => Err(Refusal::invalid(
                "its tenant is not the tenant whose key signed it",
            )),
            (Some(owner), _) => Ok(Some(owner.clone())),
            (None, claimed) => Ok(claimed),
        }
    }

    /// The user's id.
    pub(super) fn user(&self, claims: &Claims) -> Result<UserId, Refusal> {
        let claim = &self.names.user;
        let Some(value) = claims.get(claim) else {
            return Err(Refusal::invalid(format!("{claim} is missing")));
        };
        let Some(text) = id_text(value) else {
            return Err(Refusal::invalid(format!(
                "{claim} is neither text nor a whole number"
            )));
        };
        UserId::parse(&text).map_err(|error| Refusal::invalid(format!("{claim} {error}")))
    }

    /// What the token says of the password that it was made with.
    fn password_claim(&self, claims: &Claims) -> Result<Option<String>, Refusal> {
        let Some(name) = &self.password else {
            return Ok(None);
        };
        match claims.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(claim)) => Ok(Some(claim.clone())),
            Some(_) => Err(Refusal::invalid(format!("{name} is not text"))),
        }
    }

    /// The role: text, or a yes or no such as Django's `is_staff`. Anything else gives none.
    fn role(&self, claims: &Claims) -> Option<Role> {
        match claims.get(&self.names.role)? {
            Value::String(role) if role == "agent" => Some(Role::Agent),
            Value::String(role) if role == "member" => Some(Role::Member),
            Value::Bool(true) => Some(Role::Agent),
            Value::Bool(false) => Some(Role::Member),
            Value::String(_) | Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Claims {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A NumericDate (RFC 7519, 2): seconds, fractions allowed.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let Some(seconds) = value.as_f64().filter(|seconds| seconds.is_finite()) else {
            return Err(Refusal::invalid(format!("{name} is not a number")));
        };
        if seconds < 0.0 {
            return Err(Refusal::invalid(format!("{name} is negative")));
        }
        if seconds > LAST_SECOND {
            return Err(Refusal::invalid(format!(
                "{name} is beyond the year 9999: milliseconds?"
            )));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most LAST_SECOND, which fits a thousandfold"
        )]
        let millis = (seconds * 1000.0).round() as i64;
        Ok(Some(Timestamp::from_millis(millis)))
    }
}

/// The token's own id: text, short enough to be remembered when revoked.
pub(super) fn jti(claims: &Claims) -> Result<Option<String>, Refusal> {
    match claims.get("jti") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(jti)) if jti.len() <= JTI_MAX => Ok(Some(jti.clone())),
        Some(Value::String(_)) => Err(Refusal::invalid(format!("jti has more than {JTI_MAX} bytes"))),
        Some(_) => Err(Refusal::invalid("jti is not text")),
    }
}

/// An id as text: Django's are numbers, most others are text.
fn id_text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    if let Some(text) = value.as_str() {
        return Some(text.into());
    }
    let number = value.as_number().filter(|number| !number.is_f64())?;
    Some(number.to_string().into())
}

/// A name without control characters, cut to what a page shows.
fn display_name(name: &str) -> Option<String> {
    let shown = name.chars().filter(|c| !c.is_control()).take(NAME_MAX);
    let shown = shown.collect::<String>().trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

/// Why a payload could not be read, without quoting it.
fn unreadable(error: &serde_json::Error) -> &'static str {
    if error.to_string().starts_with(TWICE) {
        "a claim stands twice"
    } else if error.to_string().starts_with("number out of range") {
        "a claim is a number out of range"
    } else {
        "the claims are not a JSON object"
    }
}

const TWICE: &str = "a claim stands twice";

/// Reads the named claims of an object and skips the others, whatever they are.
struct Wanted<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Claims;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Claims, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Claims;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims: Vec<(String, Value)> = Vec::with_capacity(8);
        while let Some(name) = map.next_key::<String>()? {
            if !self.0.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else if claims.iter().any(|(found, _)| *found == name) {
                return Err(A::Error::custom(TWICE));
            } else {
                claims.push((name, map.next_value()?));
            }
        }
        Ok(Claims(claims))
    }
}
