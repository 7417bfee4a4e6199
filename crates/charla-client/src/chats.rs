//! The chats that a client listens to, over every connection it goes through.

use std::collections::BTreeMap;
use std::time::Duration;

use charla_wire::ChatId;

use crate::charla::Place;
use crate::cursor::Cursor;
use crate::frame::{Frame, Refusal};
use crate::requests::Reply;

/// One chat.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) cursor: Cursor<Frame>,
    /// What its numbers count in, once the server has said so.
    pub(crate) epoch: Option<u64>,
    /// Who waits to hear that it was entered.
    pub(crate) waiters: Vec<Reply<Frame>>,
    /// This very connection has entered it: only then it takes messages.
    pub(crate) entered: bool,
    /// The application reads slower than messages come: what came meanwhile is asked for once it has caught up.
    pub(crate) behind: bool,
    /// When to ask again to be let in.
    pub(crate) again_at: Option<Duration>,
}

impl Subscription {
    fn new(from: Place) -> Self {
        Self {
            cursor: Cursor::new(from.after, from.rev),
            epoch: from.epoch,
            waiters: Vec::new(),
            entered: false,
            behind: false,
            again_at: None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Chats {
    all: BTreeMap<ChatId, Subscription>,
}

impl Chats {
    pub(crate) fn get(&mut self, chat: &ChatId) -> Option<&mut Subscription> {
        self.all.get_mut(chat)
    }

    /// The chat of a frame.
    pub(crate) fn of(&mut self, frame: &Frame) -> Option<(ChatId, &mut Subscription)> {
        let chat = frame.chat()?;
        let subscription = self.all.get_mut(&chat)?;
        Some((chat, subscription))
    }

    pub(crate) fn has(&self, chat: &ChatId) -> bool {
        self.all.contains_key(chat)
    }

    pub(crate) fn entered(&self, chat: &ChatId) -> bool {
        self.all
            .get(chat)
            .is_some_and(|subscription| subscription.entered)
    }

    /// What is known already keeps its place.
    pub(crate) fn add(&mut self, chat: ChatId, from: Place) -> &mut Subscription {
        self.all.entry(chat).or_insert_with(|| Subscription::new(from))
    }

    pub(crate) fn remove(&mut self, chat: &ChatId) -> Option<Subscription> {
        self.all.remove(chat)
    }

    /// Those of which something is so.
    pub(crate) fn which(&self, is_so: impl Fn(&Subscription) -> bool) -> Vec<ChatId> {
        let found = self.all.iter().filter(|(_, subscription)| is_so(subscription));
        found.map(|(chat, _)| chat.clone()).collect()
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.all
            .values()
            .filter_map(|subscription| subscription.again_at)
            .min()
    }

    /// The connection is gone; the next one enters them all anew.
    pub(crate) fn leave(&mut self) {
        for subscription in self.all.values_mut() {
            subscription.entered = false;
            subscription.again_at = None;
            subscription.cursor.let_go();
        }
    }

    pub(crate) fn refuse_waiters(&mut self, refusal: &Refusal) {
        for subscription in self.all.values_mut() {
            for waiter in subscription.waiters.drain(..) {
                // Nobody has to wait.
                let _ = waiter.send(Err(refusal.clone()));
            }
        }
    }
}
