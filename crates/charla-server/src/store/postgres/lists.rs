//! What lists of chats show: two statements, whatever the number of chats.

use std::collections::HashMap;

use charla_core::RoomKey;

use super::Postgres;
use super::fault::Fault;
use super::rows::{self, CHAT_WIDTH, chat_columns, id, message_columns, unsigned};
use super::session::Session;
use crate::store::StoreFuture;
use crate::store::lists::{Listed, Lists, Reader};

// OFFSET keeps the planner from reading all chats of a tenant: the index has each.
const LAST: &str = concat!(
    "SELECT ",
    chat_columns!(),
    ", ",
    message_columns!(),
    ", c.id FROM unnest($1::text[], $2::text[]) AS w (tenant, chat)
      JOIN LATERAL (SELECT * FROM chats WHERE tenant = w.tenant AND chat = w.chat OFFSET 0) c ON true
      JOIN LATERAL (SELECT * FROM messages WHERE chat = c.id ORDER BY seq DESC LIMIT 1) m ON true"
);
const PEOPLE: &str = "SELECT w.chat, p.person, p.seq, p.is_member FROM unnest($1::bigint[]) AS w (chat)
      JOIN LATERAL (
          SELECT coalesce(m.person, r.person) AS person, coalesce(r.seq, 0) AS seq, m.person IS NOT NULL AS is_member
          FROM (SELECT person FROM members WHERE chat = w.chat) m
          FULL JOIN (SELECT person, seq FROM reads WHERE chat = w.chat) r ON r.person = m.person
      ) p ON true";

impl Lists for Postgres {
    fn listed<'a>(&'a self, keys: &'a [RoomKey]) -> StoreFuture<'a, Vec<Listed>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            listed(lease.session()?, keys).await.map_err(Fault::told)
        })
    }
}

async fn listed(session: &mut Session, keys: &[RoomKey]) -> Result<Vec<Listed>, Fault> {
    let (tenants, chats): (Vec<&str>, Vec<&str>) = keys
        .iter()
        .map(|key| (key.tenant.as_str(), key.chat.as_str()))
        .unzip();
    let mut listed = HashMap::new();
    for row in session.rows(LAST, &[&tenants, &chats]).await? {
        let chat = rows::chat(&row, 0)?;
        let last = rows::message(&row, CHAT_WIDTH, chat.key.clone())?;
        let number: i64 = row.try_get(CHAT_WIDTH + rows::MESSAGE_WIDTH)?;
        let people = Vec::new();
        listed.insert(number, Listed { chat, last, people });
    }
    let numbers: Vec<i64> = listed.keys().copied().collect();
    for row in session.rows(PEOPLE, &[&numbers]).await? {
        let number: i64 = row.try_get(0)?;
        if let Some(chat) = listed.get_mut(&number) {
            chat.people.push(Reader {
                user: id(&row, 1)?,
                read_seq: unsigned(&row, 2)?,
                is_member: row.try_get(3)?,
            });
        }
    }
    Ok(listed.into_values().collect())
}
