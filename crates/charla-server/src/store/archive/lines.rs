//! The file that carries a store: JSON lines, format 1.
//!
//! The first line is `{"charla_export":1}`. Each further line is a record, `{"table":"users","tenant":...}`, with all of
//! its columns, tables in the order of [`Table::ALL`], rows by their key. Behind the last message of a chat stands
//! `{"chat_end":[TENANT, CHAT],"messages":N,"sha256":"..."}`, where the hash is that of the chat's message lines, each
//! with its line feed. The last line is `{"end":{"users":N, ...},"sha256":"..."}`: the rows of each table, and the hash of
//! all lines before it. Times are milliseconds since 1970 UTC.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Column, Record, Table};

/// The format that is written, and the only one that is read.
pub const FORMAT: u64 = 1;
/// A line that is longer is none of ours: a message has at most some hundred KiB.
const LONGEST: u64 = 64 * 1024 * 1024;

/// A tenant and a chat of it.
pub type ChatName = (String, String);

/// A chat's messages in one figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatSum {
    /// How many there are.
    pub messages: u64,
    /// SHA-256 over their lines, in hex.
    pub sha256: String,
}

/// The sums of the chats that have messages: some 200 bytes of memory each.
pub type ChatSums = BTreeMap<ChatName, ChatSum>;

/// Rows by table.
pub type Counts = BTreeMap<&'static str, u64>;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no export of ours.
    #[error("it is not an export of charla")]
    Foreign,
    /// It was written by a newer program.
    #[error("it has format {0}; this charla reads format {FORMAT}")]
    Newer(u64),
    /// A line is damaged.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// It ends before its last line.
    #[error("it is cut off after line {0}")]
    Cut(u64),
}

/// Sums up chats as their messages come by, one chat after the other.
#[derive(Debug, Default)]
pub struct Summing {
    current: Option<(ChatName, u64, Sha256)>,
}

impl Summing {
    /// Takes the next record in the order of a dump, and its line; the sum of the chat that is over by it, if one is.
    pub fn next(&mut self, record: &Record, line: &[u8]) -> Option<(ChatName, ChatSum)> {
        if record.table != Table::Messages {
            return self.finish();
        }
        if let Some(((tenant, chat), count, hash)) = &mut self.current
            && tenant == record.text(0)
            && chat == record.text(1)
        {
            *count += 1;
            hash.update(line);
            return None;
        }
        let over = self.finish();
        let key = (record.text(0).to_owned(), record.text(1).to_owned());
        self.current = Some((key, 1, Sha256::new_with_prefix(line)));
        over
    }

    /// The sum of the chat that was under way.
    pub fn finish(&mut self) -> Option<(ChatName, ChatSum)> {
        let (key, messages, hash) = self.current.take()?;
        let sha256 = hex(hash);
        Some((key, ChatSum { messages, sha256 }))
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn none() -> Counts {
    // Files of before know nothing of attachments: where there are none, nothing is said of them.
    let known = Table::ALL.iter().filter(|table| **table != Table::Attachments);
    known.map(|table| (table.name(), 0)).collect()
}

/// A record as its line, line feed included.
#[must_use]
pub fn line(record: &Record) -> String {
    let mut line = format!("{{\"table\":\"{}\"", record.table.name());
    let columns = record.table.columns().iter().zip(&record.values);
    for (column, value) in columns.filter(|(column, value)| !(column.added && value.is_null())) {
        line.push_str(&format!(",\"{}\":{value}", column.name));
    }
    line.push_str("}\n");
    line
}

/// Writes a file.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    hash: Sha256,
    counts: Counts,
    summing: Summing,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    ///
    /// # Errors
    /// What `out` says.
    pub fn begin(out: W) -> Result<Self, FileError> {
        let mut writer = Self {
            out,
            hash: Sha256::new(),
            counts: none(),
            summing: Summing::default(),
        };
        writer.put(&format!("{}\n", json!({"charla_export": FORMAT})))?;
        Ok(writer)
    }

    fn put(&mut self, line: &str) -> Result<(), FileError> {
        self.hash.update(line);
        Ok(self.out.write_all(line.as_bytes())?)
    }

    fn chat_end(&mut self, over: Option<(ChatName, ChatSum)>) -> Result<(), FileError> {
        let Some(((tenant, chat), sum)) = over else {
            return Ok(());
        };
        let end = json!({"chat_end": [tenant, chat], "messages": sum.messages, "sha256": sum.sha256});
        self.put(&format!("{end}\n"))
    }

    /// Adds the next record.
    ///
    /// # Errors
    /// What `out` says.
    pub fn add(&mut self, record: &Record) -> Result<(), FileError> {
        let line = line(record);
        let over = self.summing.next(record, line.as_bytes());
        self.chat_end(over)?;
        *self.counts.entry(record.table.name()).or_default() += 1;
        self.put(&line)
    }

    /// Ends it; the rows of each table, and what it was written to.
    ///
    /// # Errors
    /// What `out` says.
    pub fn end(mut self) -> Result<(Counts, W), FileError> {
        let over = self.summing.finish();
        self.chat_end(over)?;
        let end = json!({"end": self.counts, "sha256": hex(self.hash)});
        self.out.write_all(format!("{end}\n").as_bytes())?;
        self.out.flush()?;
        Ok((self.counts, self.out))
    }
}

/// Reads a file, and checks it on the way.
#[derive(Debug)]
pub struct Reader<R: BufRead> {
    input: R,
    hash: Sha256,
    line: u64,
    bytes: u64,
    last: Table,
    counts: Counts,
    summing: Summing,
    sums: ChatSums,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// [`FileError::Foreign`] and [`FileError::Newer`].
    pub fn begin(input: R) -> Result<Self, FileError> {
        let mut reader = Self {
            input,
            hash: Sha256::new(),
            line: 0,
            bytes: 0,
            last: Table::Tenants,
            counts: none(),
            summing: Summing::default(),
            sums: ChatSums::new(),
            ended: false,
        };
        let first = reader.read().map_err(|error| match error {
            FileError::Cut(_) => FileError::Foreign,
            FileError::Io(_) | FileError::Foreign | FileError::Newer(_) | FileError::Line { .. } => error,
        })?;
        reader.hash.update(&first);
        let head: Value = serde_json::from_slice(&first).map_err(|_| FileError::Foreign)?;
        match head.get("charla_export").and_then(Value::as_u64) {
            None => Err(FileError::Foreign),
            Some(FORMAT) => Ok(reader),
            Some(other) => Err(FileError::Newer(other)),
        }
    }

    /// The line that was read last, counted from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes were read.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The rows of each table, and the sums of the chats, that were read so far.
    #[must_use]
    pub fn found(self) -> (Counts, ChatSums) {
        (self.counts, self.sums)
    }

    fn read(&mut self) -> Result<Vec<u8>, FileError> {
        let mut line = Vec::new();
        (&mut self.input).take(LONGEST).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(FileError::Cut(self.line));
        }
        self.line += 1;
        self.bytes += line.len() as u64;
        Ok(line)
    }

    fn damaged(&self, what: impl Into<String>) -> FileError {
        FileError::Line {
            line: self.line,
            what: what.into(),
        }
    }

    /// The next record; `None` behind the last one, which proves the file whole.
    ///
    /// # Errors
    /// What is wrong with the next line.
    pub fn record(&mut self) -> Result<Option<Record>, FileError> {
        while !self.ended {
            let read = self.read()?;
            let parsed: Value = serde_json::from_slice(&read)
                .map_err(|error| self.damaged(format!("no JSON at column {}", error.column())))?;
            let Value::Object(mut fields) = parsed else {
                return Err(self.damaged("no record"));
            };
            if let Some(counts) = fields.get("end") {
                self.end(counts, fields.get("sha256"))?;
                continue;
            }
            self.hash.update(&read);
            if let Some(key) = fields.get("chat_end") {
                self.chat_end(key, &fields)?;
                continue;
            }
            let record = self.row(&mut fields)?;
            // Spaces, another order, a field too many: then hashes would compare how it is written.
            if line(&record).as_bytes() != read {
                return Err(self.damaged("it is not written as charla writes it"));
            }
            if record.table < self.last {
                return Err(self.damaged(format!("{} behind {}", record.table.name(), self.last.name())));
            }
            self.last = record.table;
            if self.summing.next(&record, &read).is_some() {
                return Err(self.damaged("the chat before it has no end"));
            }
            *self.counts.entry(record.table.name()).or_default() += 1;
            return Ok(Some(record));
        }
        Ok(None)
    }

    fn row(&self, fields: &mut Map<String, Value>) -> Result<Record, FileError> {
        let name = fields.remove("table");
        let table = Table::ALL
            .into_iter()
            .find(|table| name.as_ref().and_then(Value::as_str) == Some(table.name()))
            .ok_or_else(|| self.damaged("no table that there is"))?;
        let value = |column: &Column| {
            let value = fields.remove(column.name).unwrap_or_default();
            if column.takes(&value) {
                Ok(value)
            } else {
                Err(self.damaged(format!("{} is missing or wrong", column.name)))
            }
        };
        let values = table.columns().iter().map(value).collect::<Result<_, _>>()?;
        Ok(Record { table, values })
    }

    fn chat_end(&mut self, key: &Value, fields: &Map<String, Value>) -> Result<(), FileError> {
        let Some((chat, sum)) = self.summing.finish() else {
            return Err(self.damaged("the end of a chat that did not begin"));
        };
        let told = json!([chat.0, chat.1]) == *key
            && fields.get("messages") == Some(&json!(sum.messages))
            && fields.get("sha256") == Some(&json!(sum.sha256));
        if !told {
            return Err(self.damaged(format!(
                "chat {} of tenant {}: count or hash of its messages is not what it says here",
                chat.1, chat.0
            )));
        }
        if self.sums.insert(chat, sum).is_some() {
            return Err(self.damaged("a chat that ended before"));
        }
        Ok(())
    }

    fn end(&mut self, counts: &Value, sha256: Option<&Value>) -> Result<(), FileError> {
        if self.summing.finish().is_some() {
            return Err(self.damaged("the chat before it has no end"));
        }
        if *counts != json!(self.counts) {
            return Err(self.damaged("the number of rows is not what it says here: lines are missing"));
        }
        if sha256 != Some(&json!(hex(std::mem::take(&mut self.hash)))) {
            return Err(self.damaged("the hash of the file is not what it says here"));
        }
        if !self.input.fill_buf()?.is_empty() {
            self.line += 1;
            return Err(self.damaged("something behind the end"));
        }
        self.ended = true;
        Ok(())
    }
}
