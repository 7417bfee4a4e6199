//! Chats, their members, and the lists made of them.

use charla_core::{Author, RoomKey, UserKey};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};

use super::directory;
use super::fault::Fault;
use super::rows::{
    self, CHAT_WIDTH, TENANT_WIDTH, USER_WIDTH, chat_columns, escaped, id, limit, message_columns,
    tenant_columns, time, unsigned, user_columns, words,
};
use super::session::Session;
use super::webhooks;
use crate::store::webhooks::{Event, EventKind, Hooks};
use crate::store::{Chat, InboxLine, Member, Standing};

async fn chat_id(session: &mut Session, key: &RoomKey) -> Result<Option<i64>, Fault> {
    let found = session
        .first(
            "SELECT id FROM chats WHERE tenant = $1 AND chat = $2",
            &[&key.tenant.as_str(), &key.chat.as_str()],
        )
        .await?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn chat(session: &mut Session, key: &RoomKey) -> Result<Option<Chat>, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.tenant = $1 AND c.chat = $2"
    );
    let found = session
        .first(SQL, &[&key.tenant.as_str(), &key.chat.as_str()])
        .await?;
    found.map(|row| rows::chat(&row, 0)).transpose()
}

/// Those of some chats that there are.
pub(super) async fn among(session: &mut Session, keys: &[RoomKey]) -> Result<Vec<Chat>, Fault> {
    // OFFSET keeps the planner from reading all chats of a tenant: the index has each.
    const SQL: &str = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM unnest($1::text[], $2::text[]) AS w (tenant, chat)
          JOIN LATERAL (SELECT * FROM chats WHERE tenant = w.tenant AND chat = w.chat OFFSET 0) c ON true"
    );
    let (tenants, chats): (Vec<&str>, Vec<&str>) = keys
        .iter()
        .map(|key| (key.tenant.as_str(), key.chat.as_str()))
        .unzip();
    let found = session.rows(SQL, &[&tenants, &chats]).await?;
    found.iter().map(|row| rows::chat(row, 0)).collect()
}

pub(super) async fn chats(
    session: &mut Session,
    tenant: &TenantId,
    after: Option<&ChatId>,
    most: usize,
) -> Result<Vec<Chat>, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.tenant = $1 AND c.chat > $2 ORDER BY c.chat LIMIT $3"
    );
    let after = after.map_or("", ChatId::as_str);
    let found = session
        .rows(SQL, &[&tenant.as_str(), &after, &limit(most)])
        .await?;
    found.iter().map(|row| rows::chat(row, 0)).collect()
}

pub(super) async fn put_chat(
    session: &mut Session,
    now: Timestamp,
    key: &RoomKey,
    title: Option<&str>,
) -> Result<Option<(Chat, bool)>, Fault> {
    if directory::tenant(session, &key.tenant).await?.is_none() {
        return Ok(None);
    }
    let made = make(session, now, key, title.unwrap_or(key.chat.as_str()), None).await?;
    if let (false, Some(title)) = (made, title) {
        session
            .execute(
                "UPDATE chats SET title = $3 WHERE tenant = $1 AND chat = $2",
                &[&key.tenant.as_str(), &key.chat.as_str(), &escaped(title)],
            )
            .await?;
    }
    changed(session, key, made).await
}

async fn support_chat_of(session: &mut Session, customer: &UserKey) -> Result<Option<Chat>, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats c WHERE c.tenant = $1 AND c.customer = $2"
    );
    let found = session
        .first(SQL, &[&customer.tenant.as_str(), &customer.user.as_str()])
        .await?;
    found.map(|row| rows::chat(&row, 0)).transpose()
}

/// When something happens, and who is to be told of it over HTTP.
pub(super) type Told<'a> = (Timestamp, &'a Hooks);

pub(super) async fn support_chat(
    session: &mut Session,
    told: Told<'_>,
    customer: &UserKey,
    fresh: &ChatId,
) -> Result<Option<(Chat, bool)>, Fault> {
    if let Some(chat) = support_chat_of(session, customer).await? {
        return Ok(Some((chat, false)));
    }
    if directory::tenant(session, &customer.tenant).await?.is_none() {
        return Ok(None);
    }
    let (now, _) = told;
    directory::ensure_user(session, now, customer).await?;
    let user = directory::user(session, customer).await?;
    let title = user.map_or_else(|| customer.user.as_str().into(), |user| user.name);
    let key = RoomKey {
        tenant: customer.tenant.clone(),
        chat: fresh.clone(),
    };
    if make(session, now, &key, &title, Some(&customer.user)).await? {
        put_member(session, told, &key, &customer.user).await?;
        return changed(session, &key, true).await;
    }
    // Another node made it between the two looks; or the fresh id is somebody else's, which is a fault of ours.
    match support_chat_of(session, customer).await? {
        Some(chat) => Ok(Some((chat, false))),
        None => Err(Fault::Contradiction(format!("the chat {fresh} is there already"))),
    }
}

/// Makes a chat; `false` when there is one of this id, or of this customer.
async fn make(
    session: &mut Session,
    now: Timestamp,
    key: &RoomKey,
    title: &str,
    customer: Option<&UserId>,
) -> Result<bool, Fault> {
    let made = session
        .execute(
            "INSERT INTO chats (tenant, chat, title, customer, moved, created_at)
             VALUES ($1, $2, $3, $4, nextval('chats_moved'), $5) ON CONFLICT DO NOTHING",
            &[
                &key.tenant.as_str(),
                &key.chat.as_str(),
                &escaped(title),
                &customer.map(UserId::as_str),
                &now.as_millis(),
            ],
        )
        .await?;
    Ok(made == 1)
}

/// The chat as it is now; `None` when there is none.
async fn changed(session: &mut Session, key: &RoomKey, flag: bool) -> Result<Option<(Chat, bool)>, Fault> {
    Ok(chat(session, key).await?.map(|chat| (chat, flag)))
}

pub(super) async fn close(
    session: &mut Session,
    (now, hooks): Told<'_>,
    key: &RoomKey,
    by: &Author,
    reason: Option<&str>,
) -> Result<Option<(Chat, bool)>, Fault> {
    let closed = session
        .execute(
            "UPDATE chats SET closed_by = $3, closed_by_name = $4, closed_at = $5, closed_reason = $6
             WHERE tenant = $1 AND chat = $2 AND closed_at IS NULL",
            &[
                &key.tenant.as_str(),
                &key.chat.as_str(),
                &by.id.as_str(),
                &escaped(&by.name),
                &now.as_millis(),
                &reason.map(escaped),
            ],
        )
        .await?;
    let closed = changed(session, key, closed == 1).await?;
    if let Some(event) = Event::moved(closed.as_ref(), now) {
        webhooks::queue(session, hooks, now, &event).await?;
    }
    Ok(closed)
}

pub(super) async fn reopen(
    session: &mut Session,
    (now, hooks): Told<'_>,
    key: &RoomKey,
) -> Result<Option<(Chat, bool)>, Fault> {
    let opened = session
        .execute(
            "UPDATE chats SET closed_by = NULL, closed_by_name = NULL, closed_at = NULL, closed_reason = NULL
             WHERE tenant = $1 AND chat = $2 AND closed_at IS NOT NULL",
            &[&key.tenant.as_str(), &key.chat.as_str()],
        )
        .await?;
    let opened = changed(session, key, opened == 1).await?;
    if let Some(event) = Event::moved(opened.as_ref(), now) {
        webhooks::queue(session, hooks, now, &event).await?;
    }
    Ok(opened)
}

/// Where the membership stands among the columns of a standing.
const MEMBER_AT: usize = TENANT_WIDTH + USER_WIDTH + CHAT_WIDTH;

/// Everything in one statement, so of one moment: a chat made between two looks would make a standing that never was.
pub(super) async fn standing(
    session: &mut Session,
    key: &UserKey,
    chat_asked: Option<&ChatId>,
) -> Result<Standing, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        tenant_columns!(),
        ", ",
        user_columns!(),
        ", ",
        chat_columns!(),
        ", b.person IS NOT NULL FROM (SELECT) one
         LEFT JOIN tenants t ON t.id = $1
         LEFT JOIN users u ON u.tenant = $1 AND u.id = $2
         LEFT JOIN chats c ON c.tenant = $1 AND c.chat = $3
         LEFT JOIN members b ON b.chat = c.id AND b.person = $2"
    );
    let row = session
        .one(
            SQL,
            &[
                &key.tenant.as_str(),
                &key.user.as_str(),
                &chat_asked.map(ChatId::as_str),
            ],
        )
        .await?;
    let has = |at| row.try_get::<_, Option<&str>>(at).map(|text| text.is_some());
    let (tenant, user, chat) = (0, TENANT_WIDTH, TENANT_WIDTH + USER_WIDTH);
    Ok(Standing {
        tenant: has(tenant)?.then(|| rows::tenant(&row, tenant)).transpose()?,
        user: has(user)?.then(|| rows::user(&row, user)).transpose()?,
        chat: has(chat)?.then(|| rows::chat(&row, chat)).transpose()?,
        member: row.try_get(MEMBER_AT)?,
    })
}

pub(super) async fn members(session: &mut Session, key: &RoomKey) -> Result<Vec<Member>, Fault> {
    let found = session
        .rows(
            "SELECT m.person, u.name, coalesce(r.seq, 0), m.joined_at
             FROM chats c JOIN members m ON m.chat = c.id
             JOIN users u ON u.tenant = m.tenant AND u.id = m.person
             LEFT JOIN reads r ON r.chat = m.chat AND r.person = m.person
             WHERE c.tenant = $1 AND c.chat = $2 ORDER BY m.person",
            &[&key.tenant.as_str(), &key.chat.as_str()],
        )
        .await?;
    let members = found.iter().map(|row| {
        Ok(Member {
            user: id(row, 0)?,
            name: words(row, 1)?,
            read_seq: unsigned(row, 2)?,
            joined_at: time(row, 3)?,
        })
    });
    members.collect()
}

/// Holds the chat to the end of the transaction where its members' coming and going is told: what is told of a chat becomes
/// visible in its order.
async fn hold(session: &mut Session, hooks: &Hooks, key: &RoomKey, kind: EventKind) -> Result<(), Fault> {
    if hooks.wants(&key.tenant, kind) {
        let sql = "SELECT 1 FROM chats WHERE tenant = $1 AND chat = $2 FOR NO KEY UPDATE";
        session
            .rows(sql, &[&key.tenant.as_str(), &key.chat.as_str()])
            .await?;
    }
    Ok(())
}

pub(super) async fn put_member(
    session: &mut Session,
    (now, hooks): Told<'_>,
    key: &RoomKey,
    user: &UserId,
) -> Result<Option<bool>, Fault> {
    let Some(chat) = chat_id(session, key).await? else {
        return Ok(None);
    };
    let user = UserKey {
        tenant: key.tenant.clone(),
        user: user.clone(),
    };
    hold(session, hooks, key, EventKind::MemberJoined).await?;
    directory::ensure_user(session, now, &user).await?;
    let made = session
        .execute(
            "INSERT INTO members (chat, tenant, person, joined_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (chat, person) DO NOTHING",
            &[
                &chat,
                &user.tenant.as_str(),
                &user.user.as_str(),
                &now.as_millis(),
            ],
        )
        .await?;
    if made == 1 {
        let event = Event::MemberJoined {
            room: key.clone(),
            user: user.user,
            at: now,
        };
        webhooks::queue(session, hooks, now, &event).await?;
    }
    Ok(Some(made == 1))
}

/// Ends the membership and the read marker with it: who left is not shown as having read.
pub(super) async fn remove_member(
    session: &mut Session,
    (now, hooks): Told<'_>,
    key: &RoomKey,
    user: &UserId,
) -> Result<bool, Fault> {
    let Some(chat) = chat_id(session, key).await? else {
        return Ok(false);
    };
    hold(session, hooks, key, EventKind::MemberLeft).await?;
    let removed = session
        .execute(
            "DELETE FROM members WHERE chat = $1 AND person = $2",
            &[&chat, &user.as_str()],
        )
        .await?;
    if removed == 1 {
        session
            .execute(
                "DELETE FROM reads WHERE chat = $1 AND person = $2",
                &[&chat, &user.as_str()],
            )
            .await?;
        let event = Event::MemberLeft {
            room: key.clone(),
            user: user.clone(),
            at: now,
        };
        webhooks::queue(session, hooks, now, &event).await?;
    }
    Ok(removed == 1)
}

/// The chats of one person. Which ones is settled before anything else of them is read.
const INBOX_OF_MEMBER: &str = concat!(
    "WITH mine AS MATERIALIZED (
       SELECT c.id, c.moved FROM members b JOIN chats c ON c.id = b.chat
       WHERE b.tenant = $1 AND b.person = $2 ORDER BY c.moved DESC LIMIT $3)
     SELECT ",
    chat_columns!(),
    ", coalesce(r.seq, 0), ",
    message_columns!(),
    " FROM mine JOIN chats c ON c.id = mine.id
     LEFT JOIN reads r ON r.chat = c.id AND r.person = $2
     LEFT JOIN messages m ON m.chat = c.id AND m.seq = c.last_seq
     ORDER BY mine.moved DESC"
);

/// The chats of a tenant, as a person who may see all of them finds them.
const INBOX_OF_AGENT: &str = concat!(
    "SELECT ",
    chat_columns!(),
    ", coalesce(r.seq, 0), ",
    message_columns!(),
    " FROM (SELECT * FROM chats WHERE tenant = $1 ORDER BY moved DESC LIMIT $3) c
     LEFT JOIN reads r ON r.chat = c.id AND r.person = $2
     LEFT JOIN messages m ON m.chat = c.id AND m.seq = c.last_seq
     ORDER BY c.moved DESC"
);

pub(super) async fn inbox(
    session: &mut Session,
    user: &UserKey,
    every: bool,
    most: usize,
) -> Result<Vec<InboxLine>, Fault> {
    let sql = if every { INBOX_OF_AGENT } else { INBOX_OF_MEMBER };
    let found = session
        .rows(sql, &[&user.tenant.as_str(), &user.user.as_str(), &limit(most)])
        .await?;
    let lines = found.iter().map(|row| {
        let chat = rows::chat(row, 0)?;
        let last = match chat.last_seq {
            0 => None,
            _ => Some(rows::message(row, CHAT_WIDTH + 1, chat.key.clone())?),
        };
        Ok(InboxLine {
            read_seq: unsigned(row, CHAT_WIDTH)?,
            chat,
            last,
        })
    });
    lines.collect()
}
