//! What the store holds when the server has ended, against what people said and heard of it.

use std::collections::HashMap;
use std::path::Path;

use super::people::Said;
use super::town::{ARCHIVE, HISTORY};
use crate::failure::Outcome;

/// How the two differ.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Messages of the evening.
    pub(crate) stored: u64,
    /// Acknowledged and not there, or not at the acknowledged place.
    pub(crate) lost: u64,
    /// Acknowledged and there more than once.
    pub(crate) doubled: u64,
    /// There, but said by nobody.
    pub(crate) invented: u64,
    /// Numbers between the first and the last of a chat that no message has.
    pub(crate) holes: u64,
    /// Said by somebody who left before the answer, and stored all the same, which is fine.
    pub(crate) unheard: u64,
}

/// Reads the whole store and compares.
pub(crate) fn compare(data: &Path, said: &HashMap<[u8; 16], Said>) -> Outcome<Kept> {
    let store = rusqlite::Connection::open(data.join("charla.db"))?;
    let mut rows = store.prepare(
        "SELECT c.chat, m.seq, m.id FROM messages m JOIN chats c ON c.id = m.chat WHERE m.seq > ?1 AND c.chat != ?2 ORDER BY m.chat, m.seq",
    )?;
    let rows = rows.query_map((i64::try_from(HISTORY).unwrap_or(i64::MAX), ARCHIVE), |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, [u8; 16]>(2)?,
        ))
    })?;
    let mut kept = Kept::default();
    let mut found: HashMap<[u8; 16], (u64, u64)> = HashMap::new();
    let mut place = (String::new(), HISTORY);
    for row in rows {
        let (chat, seq, id) = row?;
        let seq = seq.unsigned_abs();
        kept.stored += 1;
        if place.0 != chat {
            place = (chat, HISTORY);
        }
        kept.holes += seq - place.1 - 1;
        place.1 = seq;
        let entry = found.entry(id).or_insert((0, seq));
        entry.0 += 1;
        entry.1 = seq;
        match said.get(&id) {
            None => kept.invented += 1,
            Some(said) if said.chat != place.0 => kept.invented += 1,
            Some(said) => kept.unheard += u64::from(said.seq.is_none()),
        }
    }
    for (id, said) in said {
        let Some(acked) = said.seq else { continue };
        match found.get(id) {
            Some((1, seq)) if *seq == acked => {}
            Some((2.., _)) => kept.doubled += 1,
            Some(_) | None => kept.lost += 1,
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted() {
        let folder = std::env::temp_dir().join(format!("charla-soak-store-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = rusqlite::Connection::open(folder.join("charla.db")).unwrap();
        store
            .execute_batch(
                "CREATE TABLE chats (id INTEGER, chat TEXT); INSERT INTO chats VALUES (1, 'c0'), (2, 'c1');\
                 CREATE TABLE messages (chat INTEGER, seq INTEGER, id BLOB);",
            )
            .unwrap();
        let id = |number: u8| [number; 16];
        for (chat, seq, number) in [
            (1, 201, 1),
            (1, 202, 2),
            (1, 204, 3),
            (2, 201, 4),
            (2, 202, 4),
            (2, 203, 9),
        ] {
            store
                .execute(
                    "INSERT INTO messages VALUES (?1, ?2, ?3)",
                    (chat, seq, id(number)),
                )
                .unwrap();
        }
        let said = |chat: &str, seq| Said {
            chat: chat.into(),
            seq,
        };
        let all = HashMap::from([
            (id(1), said("c0", Some(201))),
            (id(2), said("c0", None)),
            (id(3), said("c0", Some(203))),
            (id(4), said("c1", Some(201))),
            (id(5), said("c1", Some(209))),
        ]);
        let kept = compare(&folder, &all).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            (
                kept.stored,
                kept.lost,
                kept.doubled,
                kept.invented,
                kept.holes,
                kept.unheard
            ),
            (6, 2, 1, 1, 1, 1),
            "{kept:?}"
        );
    }
}
