//! What was sent, what was heard and what is stored, as far as promises can be read off it.
//!
//! A [`History`] covers a stretch of a run. It begins where everybody was quiet and everything was delivered, and ends at such
//! a moment; two that follow each other make one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use charla_client::Uuid;
use charla_ground::Outcome;
use serde::Serialize;

/// A chat of a tenant. Several tenants have chats of the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Room {
    /// Whose.
    pub(crate) tenant: String,
    /// Its id.
    pub(crate) chat: String,
}

/// What became of something that somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// None yet.
    Pending,
    /// Acknowledged under a number.
    Acked(u64),
    /// Refused for good by the server, with a cause.
    Refused(String),
    /// The client went away before it knew: stored once or not at all.
    Unknown(String),
}

/// Something that somebody said. Times are milliseconds since the run began.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    pub(crate) room: Room,
    pub(crate) id: Uuid,
    pub(crate) at: u64,
    pub(crate) answer: Answer,
    pub(crate) answered_at: u64,
}

/// A numbered message.
pub(crate) type Numbered = (u64, Uuid);

/// What an application was given in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Given {
    /// A message.
    Message(Numbered),
    /// The chat was entered anew: what lies before this number is not going to come by itself.
    Restarted(u64),
}

/// What came over the wire in a chat, before any client's own order is put into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wire {
    /// The connection ended.
    Away,
    /// The chat was entered, with everything up to a number told.
    Entered {
        /// The number.
        told: u64,
        /// The messages that came with it.
        missed: Vec<Numbered>,
    },
    /// A live message.
    Message(Numbered),
}

/// One listener in one chat.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Stream {
    /// The last number that the listener has from before.
    pub(crate) start: u64,
    /// What the application was given.
    pub(crate) given: Vec<Given>,
    /// What came over the wire.
    pub(crate) wire: Vec<Wire>,
}

impl Stream {
    /// The last number that the application has.
    pub(crate) fn end(&self) -> u64 {
        let last = self.given.iter().map(|given| match given {
            Given::Message((seq, _)) | Given::Restarted(seq) => *seq,
        });
        last.max().unwrap_or(self.start).max(self.start)
    }
}

/// What a stretch of a run left behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// What was said.
    pub(crate) sent: Vec<Sent>,
    /// Each listener's streams.
    pub(crate) streams: BTreeMap<(String, Room), Stream>,
    /// Frames that name another tenant.
    pub(crate) crossed: Vec<String>,
}

impl History {
    /// Goes on with what followed. What has no answer yet is in the stretch in which it gets one.
    pub(crate) fn extend(&mut self, next: Self) {
        let answered = next
            .sent
            .into_iter()
            .filter(|sent| sent.answer != Answer::Pending);
        self.sent.extend(answered);
        self.crossed.extend(next.crossed);
        for (key, stream) in next.streams {
            match self.streams.get_mut(&key) {
                Some(known) => {
                    known.given.extend(stream.given);
                    known.wire.extend(stream.wire);
                }
                None => {
                    self.streams.insert(key, stream);
                }
            }
        }
    }

    /// How many messages were acknowledged.
    pub(crate) fn acked(&self) -> usize {
        let is_acked = |sent: &&Sent| matches!(sent.answer, Answer::Acked(_));
        self.sent.iter().filter(is_acked).count()
    }

    /// How many messages reached a listener, each listener counted.
    pub(crate) fn received(&self) -> usize {
        let messages = |stream: &Stream| {
            let is_message = |given: &&Given| matches!(given, Given::Message(_));
            stream.given.iter().filter(is_message).count()
        };
        self.streams.values().map(messages).sum()
    }

    /// Writes it down, one JSON object a line.
    pub(crate) fn write(&self, file: &Path) -> Outcome<()> {
        let mut out = BufWriter::new(File::create(file)?);
        for sent in &self.sent {
            writeln!(out, "{}", serde_json::to_string(sent)?)?;
        }
        for ((listener, room), stream) in &self.streams {
            let line = serde_json::json!({"listener": listener, "room": room, "stream": stream});
            writeln!(out, "{line}")?;
        }
        for crossed in &self.crossed {
            writeln!(out, "{}", serde_json::json!({"crossed": crossed}))?;
        }
        Ok(out.flush()?)
    }
}

/// What the store has of each chat, by number, after a place that was checked before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    /// The place.
    pub(crate) from: BTreeMap<Room, u64>,
    /// What follows it, in the order of the numbers.
    pub(crate) rows: BTreeMap<Room, Vec<Numbered>>,
}

impl Stored {
    /// Writes it down, one chat a line.
    pub(crate) fn write(&self, file: &Path) -> Outcome<()> {
        let mut out = BufWriter::new(File::create(file)?);
        for (room, rows) in &self.rows {
            writeln!(out, "{}", serde_json::json!({"room": room, "rows": rows}))?;
        }
        Ok(out.flush()?)
    }

    /// Where a chat's rows begin.
    pub(crate) fn begins(&self, room: &Room) -> u64 {
        self.from.get(room).copied().unwrap_or(0)
    }

    /// A chat's last number.
    pub(crate) fn last(&self, room: &Room) -> u64 {
        let rows = self.rows.get(room).and_then(|rows| rows.last());
        rows.map_or_else(|| self.begins(room), |(seq, _)| *seq)
    }
}
