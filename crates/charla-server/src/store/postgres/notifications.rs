//! Notes from the application to one person.

use charla_core::UserKey;
use charla_wire::Timestamp;
use tokio_postgres::Row;

use super::directory;
use super::fault::Fault;
use super::rows::{escaped, limit, number, time, unsigned, words, words_or_none};
use super::session::Session;
use crate::store::Notification;

/// Stores a note under the tenant's next number, unread, with the time of now.
pub(super) async fn notify(
    session: &mut Session,
    now: Timestamp,
    user: &UserKey,
    note: Notification,
) -> Result<Option<Notification>, Fault> {
    if directory::user(session, user).await?.is_none() {
        return Ok(None);
    }
    let row = session
        .one(
            "UPDATE tenants SET last_notification = last_notification + 1 WHERE id = $1
             RETURNING last_notification",
            &[&user.tenant.as_str()],
        )
        .await?;
    let note = Notification {
        id: unsigned(&row, 0)?,
        created_at: now,
        read: false,
        ..note
    };
    session
        .execute(
            "INSERT INTO notifications (tenant, person, id, kind, text, url, data, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &user.tenant.as_str(),
                &user.user.as_str(),
                &number(note.id),
                &escaped(&note.kind),
                &escaped(&note.text),
                &note.url.as_deref().map(escaped),
                &note.data.as_deref().map(escaped),
                &note.created_at.as_millis(),
            ],
        )
        .await?;
    Ok(Some(note))
}

pub(super) async fn notifications(
    session: &mut Session,
    user: &UserKey,
    most: usize,
) -> Result<Vec<Notification>, Fault> {
    let found = session
        .rows(
            "SELECT id, kind, text, url, data, created_at, read FROM notifications
             WHERE tenant = $1 AND person = $2 ORDER BY id DESC LIMIT $3",
            &[&user.tenant.as_str(), &user.user.as_str(), &limit(most)],
        )
        .await?;
    found.iter().map(notification).collect()
}

fn notification(row: &Row) -> Result<Notification, Fault> {
    Ok(Notification {
        id: unsigned(row, 0)?,
        kind: words(row, 1)?,
        text: words(row, 2)?,
        url: words_or_none(row, 3)?,
        data: words_or_none(row, 4)?,
        created_at: time(row, 5)?,
        read: row.try_get(6)?,
    })
}

pub(super) async fn read_notification(session: &mut Session, user: &UserKey, id: u64) -> Result<bool, Fault> {
    let found = session
        .execute(
            "UPDATE notifications SET read = true WHERE tenant = $1 AND person = $2 AND id = $3",
            &[&user.tenant.as_str(), &user.user.as_str(), &number(id)],
        )
        .await?;
    Ok(found == 1)
}
