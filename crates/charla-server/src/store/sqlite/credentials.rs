//! API keys, refresh tokens, revocations and tickets: records of secrets, never the secrets.
//!
//! Whatever expires is forgotten a few rows at a time whenever one of its kind is added, so that
//! none of these tables grows beyond what is still of use and no clean-up has to be remembered.

use charla_core::UserKey;
use charla_wire::{TenantId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::rows::{id, tenant_or_none, time};
use super::writer::Writing;
use crate::store::{ApiKey, RefreshToken, Rotated};

pub(super) fn put_api_key(writing: &Writing<'_>, key: &ApiKey) -> Result<()> {
    writing
        .conn
        .prepare_cached(
            "INSERT INTO api_keys (hash, tenant, label, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hash) DO UPDATE SET tenant = excluded.tenant, label = excluded.label",
        )?
        .execute(params![
            key.hash,
            key.tenant.as_ref().map(TenantId::as_str),
            key.label,
            key.created_at.as_millis()
        ])?;
    Ok(())
}

pub(super) fn api_key(conn: &Connection, hash: &str) -> Result<Option<ApiKey>> {
    conn.prepare_cached("SELECT hash, tenant, label, created_at FROM api_keys WHERE hash = ?1")?
        .query_row([hash], api_key_row)
        .optional()
}

pub(super) fn api_keys(conn: &Connection, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>> {
    conn.prepare_cached(
        "SELECT hash, tenant, label, created_at FROM api_keys
         WHERE ?1 IS NULL OR tenant = ?1 ORDER BY created_at, hash",
    )?
    .query_map([tenant.map(TenantId::as_str)], api_key_row)?
    .collect()
}

fn api_key_row(row: &Row<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        hash: row.get(0)?,
        tenant: tenant_or_none(row, 1)?,
        label: row.get(2)?,
        created_at: time(row, 3)?,
    })
}

pub(super) fn remove_api_key(writing: &Writing<'_>, hash: &str) -> Result<bool> {
    let removed = writing
        .conn
        .prepare_cached("DELETE FROM api_keys WHERE hash = ?1")?
        .execute([hash])?;
    Ok(removed == 1)
}

/// Records a refresh token that nobody has used yet.
pub(super) fn put_refresh(writing: &Writing<'_>, token: &RefreshToken) -> Result<()> {
    writing
        .conn
        .prepare_cached(
            "DELETE FROM refresh_tokens WHERE jti IN
             (SELECT jti FROM refresh_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT 16)",
        )?
        .execute([writing.now.as_millis()])?;
    writing
        .conn
        .prepare_cached(
            "INSERT INTO refresh_tokens (jti, family, tenant, user, state, expires_at)
             VALUES (?1, ?2, ?3, ?4, 'fresh', ?5)",
        )?
        .execute(params![
            token.jti,
            token.family,
            token.user.tenant.as_str(),
            token.user.user.as_str(),
            token.expires_at.as_millis()
        ])?;
    Ok(())
}

/// A refresh token's record as it stands.
struct Record {
    family: String,
    user: UserKey,
    state: String,
    expires_at: Timestamp,
}

/// Spends one token for the next. The next one joins the family and is its user's, or nothing happens.
pub(super) fn rotate_refresh(writing: &Writing<'_>, spent: &str, next: RefreshToken) -> Result<Rotated> {
    let found = writing
        .conn
        .prepare_cached("SELECT family, tenant, user, state, expires_at FROM refresh_tokens WHERE jti = ?1")?
        .query_row([spent], |row| {
            Ok(Record {
                family: row.get(0)?,
                user: UserKey {
                    tenant: id(row, 1)?,
                    user: id(row, 2)?,
                },
                state: row.get(3)?,
                expires_at: time(row, 4)?,
            })
        })
        .optional()?;
    let Some(record) = found else {
        return Ok(Rotated::Refused);
    };
    if record.expires_at <= writing.now || record.user != next.user {
        return Ok(Rotated::Refused);
    }
    match record.state.as_str() {
        "fresh" => {
            writing
                .conn
                .prepare_cached("UPDATE refresh_tokens SET state = 'spent' WHERE jti = ?1")?
                .execute([spent])?;
            let family = record.family;
            put_refresh(writing, &RefreshToken { family, ..next })?;
            Ok(Rotated::Next)
        }
        "spent" => {
            writing
                .conn
                .prepare_cached("UPDATE refresh_tokens SET state = 'revoked' WHERE family = ?1")?
                .execute([record.family])?;
            Ok(Rotated::Reused)
        }
        _ => Ok(Rotated::Refused),
    }
}

pub(super) fn revoke_refresh(writing: &Writing<'_>, user: &UserKey) -> Result<()> {
    writing
        .conn
        .prepare_cached("UPDATE refresh_tokens SET state = 'revoked' WHERE tenant = ?1 AND user = ?2")?
        .execute([user.tenant.as_str(), user.user.as_str()])?;
    Ok(())
}

pub(super) fn revoke_token(
    writing: &Writing<'_>,
    tenant: &TenantId,
    jti: &str,
    until: Timestamp,
) -> Result<()> {
    writing
        .conn
        .prepare_cached(
            "DELETE FROM revoked_tokens WHERE (tenant, jti) IN
             (SELECT tenant, jti FROM revoked_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT 16)",
        )?
        .execute([writing.now.as_millis()])?;
    writing
        .conn
        .prepare_cached(
            "INSERT INTO revoked_tokens (tenant, jti, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant, jti) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
        )?
        .execute(params![tenant.as_str(), jti, until.as_millis()])?;
    Ok(())
}

pub(super) fn revoked_tokens(
    conn: &Connection,
    now: Timestamp,
) -> Result<Vec<(TenantId, String, Timestamp)>> {
    conn.prepare_cached(
        "SELECT tenant, jti, expires_at FROM revoked_tokens WHERE expires_at > ?1 ORDER BY expires_at",
    )?
    .query_map([now.as_millis()], |row| {
        Ok((id(row, 0)?, row.get(1)?, time(row, 2)?))
    })?
    .collect()
}

pub(super) fn put_ticket(writing: &Writing<'_>, hash: &str, grant: &str, until: Timestamp) -> Result<()> {
    writing
        .conn
        .prepare_cached(
            "DELETE FROM tickets WHERE hash IN
             (SELECT hash FROM tickets WHERE expires_at <= ?1 ORDER BY expires_at LIMIT 16)",
        )?
        .execute([writing.now.as_millis()])?;
    writing
        .conn
        .prepare_cached("INSERT INTO tickets (hash, body, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(params![hash, grant, until.as_millis()])?;
    Ok(())
}

/// What a ticket says, which is left where it is.
pub(super) fn ticket(conn: &Connection, hash: &str, now: Timestamp) -> Result<Option<String>> {
    conn.prepare_cached("SELECT body FROM tickets WHERE hash = ?1 AND expires_at > ?2")?
        .query_row(params![hash, now.as_millis()], |row| row.get(0))
        .optional()
}

/// Takes a ticket out, whether or not its time is over; what it says only if not.
pub(super) fn take_ticket(writing: &Writing<'_>, hash: &str) -> Result<Option<String>> {
    let taken = writing
        .conn
        .prepare_cached("DELETE FROM tickets WHERE hash = ?1 RETURNING body, expires_at")?
        .query_row([hash], |row| Ok((row.get(0)?, time(row, 1)?)))
        .optional()?;
    Ok(taken
        .filter(|(_, until)| *until > writing.now)
        .map(|(grant, _)| grant))
}
