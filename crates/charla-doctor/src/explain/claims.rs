//! What the claims of tokens in refused handshakes say against the time of their own lines. No token is kept.

use crate::evidence::{ClaimsSeen, TokenForm, TokenSeen};
use crate::explain::clock::Stamp;
use crate::explain::held::{Held, Place};
use crate::explain::tally::{common, token_in};
use crate::token::{Given, look};

/// A time without a zone may be another zone's: the furthest from UTC, in seconds.
const FURTHEST_ZONE: f64 = 14.0 * 3_600.0;

/// Refused handshakes whose token says why.
#[derive(Debug, Default)]
pub(super) struct Claims {
    expired: Held,
    expired_at: Option<f64>,
    refused_at: Option<f64>,
    sure: bool,
    unsigned: Held,
    refresh: Held,
}

impl Claims {
    /// Looks at the token of a handshake that was answered with 401 or 403. `zoned`: its time is on the common clock for
    /// sure.
    pub(super) fn refused(&mut self, line: &[u8], at: Option<Stamp>, zoned: bool, place: Place<'_>) {
        let Some(token) = token_in(line).and_then(read) else {
            return;
        };
        let at = at.and_then(common);
        if let (Some(expires_at), Some(at)) = (token.expires_at, at)
            && at > expires_at
        {
            self.expired.add(line, place);
            self.expired_at = Some(expires_at);
            self.refused_at = Some(at);
            self.sure |= zoned || at - expires_at > FURTHEST_ZONE;
        }
        if token
            .algorithm
            .is_some_and(|name| name.eq_ignore_ascii_case("none"))
        {
            self.unsigned.add(line, place);
        }
        if token.token_type.as_deref() == Some("refresh") {
            self.refresh.add(line, place);
        }
    }

    pub(super) fn seen(&self) -> ClaimsSeen {
        ClaimsSeen {
            expired: self.expired.seen(),
            expires_at: self.expired_at,
            refused_at: self.refused_at,
            sure: self.sure,
            unsigned: self.unsigned.seen(),
            refresh: self.refresh.seen(),
        }
    }
}

fn read(token: &[u8]) -> Option<TokenSeen> {
    let token = std::str::from_utf8(token)
        .ok()
        .filter(|token| token.starts_with("eyJ"))?;
    let seen = look(Some(&Given::plain("", token)), &[], None, 0.0);
    (seen.form == TokenForm::Jwt).then_some(seen)
}
