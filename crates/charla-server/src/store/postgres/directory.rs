//! Tenants, users and the server's own values.

use charla_core::UserKey;
use charla_wire::{TenantId, Timestamp, UserId};

use super::fault::Fault;
use super::rows::{self, escaped, limit, tenant_columns, user_columns};
use super::session::Session;
use crate::store::{Role, Tenant, User, UserChange, UserState};

pub(super) async fn tenants(session: &mut Session) -> Result<Vec<Tenant>, Fault> {
    const SQL: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants t ORDER BY t.id");
    let found = session.rows(SQL, &[]).await?;
    found.iter().map(|row| rows::tenant(row, 0)).collect()
}

pub(super) async fn tenant(session: &mut Session, id: &TenantId) -> Result<Option<Tenant>, Fault> {
    const SQL: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants t WHERE t.id = $1");
    let found = session.first(SQL, &[&id.as_str()]).await?;
    found.map(|row| rows::tenant(&row, 0)).transpose()
}

pub(super) async fn put_tenant(
    session: &mut Session,
    now: Timestamp,
    id: &TenantId,
    name: &str,
) -> Result<(Tenant, bool), Fault> {
    let made = session
        .execute(
            "INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
            &[&id.as_str(), &escaped(name), &now.as_millis()],
        )
        .await?;
    if made == 0 {
        session
            .execute(
                "UPDATE tenants SET name = $2 WHERE id = $1",
                &[&id.as_str(), &escaped(name)],
            )
            .await?;
    }
    let tenant = tenant(session, id).await?.ok_or_else(gone)?;
    Ok((tenant, made == 1))
}

pub(super) async fn user(session: &mut Session, key: &UserKey) -> Result<Option<User>, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.tenant = $1 AND u.id = $2"
    );
    let found = session
        .first(SQL, &[&key.tenant.as_str(), &key.user.as_str()])
        .await?;
    found.map(|row| rows::user(&row, 0)).transpose()
}

pub(super) async fn users(
    session: &mut Session,
    tenant: &TenantId,
    after: Option<&UserId>,
    most: usize,
) -> Result<Vec<User>, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.tenant = $1 AND u.id > $2 AND u.state <> 'deleted' ORDER BY u.id LIMIT $3"
    );
    let after = after.map_or("", UserId::as_str);
    let found = session
        .rows(SQL, &[&tenant.as_str(), &after, &limit(most)])
        .await?;
    found.iter().map(|row| rows::user(row, 0)).collect()
}

pub(super) async fn put_user(
    session: &mut Session,
    now: Timestamp,
    key: &UserKey,
    change: &UserChange,
) -> Result<Option<(User, bool)>, Fault> {
    if tenant(session, &key.tenant).await?.is_none() {
        return Ok(None);
    }
    let fresh = ensure_user(session, now, key).await?;
    session
        .execute(
            "UPDATE users SET name = coalesce($3, name), role = coalesce($4, role), state = coalesce($5, state),
                    password = coalesce($6, password), tokens_valid_from = coalesce($7, tokens_valid_from)
             WHERE tenant = $1 AND id = $2",
            &[
                &key.tenant.as_str(),
                &key.user.as_str(),
                &change.name.as_deref().map(escaped),
                &change.role.map(Role::as_str),
                &change.state.map(UserState::as_str),
                &change.password,
                &change.tokens_valid_from.map(Timestamp::as_millis),
            ],
        )
        .await?;
    let user = user(session, key).await?.ok_or_else(gone)?;
    Ok(Some((user, fresh)))
}

/// Makes the user, an active member called by its id, if there is none; says whether there was none.
/// The tenant must exist.
pub(super) async fn ensure_user(session: &mut Session, now: Timestamp, key: &UserKey) -> Result<bool, Fault> {
    let made = session
        .execute(
            "INSERT INTO users (tenant, id, name, role, state, tokens_valid_from, created_at)
             VALUES ($1, $2, $3, 'member', 'active', 0, $4) ON CONFLICT (tenant, id) DO NOTHING",
            &[
                &key.tenant.as_str(),
                &key.user.as_str(),
                &escaped(key.user.as_str()),
                &now.as_millis(),
            ],
        )
        .await?;
    Ok(made == 1)
}

/// A value of the server's own, `fresh` the first time.
pub(super) async fn keep(session: &mut Session, name: &str, fresh: &str) -> Result<String, Fault> {
    session
        .execute(
            "INSERT INTO kept (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            &[&escaped(name), &escaped(fresh)],
        )
        .await?;
    let row = session
        .one("SELECT value FROM kept WHERE name = $1", &[&escaped(name)])
        .await?;
    rows::words(&row, 0)
}

/// Shows that the writer lives; after a failed group by writing, since only that shows that the disk is back.
pub(super) async fn pulse(session: &mut Session, now: Timestamp, doubtful: bool) -> Result<(), Fault> {
    if doubtful {
        session
            .execute(
                "INSERT INTO kept (name, value) VALUES ('pulse', $1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                &[&now.to_string()],
            )
            .await?;
    } else {
        session.one("SELECT 1", &[]).await?;
    }
    Ok(())
}

fn gone() -> Fault {
    Fault::Contradiction("what was just written is not there".into())
}
