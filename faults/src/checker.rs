//! The promises, held against a whole history: nothing acknowledged is lost, nothing comes twice, one order for everybody.
//!
//! Nothing here touches a socket or a clock. The history begins and ends where everybody is quiet, so that whatever is missing
//! at its end is never going to come.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use charla_client::Uuid;
use serde::Serialize;

use crate::history::{Answer, Given, History, Numbered, Room, Sent, Stored, Stream, Wire};

#[cfg(test)]
mod tests;

/// Messages of one kind of violation that are told word for word; the others are counted.
const TOLD_MAX: usize = 5;

/// A promise that was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Promise {
    /// Acknowledged, and not in the store under its number; or stored, and never told to a listener.
    Lost,
    /// Stored twice, or told twice.
    Duplicated,
    /// Told after something that has a higher number.
    Reordered,
    /// A chat's numbers have a hole.
    Hole,
    /// One tenant's message or frame came to another.
    Crossed,
    /// Told or acknowledged under a number that belongs to another message, or never said.
    Invented,
    /// Refused for good, and stored all the same.
    Kept,
    /// Told to be here, and gone.
    Ghost,
    /// Here, and not told to be.
    Absent,
    /// Never came back by itself.
    Stranded,
}

/// What was found, by promise: how often, and the first of them in words.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Verdict {
    counts: BTreeMap<Promise, usize>,
    told: BTreeMap<Promise, Vec<String>>,
}

impl Verdict {
    /// Notes one.
    pub(crate) fn note(&mut self, promise: Promise, words: impl FnOnce() -> String) {
        *self.counts.entry(promise).or_default() += 1;
        let told = self.told.entry(promise).or_default();
        if told.len() < TOLD_MAX {
            told.push(words());
        }
    }

    /// Adds what another look found.
    pub(crate) fn extend(&mut self, other: Self) {
        for (promise, count) in other.counts {
            *self.counts.entry(promise).or_default() += count;
        }
        for (promise, words) in other.told {
            let told = self.told.entry(promise).or_default();
            told.extend(words);
            told.truncate(TOLD_MAX);
        }
    }

    /// How often a promise was broken.
    pub(crate) fn count(&self, promise: Promise) -> usize {
        self.counts.get(&promise).copied().unwrap_or(0)
    }

    /// Whether all were kept.
    pub(crate) fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    /// Every kind with its number, and the first of each in words.
    pub(crate) fn lines(&self) -> Vec<String> {
        let each = self.counts.iter().map(|(promise, count)| {
            let told = self.told.get(promise).map(|told| told.join("; "));
            format!("{count} {promise:?}: {}", told.unwrap_or_default()).to_lowercase()
        });
        each.collect()
    }
}

/// Holds a history against the store.
pub(crate) fn check(history: &History, stored: &Stored, resume_messages: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let book = Book::of(history, stored);
    check_store(&book, &mut verdict);
    for sent in &history.sent {
        check_sent(sent, &book, &mut verdict);
    }
    for ((listener, room), stream) in &history.streams {
        let place = Listening {
            listener,
            room,
            book: &book,
        };
        place.check_given(stream, resume_messages, &mut verdict);
        place.check_wire(stream, &mut verdict);
    }
    for words in &history.crossed {
        verdict.note(Promise::Crossed, || words.clone());
    }
    verdict
}

/// Who is told to be in a chat, against who is.
pub(crate) fn check_presence(
    room: &Room,
    told: &BTreeSet<String>,
    real: &BTreeSet<String>,
    verdict: &mut Verdict,
) {
    let name = |user: &String| format!("{user} in {}/{}", room.tenant, room.chat);
    for user in told.difference(real) {
        verdict.note(Promise::Ghost, || name(user));
    }
    for user in real.difference(told) {
        verdict.note(Promise::Absent, || name(user));
    }
}

/// What is where.
struct Book<'a> {
    by_number: HashMap<(&'a Room, u64), Uuid>,
    by_id: HashMap<Uuid, Vec<(&'a Room, u64)>>,
    said: HashMap<Uuid, &'a Sent>,
    stored: &'a Stored,
}

impl<'a> Book<'a> {
    fn of(history: &'a History, stored: &'a Stored) -> Self {
        let mut book = Self {
            by_number: HashMap::new(),
            by_id: HashMap::new(),
            said: history.sent.iter().map(|sent| (sent.id, sent)).collect(),
            stored,
        };
        for (room, rows) in &stored.rows {
            for (seq, id) in rows {
                book.by_number.insert((room, *seq), *id);
                book.by_id.entry(*id).or_default().push((room, *seq));
            }
        }
        book
    }
}

/// Numbers without holes, and each message once, where it was said.
fn check_store(book: &Book<'_>, verdict: &mut Verdict) {
    for (room, rows) in &book.stored.rows {
        let mut next = book.stored.begins(room) + 1;
        for (seq, id) in rows {
            if *seq != next {
                verdict.note(Promise::Hole, || {
                    format!("{}/{} has {seq} where {next} was due", room.tenant, room.chat)
                });
            }
            next = seq + 1;
            match book.said.get(id) {
                Some(sent) if sent.room == *room => {}
                Some(sent) if sent.room.tenant != room.tenant => verdict.note(Promise::Crossed, || {
                    format!("{id} of {} is stored for {}", sent.room.tenant, room.tenant)
                }),
                Some(_) | None => verdict.note(Promise::Invented, || {
                    format!(
                        "{id} is stored in {}/{} and was not said there",
                        room.tenant, room.chat
                    )
                }),
            }
        }
    }
    for (id, places) in &book.by_id {
        if places.len() > 1 {
            verdict.note(Promise::Duplicated, || {
                format!("{id} is stored {} times", places.len())
            });
        }
    }
}

fn check_sent(sent: &Sent, book: &Book<'_>, verdict: &mut Verdict) {
    let Sent { id, room, answer, .. } = sent;
    let place = || format!("{id} in {}/{}", room.tenant, room.chat);
    match answer {
        Answer::Acked(seq) => match book.by_number.get(&(room, *seq)) {
            Some(found) if found == id => {}
            Some(_) => verdict.note(Promise::Invented, || {
                format!("{} was acknowledged as {seq}, another's number", place())
            }),
            None => verdict.note(Promise::Lost, || {
                format!("{} was acknowledged as {seq} and is not stored", place())
            }),
        },
        Answer::Refused(cause) => {
            if book.by_id.contains_key(id) {
                verdict.note(Promise::Kept, || {
                    format!("{} was refused ({cause}) and is stored", place())
                });
            }
        }
        Answer::Pending => verdict.note(Promise::Lost, || format!("{} never got an answer", place())),
        // Stored once or not at all, which is checked of everything that is stored.
        Answer::Unknown(_) => {}
    }
}

/// A listener in a chat.
struct Listening<'a> {
    listener: &'a str,
    room: &'a Room,
    book: &'a Book<'a>,
}

impl Listening<'_> {
    fn place(&self, seq: u64, way: &str) -> String {
        let Room { tenant, chat } = self.room;
        format!("{} {way} {seq} of {tenant}/{chat}", self.listener)
    }

    /// What the application was given: in order, once, and complete.
    fn check_given(&self, stream: &Stream, resume_messages: u64, verdict: &mut Verdict) {
        let mut last = stream.start;
        let mut seen = BTreeSet::new();
        for given in &stream.given {
            match given {
                Given::Message((seq, id)) => {
                    self.check_step(last, (*seq, *id), !seen.insert(*seq), "was given", verdict);
                    last = last.max(*seq);
                }
                Given::Restarted(seq) => {
                    // Only who is further behind than the server resumes may be sent to history.
                    if seq.saturating_sub(last) <= resume_messages && *seq != last {
                        verdict.note(Promise::Lost, || {
                            self.place(*seq, &format!("started over from {last} at"))
                        });
                    }
                    last = last.max(*seq);
                }
            }
        }
        let due = self.book.stored.last(self.room);
        for seq in last + 1..=due {
            verdict.note(Promise::Lost, || self.place(seq, "was never given"));
        }
    }

    /// What the server wrote: on each connection, from the entry on, number by number.
    fn check_wire(&self, stream: &Stream, verdict: &mut Verdict) {
        let mut told: Option<u64> = None;
        let mut seen = BTreeSet::new();
        for event in &stream.wire {
            match event {
                Wire::Away => {
                    told = None;
                    seen.clear();
                }
                Wire::Entered { told: upto, missed } => {
                    // Who asks again within a connection is told again.
                    seen.clear();
                    let before = missed.first().map_or(*upto, |(seq, _)| seq.saturating_sub(1));
                    let mut last = before;
                    for message in missed {
                        self.check_step(
                            last,
                            *message,
                            !seen.insert(message.0),
                            "was resumed with",
                            verdict,
                        );
                        last = last.max(message.0);
                    }
                    if last != *upto {
                        verdict.note(Promise::Lost, || self.place(*upto, "was resumed without"));
                    }
                    told = Some(*upto);
                }
                Wire::Message(message) => {
                    let last = told.unwrap_or_else(|| message.0.saturating_sub(1));
                    if told.is_none() {
                        verdict.note(Promise::Invented, || {
                            self.place(message.0, "heard outside the chat")
                        });
                    }
                    self.check_step(last, *message, !seen.insert(message.0), "was told", verdict);
                    told = Some(last.max(message.0));
                }
            }
        }
    }

    /// One message after another.
    fn check_step(&self, last: u64, (seq, id): Numbered, is_repeat: bool, way: &str, verdict: &mut Verdict) {
        if is_repeat {
            verdict.note(Promise::Duplicated, || self.place(seq, &format!("{way} twice")));
        } else if seq <= last {
            verdict.note(Promise::Reordered, || {
                self.place(seq, &format!("after {last} {way}"))
            });
        } else if seq > last + 1 {
            verdict.note(Promise::Lost, || self.place(seq, &format!("after {last} {way}")));
        }
        match self.book.by_number.get(&(self.room, seq)) {
            Some(found) if *found == id => {}
            // From before the stretch: a resume of somebody who was away when it began.
            None if seq <= self.book.stored.begins(self.room) => {}
            Some(_) | None => {
                let elsewhere = self.book.by_id.get(&id).and_then(|places| places.first());
                let promise = match elsewhere {
                    Some((room, _)) if room.tenant != self.room.tenant => Promise::Crossed,
                    Some(_) | None => Promise::Invented,
                };
                verdict.note(promise, || {
                    self.place(seq, &format!("with another's words {way}"))
                });
            }
        }
    }
}
