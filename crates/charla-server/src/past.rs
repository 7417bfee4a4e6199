//! The messages that the application had before, out of its own table into the store: `charla import-history`.
//!
//! Rows are read as they stand at one moment, in the order of the query, and stored some hundred a commit. A second run
//! adds nothing twice: a message's id comes from its row. A chat stops at the first row that has no place in it, so that
//! no message gets a number before one that was said earlier; other chats go on.

use std::collections::HashMap;

use charla_core::RoomKey;
use charla_wire::{TenantId, Timestamp};
use tokio::sync::mpsc;

use crate::application::{Application, ApplicationError, Query, QueryError, Row};
use crate::settings::{DatabaseKind, HISTORY_BACKFILL_NAMES, LimitSettings};
use crate::store::{Fate, Past, Store, StoreError};

mod row;

use row::Reader;

/// Batches between the two databases.
const AHEAD: usize = 2;
/// Stops that are told one by one; those beyond are counted.
const STOPS_TOLD: usize = 100;

/// Why an import ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The application's database.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The query gives no such column.
    #[error("`history.backfill` gives no column `{0}`; it needs chat, author, text and sent_at")]
    NoColumn(&'static str),
}

/// Why a chat takes no more rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Its last message in the store was said later.
    #[error("the chat has a message of {last} already, which is later: numbers follow time")]
    Newer {
        /// When that was said.
        last: Timestamp,
    },
    /// A row before this one was said later.
    #[error("a row before it is of {before}, which is later: end the query with ORDER BY sent_at, id")]
    Order {
        /// When that was said.
        before: Timestamp,
    },
    /// It is of a time that has not come.
    #[error("it is of a time that has not come: is the column in UTC?")]
    Ahead,
    /// A column holds what cannot be taken.
    #[error("`{column}` {what}")]
    Column {
        /// Which.
        column: &'static str,
        /// What is wrong with it; never its words.
        what: String,
    },
}

/// A chat that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The chat, as the row names it.
    pub chat: String,
    /// The row, counted from 1.
    pub row: u64,
    /// When it was said, if that can be read.
    pub sent_at: Option<Timestamp>,
    /// Why.
    pub why: Stop,
}

/// How far an import of one tenant has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that were read.
    pub rows: u64,
    /// Messages that are new in the store, or would be.
    pub new: u64,
    /// Those that were there already.
    pub known: u64,
    /// Rows that were left out: those that stopped a chat, and those behind them.
    pub left_out: u64,
    /// Chats with rows.
    pub chats: u64,
    /// Chats that are new in the store, or would be.
    pub new_chats: u64,
    /// How many chats stopped.
    pub stopped_chats: u64,
    /// The first of them.
    pub stopped: Vec<Stopped>,
}

/// From where to where.
pub struct Import<'a> {
    /// The application's database.
    pub application: &'a Application,
    /// The store; `None` for one that is not made yet, where nothing is to be written.
    pub store: Option<&'a dyn Store>,
    /// What is asked, [`parse`]d.
    pub query: &'a Query,
    /// How long texts and data may be.
    pub limits: &'a LimitSettings,
    /// No message is said later.
    pub now: Timestamp,
    /// Whether anything is written.
    pub write: bool,
}

/// Reads `history.backfill`.
///
/// # Errors
/// [`QueryError`].
pub fn parse(text: &str, kind: DatabaseKind) -> Result<Query, QueryError> {
    Query::parse(text, kind, &HISTORY_BACKFILL_NAMES)
}

/// A chat while its rows come.
struct Chat {
    last: Timestamp,
    stopped: bool,
}

/// A tenant's rows on their way.
struct Taking<'a> {
    import: &'a Import<'a>,
    tenant: &'a TenantId,
    reader: Option<Reader>,
    /// By the row's own word for it.
    chats: HashMap<String, Chat>,
    progress: Progress,
}

impl Import<'_> {
    /// Takes over the messages of one tenant, which must be there where anything is written; `told` hears how far it has come.
    ///
    /// # Errors
    /// [`ImportError`]. What was stored before stays, and a second run goes on there.
    pub async fn tenant(
        &self,
        tenant: &TenantId,
        mut told: impl FnMut(&Progress) + Send,
    ) -> Result<Progress, ImportError> {
        let (sink, mut batches) = mpsc::channel(AHEAD);
        let mut taking = Taking {
            import: self,
            tenant,
            reader: None,
            chats: HashMap::new(),
            progress: Progress::default(),
        };
        let values = [(
            "tenant",
            crate::application::Value::Text(tenant.as_str().to_owned()),
        )];
        let pouring = async {
            let poured = self
                .application
                .pour(Some(tenant), self.query, &values, &sink)
                .await;
            drop(sink);
            poured
        };
        let taking = async move {
            while let Some(rows) = batches.recv().await {
                taking.rows(rows).await?;
                told(&taking.progress);
            }
            Ok::<_, ImportError>(taking.progress)
        };
        let (poured, taken) = tokio::join!(pouring, taking);
        let progress = taken?;
        poured?;
        Ok(progress)
    }
}

impl Taking<'_> {
    async fn rows(&mut self, rows: Vec<Row>) -> Result<(), ImportError> {
        let mut batch: Vec<(String, u64, Past)> = Vec::with_capacity(rows.len());
        for row in rows {
            self.progress.rows += 1;
            if let Some((chat, past)) = self.row(&row)? {
                batch.push((chat, self.progress.rows, past));
            }
        }
        let past: Vec<Past> = batch.iter().map(|(_, _, past)| past.clone()).collect();
        let fates = self.fates(past).await?;
        for ((chat, row, past), fate) in batch.into_iter().zip(fates) {
            match fate {
                Fate::New(_) => self.progress.new += 1,
                Fate::Known => self.progress.known += 1,
                Fate::Newer(last) => self.stop(&chat, row, Some(past.sent_at), Stop::Newer { last }),
                // Chats are made before; one that was taken away in between is made by the next run.
                Fate::Behind | Fate::NoChat => self.progress.left_out += 1,
            }
        }
        Ok(())
    }

    /// The message of a row, if its chat takes it as far as can be told without the store.
    fn row(&mut self, row: &Row) -> Result<Option<(String, Past)>, ImportError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            empty => empty.insert(Reader::new(row)?),
        };
        let number = self.progress.rows;
        let name = reader.chat_name(row);
        let known = self.chats.get(&name);
        let is_new = known.is_none();
        if known.is_some_and(|chat| chat.stopped) {
            self.progress.left_out += 1;
            return Ok(None);
        }
        let before = known.map(|chat| chat.last);
        let sent_at = reader.sent_at(row);
        self.progress.chats += u64::from(is_new);
        let read = reader
            .past(row, self.tenant, self.import.limits)
            .and_then(|past| {
                if past.sent_at > self.import.now {
                    return Err(Stop::Ahead);
                }
                match before.filter(|before| *before > past.sent_at) {
                    Some(before) => Err(Stop::Order { before }),
                    None => Ok(past),
                }
            });
        match read {
            Ok(past) => {
                let chat = Chat {
                    last: past.sent_at,
                    stopped: false,
                };
                self.chats.insert(name.clone(), chat);
                Ok(Some((name, past)))
            }
            Err(why) => {
                self.stop(&name, number, sent_at, why);
                Ok(None)
            }
        }
    }

    fn stop(&mut self, chat: &str, row: u64, sent_at: Option<Timestamp>, why: Stop) {
        self.progress.left_out += 1;
        let last = sent_at.unwrap_or_default();
        let stopped = Chat { last, stopped: true };
        if self
            .chats
            .insert(chat.to_owned(), stopped)
            .is_some_and(|chat| chat.stopped)
        {
            return;
        }
        self.progress.stopped_chats += 1;
        if self.progress.stopped.len() < STOPS_TOLD {
            let chat = chat.to_owned();
            self.progress.stopped.push(Stopped {
                chat,
                row,
                sent_at,
                why,
            });
        }
    }

    /// What the store makes of them, their chats being made first.
    async fn fates(&mut self, past: Vec<Past>) -> Result<Vec<Fate>, ImportError> {
        let Some(store) = self.import.store else {
            return Ok(self.all_new(&past));
        };
        let mut rooms: Vec<RoomKey> = past.iter().map(|past| past.draft.room.clone()).collect();
        rooms.sort_unstable_by(|one, other| one.chat.cmp(&other.chat));
        rooms.dedup();
        let there = store.chats_among(&rooms).await?;
        rooms.retain(|room| !there.iter().any(|chat| chat.key == *room));
        if self.import.write {
            for room in &rooms {
                let made = store.put_chat(room, None).await?;
                self.progress.new_chats += u64::from(made.is_some_and(|(_, new)| new));
            }
        }
        let mut fates = store.backfill(past.clone(), self.import.write).await?;
        if !self.import.write {
            let fresh: Vec<Past> = past
                .into_iter()
                .filter(|past| rooms.contains(&past.draft.room))
                .collect();
            let mut fresh = self.all_new(&fresh).into_iter();
            for fate in fates.iter_mut().filter(|fate| **fate == Fate::NoChat) {
                *fate = fresh.next().unwrap_or(Fate::NoChat);
            }
        }
        Ok(fates)
    }

    /// What would become of messages in chats that there are not yet.
    fn all_new(&mut self, past: &[Past]) -> Vec<Fate> {
        past.iter()
            .map(|past| {
                let reader = self.reader.as_mut();
                let first = reader.is_some_and(|reader| reader.is_first_of(&past.draft.room.chat));
                self.progress.new_chats += u64::from(first);
                Fate::New(0)
            })
            .collect()
    }
}
