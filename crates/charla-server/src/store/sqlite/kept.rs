//! The server's own values, and how many there are of what is limited.

use std::sync::Arc;

use charla_wire::TenantId;

use super::Sqlite;
use crate::store::StoreFuture;
use crate::store::kept::{Kept, Setting};

impl Kept for Sqlite {
    fn kept<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        let prefix = prefix.to_owned();
        self.readers.read(move |conn| {
            conn.prepare_cached(
                "SELECT name, value FROM kept WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name",
            )?
            .query_map([&prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
        })
    }

    fn set_kept(&self, values: Arc<[Setting]>) -> StoreFuture<'_, ()> {
        self.write(move |writing| {
            for (name, value) in values.iter() {
                match value {
                    Some(value) => writing
                        .conn
                        .prepare_cached(
                            "INSERT INTO kept (name, value) VALUES (?1, ?2)
                             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                        )?
                        .execute([name, value])?,
                    None => writing
                        .conn
                        .prepare_cached("DELETE FROM kept WHERE name = ?1")?
                        .execute([name])?,
                };
            }
            Ok(())
        })
    }

    fn chat_count<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, u64> {
        let tenant = tenant.clone();
        self.readers.read(move |conn| {
            let count: i64 = conn
                .prepare_cached("SELECT count(*) FROM chats WHERE tenant = ?1")?
                .query_row([tenant.as_str()], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }
}
