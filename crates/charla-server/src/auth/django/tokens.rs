//! What the application knows of a token that is good by itself: SimpleJWT's blacklist, and `CHECK_REVOKE_TOKEN`, which
//! ends a user's tokens with the password that they were made with.

use std::fmt::Write as _;

use charla_wire::{Cause, TenantId};
use md5::{Digest as _, Md5};

use super::known::Known;
use super::{Django, query};
use crate::application::{Query, Value};
use crate::auth::identity::{Identity, Refusal};
use crate::auth::verify::AuthSetupError;
use crate::settings::{DatabaseKind, DjangoSettings};

const BLACKLIST: &str = "SELECT 1 AS listed FROM token_blacklist_blacklistedtoken b
    JOIN token_blacklist_outstandingtoken o ON o.id = b.token_id WHERE o.jti = :jti";

/// What is asked about tokens.
pub(super) struct Tokens {
    blacklist: Option<Query>,
    listed: Known<bool>,
    /// The user of a token, where tokens end with a password.
    user: Option<Query>,
    users: Known<Standing>,
}

/// How the application's user stands.
#[derive(Clone)]
enum Standing {
    Unknown,
    Inactive,
    /// With this claim its tokens are made now.
    Active(String),
}

impl Tokens {
    pub(super) fn new(django: &DjangoSettings, kind: DatabaseKind) -> Result<Self, AuthSetupError> {
        let blacklist = django
            .blacklist
            .then(|| query("auth.django.blacklist", BLACKLIST, kind, "jti"));
        let user = django
            .revoke_claim
            .as_ref()
            .map(|_| query("auth.django.user_query", &django.user_query, kind, "user"));
        Ok(Self {
            blacklist: blacklist.transpose()?,
            listed: Known::default(),
            user: user.transpose()?,
            users: Known::default(),
        })
    }
}

impl Django {
    /// Whether the application has taken this token back, or all of its user's.
    ///
    /// # Errors
    /// `token_revoked`, `user_unknown`, `user_inactive`; `authority_unavailable`.
    pub(in crate::auth) async fn check_token(
        &self,
        identity: &Identity,
        tenant: &TenantId,
    ) -> Result<(), Refusal> {
        if let Some(jti) = &identity.jti {
            self.check_blacklist(tenant, jti).await?;
        }
        // A session's user has been asked for already.
        if identity.session {
            return Ok(());
        }
        self.check_password(identity, tenant).await
    }

    async fn check_blacklist(&self, tenant: &TenantId, jti: &str) -> Result<(), Refusal> {
        let Some(query) = &self.tokens.blacklist else {
            return Ok(());
        };
        let listed = match self.tokens.listed.get(tenant, jti) {
            Some(listed) => listed,
            None => {
                let values = [("jti", Value::Text(jti.to_owned()))];
                let listed = !self.ask(Some(tenant), query, &values).await?.is_empty();
                self.tokens.listed.put(tenant, jti, listed);
                listed
            }
        };
        if listed {
            return Err(Refusal::new(
                Cause::TokenRevoked,
                "this token is on the application's blacklist",
            ));
        }
        Ok(())
    }

    async fn check_password(&self, identity: &Identity, tenant: &TenantId) -> Result<(), Refusal> {
        let Some(query) = &self.tokens.user else {
            return Ok(());
        };
        let user = identity.user.as_str();
        let standing = match self.tokens.users.get(tenant, user) {
            Some(standing) => standing,
            None => {
                let standing = self.standing(query, tenant, user).await?;
                self.tokens.users.put(tenant, user, standing.clone());
                standing
            }
        };
        match (standing, &identity.password_claim) {
            (Standing::Active(now), Some(claimed)) if now == *claimed => Ok(()),
            (Standing::Active(_), Some(_)) => Err(Refusal::new(
                Cause::TokenRevoked,
                "the user's password was changed since this token was made",
            )),
            (Standing::Active(_), None) => Err(Refusal::new(
                Cause::TokenRevoked,
                "it does not say with which password it was made",
            )),
            (Standing::Inactive, _) => Err(Refusal::new(
                Cause::UserInactive,
                "the application's user is not active",
            )),
            (Standing::Unknown, _) => Err(Refusal::new(
                Cause::UserUnknown,
                "the application has no such user",
            )),
        }
    }

    async fn standing(&self, query: &Query, tenant: &TenantId, user: &str) -> Result<Standing, Refusal> {
        let values = [("user", Value::Text(user.to_owned()))];
        let rows = self.ask(Some(tenant), query, &values).await?;
        let Some(row) = rows.first() else {
            return Ok(Standing::Unknown);
        };
        if row.get("is_active").and_then(Value::truth) != Some(true) {
            return Ok(Standing::Inactive);
        }
        let password = row.get("password").and_then(Value::text).unwrap_or_default();
        Ok(Standing::Active(claim_of(&password)))
    }
}

/// The claim of tokens made with a password: `rest_framework_simplejwt.utils.get_md5_hash_password`.
fn claim_of(password: &str) -> String {
    let mut text = String::new();
    for byte in Md5::digest(password.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_is_what_the_library_computes() {
        // hashlib.md5(b"pbkdf2_sha256$1$salt$hash").hexdigest().upper()
        assert_eq!(claim_of("pbkdf2_sha256$1$salt$hash"), MD5_OF_IT);
        assert_eq!(claim_of(""), "D41D8CD98F00B204E9800998ECF8427E");
    }

    const MD5_OF_IT: &str = "BC95F864A6EFB05AC2AC3A2490463C9A";
}
