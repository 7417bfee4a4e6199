//! Sends that nobody has acknowledged yet.
//!
//! Every send has an id and keeps it: sent again after a reconnect, the server answers with the number it gave the first
//! time, so a message is stored once however often it travels. The queue is bounded in count, bytes and age; what does not
//! fit is refused and what grows too old is handed back, never dropped without a word. Time is an argument.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use charla_wire::ChatId;
use serde_json::{Value, json};
use uuid::Uuid;

/// How much waits, how long, and how much is under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Sends in the queue.
    pub max_count: usize,
    /// Bytes of their texts and data.
    pub max_bytes: usize,
    /// The longest wait.
    pub max_age: Duration,
    /// Sends under way at once: below the server's own burst.
    pub window: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_count: 200,
            max_bytes: 256 * 1024,
            max_age: Duration::from_secs(15 * 60),
            window: 16,
        }
    }
}

/// One send.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Makes it one message however often it is sent.
    pub id: Uuid,
    /// Where it goes.
    pub chat: ChatId,
    /// What is said.
    pub text: String,
    /// What goes along.
    pub data: Option<Value>,
    /// The files that belong to it, by the ids that [`Charla::attach`](crate::Charla::attach) gave.
    pub attachments: Vec<Uuid>,
}

impl Entry {
    /// The frame that sends it.
    pub(crate) fn frame(self) -> Value {
        let Self {
            id,
            chat,
            text,
            data,
            attachments,
        } = self;
        let mut frame = json!({"type": "send", "chat": chat, "id": id, "text": text});
        if let Some(fields) = frame.as_object_mut() {
            fields.extend(data.map(|data| ("data".into(), data)));
            if !attachments.is_empty() {
                fields.insert("attachments".into(), json!(attachments));
            }
        }
        frame
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.data.as_ref().map_or(0, |data| data.to_string().len())
    }
}

#[derive(Debug)]
struct Queued {
    entry: Entry,
    bytes: usize,
    at: Duration,
    /// On the present connection.
    sent: bool,
}

/// The queue is at its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The queue, in the order in which things were said.
#[derive(Debug, Default)]
pub struct Outbox {
    bounds: Bounds,
    queue: VecDeque<Queued>,
    bytes: usize,
    held_until: Duration,
}

impl Outbox {
    /// An empty queue.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether this one waits.
    #[must_use]
    pub fn has(&self, id: Uuid) -> bool {
        self.queue.iter().any(|queued| queued.entry.id == id)
    }

    /// Puts one in. An id that is queued already stays as it is.
    ///
    /// # Errors
    /// [`Full`]; the queue is as it was.
    pub fn add(&mut self, entry: Entry, now: Duration) -> Result<(), Full> {
        if self.has(entry.id) {
            return Ok(());
        }
        let bytes = entry.bytes();
        if self.queue.len() >= self.bounds.max_count || self.bytes + bytes > self.bounds.max_bytes {
            return Err(Full);
        }
        self.bytes += bytes;
        self.queue.push_back(Queued {
            entry,
            bytes,
            at: now,
            sent: false,
        });
        Ok(())
    }

    /// What may be sent now, in order, marked as sent. Chats that the connection has not entered wait.
    pub fn take(&mut self, now: Duration, may_write: impl Fn(&ChatId) -> bool) -> Vec<Entry> {
        let mut taken = Vec::new();
        if now < self.held_until {
            return taken;
        }
        self.held_until = Duration::ZERO;
        let mut under_way = 0;
        for queued in &mut self.queue {
            if under_way >= self.bounds.window {
                break;
            }
            if !queued.sent && !may_write(&queued.entry.chat) {
                continue;
            }
            under_way += 1;
            if !queued.sent {
                queued.sent = true;
                taken.push(queued.entry.clone());
            }
        }
        taken
    }

    /// The connection is gone: everything goes out again, with the same ids.
    pub fn rewind(&mut self) {
        for queued in &mut self.queue {
            queued.sent = false;
        }
        self.held_until = Duration::ZERO;
    }

    /// The server asked for patience with one of them. All wait, so that none overtakes another.
    pub fn postpone(&mut self, id: Uuid, until: Duration) {
        if let Some(queued) = self.queue.iter_mut().find(|queued| queued.entry.id == id) {
            queued.sent = false;
        }
        self.held_until = self.held_until.max(until);
    }

    /// Acknowledged, or refused for good.
    pub fn remove(&mut self, id: Uuid) -> Option<Entry> {
        let at = self.queue.iter().position(|queued| queued.entry.id == id)?;
        let queued = self.queue.remove(at)?;
        self.bytes -= queued.bytes;
        Some(queued.entry)
    }

    /// Chats that something waits for.
    #[must_use]
    pub fn chats(&self) -> BTreeSet<ChatId> {
        self.queue
            .iter()
            .map(|queued| queued.entry.chat.clone())
            .collect()
    }

    /// Those that waited too long; they are out of the queue.
    pub fn expire(&mut self, now: Duration) -> Vec<Entry> {
        let max_age = self.bounds.max_age;
        self.remove_if(|queued| now.saturating_sub(queued.at) >= max_age)
    }

    /// All that was queued for a chat; it is out of the queue.
    pub fn remove_chat(&mut self, chat: &ChatId) -> Vec<Entry> {
        self.remove_if(|queued| queued.entry.chat == *chat)
    }

    /// All that was queued; the queue is empty afterwards.
    pub fn drain(&mut self) -> Vec<Entry> {
        self.remove_if(|_| true)
    }

    /// When something has to be done by itself: a hold that ends, an entry that grows too old. A hold that is over counts until
    /// [`Outbox::take`] has ended it: whoever was busy at that moment would never look again.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        // Those that are acknowledged out of order leave the oldest in front.
        let old = self.queue.front().map(|queued| queued.at + self.bounds.max_age)?;
        let held = Some(self.held_until).filter(|until| !until.is_zero());
        Some(held.map_or(old, |held| held.min(old)))
    }

    fn remove_if(&mut self, unwanted: impl Fn(&Queued) -> bool) -> Vec<Entry> {
        let (out, kept): (VecDeque<_>, VecDeque<_>) = self.queue.drain(..).partition(unwanted);
        self.queue = kept;
        self.bytes -= out.iter().map(|queued| queued.bytes).sum::<usize>();
        out.into_iter().map(|queued| queued.entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn chat(id: &str) -> ChatId {
        ChatId::parse(id).unwrap()
    }

    fn entry(number: u128, text: &str) -> Entry {
        Entry {
            id: Uuid::from_u128(number),
            chat: chat("5"),
            text: text.into(),
            data: None,
            attachments: Vec::new(),
        }
    }

    fn filled(count: u128, bounds: Bounds) -> Outbox {
        let mut outbox = Outbox::new(bounds);
        for number in 0..count {
            outbox.add(entry(number, "hola"), NOW).unwrap();
        }
        outbox
    }

    fn numbers(entries: &[Entry]) -> Vec<u128> {
        entries.iter().map(|entry| entry.id.as_u128()).collect()
    }

    #[test]
    fn the_bounds_are_count_and_bytes_and_what_does_not_fit_is_refused() {
        let bounds = Bounds {
            max_count: 2,
            max_bytes: 10,
            ..Bounds::default()
        };
        let mut outbox = filled(2, bounds);
        assert_eq!(outbox.add(entry(9, "x"), NOW), Err(Full));
        assert_eq!(outbox.add(entry(1, "again"), NOW), Ok(()), "queued already");
        outbox.remove(Uuid::from_u128(0)).unwrap();
        assert_eq!(outbox.add(entry(9, "1234567"), NOW), Err(Full), "4 + 7 bytes");
        assert_eq!(outbox.add(entry(9, "123456"), NOW), Ok(()));
        assert_eq!(outbox.len(), 2);
    }

    #[test]
    fn a_window_goes_out_in_order_and_the_rest_follows_the_answers() {
        let bounds = Bounds {
            window: 2,
            ..Bounds::default()
        };
        let mut outbox = filled(4, bounds);
        assert_eq!(numbers(&outbox.take(NOW, |_| true)), [0, 1]);
        assert_eq!(numbers(&outbox.take(NOW, |_| true)), [0; 0]);
        outbox.remove(Uuid::from_u128(0));
        assert_eq!(numbers(&outbox.take(NOW, |_| true)), [2]);
        outbox.rewind();
        assert_eq!(numbers(&outbox.take(NOW, |_| true)), [1, 2], "with the same ids");
    }

    #[test]
    fn patience_with_one_is_patience_with_all() {
        let mut outbox = filled(3, Bounds::default());
        outbox.take(NOW, |_| true);
        let later = NOW + Duration::from_secs(2);
        outbox.postpone(Uuid::from_u128(1), later);
        assert_eq!(outbox.deadline(), Some(later));
        assert_eq!(outbox.take(NOW, |_| true), []);
        assert_eq!(numbers(&outbox.take(later, |_| true)), [1]);
        assert_eq!(outbox.deadline(), Some(NOW + Bounds::default().max_age));
    }

    #[test]
    fn a_chat_that_is_not_entered_holds_nobody_up() {
        let mut outbox = filled(1, Bounds::default());
        let elsewhere = Entry {
            chat: chat("6"),
            ..entry(7, "x")
        };
        outbox.add(elsewhere, NOW).unwrap();
        assert_eq!(numbers(&outbox.take(NOW, |to| to.as_str() == "6")), [7]);
        assert_eq!(numbers(&outbox.remove_chat(&chat("5"))), [0]);
        assert_eq!(outbox.chats(), BTreeSet::from([chat("6")]));
    }

    #[test]
    fn what_waits_too_long_is_handed_back() {
        let mut outbox = filled(1, Bounds::default());
        let later = NOW + Duration::from_secs(60);
        outbox.add(entry(7, "x"), later).unwrap();
        let limit = NOW + Bounds::default().max_age;
        assert_eq!(outbox.deadline(), Some(limit));
        assert_eq!(outbox.expire(limit - Duration::from_millis(1)), []);
        assert_eq!(numbers(&outbox.expire(limit)), [0]);
        assert_eq!(numbers(&outbox.drain()), [7]);
        assert!(outbox.is_empty() && outbox.deadline().is_none());
    }
}
