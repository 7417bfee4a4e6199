//! Tenants, users and the server's own values.

use charla_core::UserKey;
use charla_wire::{TenantId, UserId};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{self, limit, tenant_columns, user_columns};
use super::writer::Writing;
use crate::store::{Role, Tenant, User, UserChange, UserState};

pub(super) fn tenants(conn: &Connection) -> Result<Vec<Tenant>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        tenant_columns!(),
        " FROM tenants t ORDER BY t.id"
    ))?
    .query_map([], |row| rows::tenant(row, 0))?
    .collect()
}

pub(super) fn tenant(conn: &Connection, id: &TenantId) -> Result<Option<Tenant>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        tenant_columns!(),
        " FROM tenants t WHERE t.id = ?1"
    ))?
    .query_row([id.as_str()], |row| rows::tenant(row, 0))
    .optional()
}

pub(super) fn put_tenant(writing: &Writing<'_>, id: &TenantId, name: &str) -> Result<(Tenant, bool)> {
    let fresh = writing
        .conn
        .prepare_cached(
            "INSERT INTO tenants (id, name, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![id.as_str(), name, writing.now.as_millis()])?
        == 1;
    if !fresh {
        writing
            .conn
            .prepare_cached("UPDATE tenants SET name = ?2 WHERE id = ?1")?
            .execute(params![id.as_str(), name])?;
    }
    let tenant = tenant(writing.conn, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok((tenant, fresh))
}

pub(super) fn user(conn: &Connection, key: &UserKey) -> Result<Option<User>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.tenant = ?1 AND u.id = ?2"
    ))?
    .query_row([key.tenant.as_str(), key.user.as_str()], |row| rows::user(row, 0))
    .optional()
}

pub(super) fn users(
    conn: &Connection,
    tenant: &TenantId,
    after: Option<&UserId>,
    most: usize,
) -> Result<Vec<User>> {
    conn.prepare_cached(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.tenant = ?1 AND u.id > ?2 AND u.state <> 'deleted' ORDER BY u.id LIMIT ?3"
    ))?
    .query_map(
        params![tenant.as_str(), after.map_or("", UserId::as_str), limit(most)],
        |row| rows::user(row, 0),
    )?
    .collect()
}

pub(super) fn put_user(
    writing: &Writing<'_>,
    key: &UserKey,
    change: &UserChange,
) -> Result<Option<(User, bool)>> {
    if tenant(writing.conn, &key.tenant)?.is_none() {
        return Ok(None);
    }
    let fresh = ensure_user(writing, key)?;
    writing
        .conn
        .prepare_cached(
            "UPDATE users SET name = coalesce(?3, name), role = coalesce(?4, role), state = coalesce(?5, state),
                    password = coalesce(?6, password), tokens_valid_from = coalesce(?7, tokens_valid_from)
             WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![
            key.tenant.as_str(),
            key.user.as_str(),
            change.name,
            change.role.map(Role::as_str),
            change.state.map(UserState::as_str),
            change.password,
            change.tokens_valid_from.map(charla_wire::Timestamp::as_millis),
        ])?;
    let user = user(writing.conn, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Some((user, fresh)))
}

/// Makes the user, an active member called by its id, if there is none; says whether there was none.
/// The tenant must exist.
pub(super) fn ensure_user(writing: &Writing<'_>, key: &UserKey) -> Result<bool> {
    let made = writing
        .conn
        .prepare_cached(
            "INSERT INTO users (tenant, id, name, role, state, tokens_valid_from, created_at)
             VALUES (?1, ?2, ?2, 'member', 'active', 0, ?3) ON CONFLICT (tenant, id) DO NOTHING",
        )?
        .execute(params![
            key.tenant.as_str(),
            key.user.as_str(),
            writing.now.as_millis()
        ])?;
    Ok(made == 1)
}

/// A value of the server's own, `fresh` the first time.
pub(super) fn keep(writing: &Writing<'_>, name: &str, fresh: &str) -> Result<String> {
    writing
        .conn
        .prepare_cached("INSERT INTO kept (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute([name, fresh])?;
    writing
        .conn
        .prepare_cached("SELECT value FROM kept WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
}

/// Shows that the writer lives; after a failed group by writing, since only that shows that the disk is back.
pub(super) fn pulse(writing: &Writing<'_>) -> Result<()> {
    if writing.doubtful {
        writing
            .conn
            .prepare_cached(
                "INSERT INTO kept (name, value) VALUES ('pulse', ?1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute([writing.now.to_string()])?;
    }
    Ok(())
}
