//! API keys, refresh tokens, revocations and tickets: records of secrets, never the secrets.
//!
//! Whatever expires is forgotten a few rows at a time whenever one of its kind is added; rows that another node is
//! forgetting at the same moment are left to it.

use charla_core::UserKey;
use charla_wire::{TenantId, Timestamp};
use tokio_postgres::Row;

use super::fault::Fault;
use super::rows::{escaped, id, id_or_none, time, words};
use super::session::Session;
use crate::store::{ApiKey, RefreshToken, Rotated};

pub(super) async fn put_api_key(session: &mut Session, key: &ApiKey) -> Result<(), Fault> {
    session
        .execute(
            "INSERT INTO api_keys (hash, tenant, label, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (hash) DO UPDATE SET tenant = excluded.tenant, label = excluded.label",
            &[
                &escaped(&key.hash),
                &key.tenant.as_ref().map(TenantId::as_str),
                &escaped(&key.label),
                &key.created_at.as_millis(),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn api_key(session: &mut Session, hash: &str) -> Result<Option<ApiKey>, Fault> {
    let found = session
        .first(
            "SELECT hash, tenant, label, created_at FROM api_keys WHERE hash = $1",
            &[&escaped(hash)],
        )
        .await?;
    found.as_ref().map(api_key_row).transpose()
}

pub(super) async fn api_keys(session: &mut Session, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>, Fault> {
    let found = session
        .rows(
            "SELECT hash, tenant, label, created_at FROM api_keys
             WHERE $1::text IS NULL OR tenant = $1 ORDER BY created_at, hash",
            &[&tenant.map(TenantId::as_str)],
        )
        .await?;
    found.iter().map(api_key_row).collect()
}

fn api_key_row(row: &Row) -> Result<ApiKey, Fault> {
    Ok(ApiKey {
        hash: words(row, 0)?,
        tenant: id_or_none(row, 1)?,
        label: words(row, 2)?,
        created_at: time(row, 3)?,
    })
}

pub(super) async fn remove_api_key(session: &mut Session, hash: &str) -> Result<bool, Fault> {
    let removed = session
        .execute("DELETE FROM api_keys WHERE hash = $1", &[&escaped(hash)])
        .await?;
    Ok(removed == 1)
}

/// Records a refresh token that nobody has used yet.
pub(super) async fn put_refresh(
    session: &mut Session,
    now: Timestamp,
    token: &RefreshToken,
) -> Result<(), Fault> {
    session
        .execute(
            "DELETE FROM refresh_tokens WHERE jti IN (SELECT jti FROM refresh_tokens
             WHERE expires_at <= $1 ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED)",
            &[&now.as_millis()],
        )
        .await?;
    session
        .execute(
            "INSERT INTO refresh_tokens (jti, family, tenant, person, state, expires_at)
             VALUES ($1, $2, $3, $4, 'fresh', $5)",
            &[
                &escaped(&token.jti),
                &escaped(&token.family),
                &token.user.tenant.as_str(),
                &token.user.user.as_str(),
                &token.expires_at.as_millis(),
            ],
        )
        .await?;
    Ok(())
}

/// Spends one token for the next. The next one joins the family and is its user's, or nothing happens.
pub(super) async fn rotate_refresh(
    session: &mut Session,
    now: Timestamp,
    spent: &str,
    next: RefreshToken,
) -> Result<Rotated, Fault> {
    // One rotation of a family at a time: it may end with a change of all its rows.
    session
        .rows(
            "SELECT pg_advisory_xact_lock(1667785069, hashtext(family)) FROM refresh_tokens WHERE jti = $1",
            &[&escaped(spent)],
        )
        .await?;
    let found = session
        .first(
            "SELECT family, tenant, person, state, expires_at FROM refresh_tokens WHERE jti = $1 FOR UPDATE",
            &[&escaped(spent)],
        )
        .await?;
    let Some(row) = found else {
        return Ok(Rotated::Refused);
    };
    let user = UserKey {
        tenant: id(&row, 1)?,
        user: id(&row, 2)?,
    };
    if time(&row, 4)? <= now || user != next.user {
        return Ok(Rotated::Refused);
    }
    let family: String = words(&row, 0)?;
    match row.try_get(3)? {
        "fresh" => {
            session
                .execute(
                    "UPDATE refresh_tokens SET state = 'spent' WHERE jti = $1",
                    &[&escaped(spent)],
                )
                .await?;
            put_refresh(session, now, &RefreshToken { family, ..next }).await?;
            Ok(Rotated::Next)
        }
        "spent" => {
            session
                .execute(
                    "UPDATE refresh_tokens SET state = 'revoked' WHERE family = $1",
                    &[&escaped(&family)],
                )
                .await?;
            Ok(Rotated::Reused)
        }
        _ => Ok(Rotated::Refused),
    }
}

pub(super) async fn revoke_refresh(session: &mut Session, user: &UserKey) -> Result<(), Fault> {
    session
        .execute(
            "UPDATE refresh_tokens SET state = 'revoked' WHERE tenant = $1 AND person = $2",
            &[&user.tenant.as_str(), &user.user.as_str()],
        )
        .await?;
    Ok(())
}

pub(super) async fn revoke_token(
    session: &mut Session,
    now: Timestamp,
    tenant: &TenantId,
    jti: &str,
    until: Timestamp,
) -> Result<(), Fault> {
    session
        .execute(
            "DELETE FROM revoked_tokens WHERE (tenant, jti) IN (SELECT tenant, jti FROM revoked_tokens
             WHERE expires_at <= $1 ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED)",
            &[&now.as_millis()],
        )
        .await?;
    session
        .execute(
            "INSERT INTO revoked_tokens AS r (tenant, jti, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (tenant, jti) DO UPDATE SET expires_at = greatest(r.expires_at, excluded.expires_at)",
            &[&tenant.as_str(), &escaped(jti), &until.as_millis()],
        )
        .await?;
    Ok(())
}

pub(super) async fn revoked_tokens(
    session: &mut Session,
    now: Timestamp,
) -> Result<Vec<(TenantId, String, Timestamp)>, Fault> {
    let found = session
        .rows(
            "SELECT tenant, jti, expires_at FROM revoked_tokens WHERE expires_at > $1 ORDER BY expires_at",
            &[&now.as_millis()],
        )
        .await?;
    found
        .iter()
        .map(|row| Ok((id(row, 0)?, words(row, 1)?, time(row, 2)?)))
        .collect()
}

pub(super) async fn put_ticket(
    session: &mut Session,
    now: Timestamp,
    hash: &str,
    grant: &str,
    until: Timestamp,
) -> Result<(), Fault> {
    session
        .execute(
            "DELETE FROM tickets WHERE hash IN (SELECT hash FROM tickets
             WHERE expires_at <= $1 ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED)",
            &[&now.as_millis()],
        )
        .await?;
    session
        .execute(
            "INSERT INTO tickets (hash, body, expires_at) VALUES ($1, $2, $3)",
            &[&escaped(hash), &escaped(grant), &until.as_millis()],
        )
        .await?;
    Ok(())
}

/// What a ticket says, which is left where it is.
pub(super) async fn ticket(
    session: &mut Session,
    now: Timestamp,
    hash: &str,
) -> Result<Option<String>, Fault> {
    let found = session
        .first(
            "SELECT body FROM tickets WHERE hash = $1 AND expires_at > $2",
            &[&escaped(hash), &now.as_millis()],
        )
        .await?;
    found.map(|row| words(&row, 0)).transpose()
}

/// Takes a ticket out, whether or not its time is over; what it says only if not.
pub(super) async fn take_ticket(
    session: &mut Session,
    now: Timestamp,
    hash: &str,
) -> Result<Option<String>, Fault> {
    let taken = session
        .first(
            "DELETE FROM tickets WHERE hash = $1 RETURNING body, expires_at",
            &[&escaped(hash)],
        )
        .await?;
    match taken {
        Some(row) if time(&row, 1)? > now => Ok(Some(words(&row, 0)?)),
        _ => Ok(None),
    }
}
