//! Notes from the application to one person.

use charla_core::UserKey;
use rusqlite::{Connection, Result, Row, params};

use super::directory;
use super::rows::{limit, number, time, unsigned};
use super::writer::Writing;
use crate::store::Notification;

/// Stores a note under the tenant's next number, unread, with the time of now.
pub(super) fn notify(
    writing: &Writing<'_>,
    user: &UserKey,
    note: Notification,
) -> Result<Option<Notification>> {
    if directory::user(writing.conn, user)?.is_none() {
        return Ok(None);
    }
    let id = writing
        .conn
        .prepare_cached(
            "UPDATE tenants SET last_notification = last_notification + 1 WHERE id = ?1
             RETURNING last_notification",
        )?
        .query_row([user.tenant.as_str()], |row| unsigned(row, 0))?;
    let note = Notification {
        id,
        created_at: writing.now,
        read: false,
        ..note
    };
    writing
        .conn
        .prepare_cached(
            "INSERT INTO notifications (tenant, user, id, kind, text, url, data, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            user.tenant.as_str(),
            user.user.as_str(),
            number(note.id),
            note.kind,
            note.text,
            note.url,
            note.data.as_deref(),
            note.created_at.as_millis(),
        ])?;
    Ok(Some(note))
}

pub(super) fn notifications(conn: &Connection, user: &UserKey, most: usize) -> Result<Vec<Notification>> {
    conn.prepare_cached(
        "SELECT id, kind, text, url, data, created_at, read FROM notifications
         WHERE tenant = ?1 AND user = ?2 ORDER BY id DESC LIMIT ?3",
    )?
    .query_map(
        params![user.tenant.as_str(), user.user.as_str(), limit(most)],
        notification,
    )?
    .collect()
}

fn notification(row: &Row<'_>) -> Result<Notification> {
    Ok(Notification {
        id: unsigned(row, 0)?,
        kind: row.get(1)?,
        text: row.get(2)?,
        url: row.get(3)?,
        data: row.get(4)?,
        created_at: time(row, 5)?,
        read: row.get(6)?,
    })
}

pub(super) fn read_notification(writing: &Writing<'_>, user: &UserKey, id: u64) -> Result<bool> {
    let found = writing
        .conn
        .prepare_cached("UPDATE notifications SET read = 1 WHERE tenant = ?1 AND user = ?2 AND id = ?3")?
        .execute(params![user.tenant.as_str(), user.user.as_str(), number(id)])?;
    Ok(found == 1)
}
