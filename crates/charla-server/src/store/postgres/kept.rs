//! The server's own values, and how many there are of what is limited.

use std::sync::Arc;

use charla_wire::TenantId;

use super::Postgres;
use super::fault::Fault;
use super::rows::{self, escaped};
use crate::store::StoreFuture;
use crate::store::kept::{Kept, Setting};

impl Kept for Postgres {
    fn kept<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            let found = lease
                .session()?
                .rows(
                    "SELECT name, value FROM kept WHERE starts_with(name, $1) ORDER BY name",
                    &[&escaped(prefix)],
                )
                .await;
            let found = found.map_err(Fault::told)?;
            let values = found
                .iter()
                .map(|row| Ok((rows::words(row, 0)?, rows::words(row, 1)?)));
            values.collect::<Result<_, Fault>>().map_err(Fault::told)
        })
    }

    fn set_kept(&self, values: Arc<[Setting]>) -> StoreFuture<'_, ()> {
        self.change(move |session, _| {
            Box::pin(async move {
                for (name, value) in values.iter() {
                    let name = escaped(name);
                    match value {
                        Some(value) => {
                            session
                                .execute(
                                    "INSERT INTO kept (name, value) VALUES ($1, $2)
                                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                    &[&name, &escaped(value)],
                                )
                                .await?
                        }
                        None => {
                            session
                                .execute("DELETE FROM kept WHERE name = $1", &[&name])
                                .await?
                        }
                    };
                }
                Ok(())
            })
        })
    }

    fn chat_count<'a>(&'a self, tenant: &'a TenantId) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let mut lease = self.pool.take().await?;
            let row = lease
                .session()?
                .one(
                    "SELECT count(*) FROM chats WHERE tenant = $1",
                    &[&tenant.as_str()],
                )
                .await;
            let count: i64 = row.and_then(|row| Ok(row.try_get(0)?)).map_err(Fault::told)?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }
}
