//! What lists of chats show: one look by one of the readers, whatever the number of chats.

use charla_core::RoomKey;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::Sqlite;
use super::rows::{self, CHAT_WIDTH, chat_columns, id, message_columns, unsigned};
use crate::store::StoreFuture;
use crate::store::lists::{Listed, Lists, Reader};

const LAST: &str = concat!(
    "SELECT ",
    chat_columns!(),
    ", ",
    message_columns!(),
    ", c.id FROM chats c JOIN messages m ON m.chat = c.id
     WHERE c.tenant = ?1 AND c.chat = ?2 ORDER BY m.seq DESC LIMIT 1"
);
const PEOPLE: &str = "SELECT coalesce(m.user, r.user), coalesce(r.seq, 0), m.user IS NOT NULL
     FROM (SELECT user FROM members WHERE chat = ?1) m
     FULL JOIN (SELECT user, seq FROM reads WHERE chat = ?1) r ON r.user = m.user";

impl Lists for Sqlite {
    fn listed<'a>(&'a self, keys: &'a [RoomKey]) -> StoreFuture<'a, Vec<Listed>> {
        let keys = keys.to_vec();
        self.readers.read(move |conn| {
            let found = keys.iter().map(|key| listed(conn, key));
            found.filter_map(Result::transpose).collect()
        })
    }
}

fn listed(conn: &Connection, key: &RoomKey) -> Result<Option<Listed>> {
    let found = conn
        .prepare_cached(LAST)?
        .query_row([key.tenant.as_str(), key.chat.as_str()], |row| {
            let chat = rows::chat(row, 0)?;
            let last = rows::message(row, CHAT_WIDTH, chat.key.clone())?;
            Ok((chat, last, row.get::<_, i64>(CHAT_WIDTH + rows::MESSAGE_WIDTH)?))
        })
        .optional()?;
    let Some((chat, last, number)) = found else {
        return Ok(None);
    };
    let people = conn
        .prepare_cached(PEOPLE)?
        .query_map(params![number], |row| {
            Ok(Reader {
                user: id(row, 0)?,
                read_seq: unsigned(row, 1)?,
                is_member: row.get(2)?,
            })
        })?
        .collect::<Result<_>>()?;
    Ok(Some(Listed { chat, last, people }))
}
