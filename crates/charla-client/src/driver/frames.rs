//! What each frame of the server sets off. A type of a later server is not for us.

use std::time::Duration;

use charla_wire::ChatId;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{AGAIN_AFTER, Driver};
use crate::frame::{Ack, Event, Frame, Refusal};
use crate::link::Outage;
use crate::machine;
use crate::requests::Purpose;
use crate::trace::millis;

impl Driver {
    /// A text came.
    pub(super) fn hears(&mut self, text: &str) {
        let Some(frame) = Frame::parse(text) else {
            return;
        };
        if self.raw {
            self.mention(Event::Raw(frame.clone()));
        }
        match frame.kind() {
            "welcome" => self.welcome(frame),
            "subscribed" => self.subscribed(frame),
            "message" => self.message(frame),
            "edited" => self.revised(frame, Event::Edited),
            "deleted" => self.revised(frame, Event::Deleted),
            "ack" if frame.id().is_some() => self.acknowledged(&frame),
            "ack" | "history" | "found" | "unsubscribed" | "upload" | "download" => self.answered(frame),
            "refreshed" => {
                self.requests.take(&frame);
                let token_expires_in = self.lasts(&frame);
                self.link.feed(machine::Event::Renewed { token_expires_in });
            }
            "error" => self.refused(frame),
            "token_expiring" => {
                let token_expires_in = frame.number_of("in_ms").map(Duration::from_millis);
                self.link.feed(machine::Event::Expiring { token_expires_in });
            }
            "read" => self.mention(Event::Read(frame)),
            "typing" => self.mention(Event::Typing(frame)),
            "presence" => self.mention(Event::Presence(frame)),
            "inbox" => self.mention(Event::Inbox(frame)),
            "notification" => self.mention(Event::Notification(frame)),
            "chat_closed" => self.mention(Event::Closed(frame)),
            "chat_reopened" => self.mention(Event::Reopened(frame)),
            _ => {}
        }
        self.settle();
        let place = self.entry.as_ref().and_then(|chat| self.chats.get(chat));
        let place = place.map(|chat| (chat.cursor.seq(), chat.cursor.rev()));
        if let Some((after, rev)) = place {
            self.link.read_to(after, rev);
        }
    }

    fn welcome(&mut self, frame: Frame) {
        let server_time: Option<Timestamp> = frame.text_of("server_time").parse().ok();
        self.server_time = server_time.map(|time| (time, self.link.now()));
        let heartbeat = frame.number_of("heartbeat_ms").map(Duration::from_millis);
        let session = Some(frame.text_of("session")).filter(|session| !session.is_empty());
        let lasts = self.lasts(&frame);
        let outage = self.link.welcomed(session, heartbeat, lasts);
        self.settle();
        if let Some(outage) = outage {
            self.link.push(report(&outage).to_string());
        }
        self.mention(Event::Welcome(frame));
        for chat in self.chats.which(|_| true) {
            if self.entry.as_ref() != Some(&chat) {
                self.ask_subscription(&chat);
            }
        }
        self.flush();
    }

    /// How long the token of a frame lasts, by the server's clock and never by ours.
    fn lasts(&self, frame: &Frame) -> Option<Duration> {
        let expires: Timestamp = frame.text_of("token_expires_at").parse().ok()?;
        let (server_time, at) = self.server_time?;
        let left = expires.duration_since(server_time);
        let passed = self.link.now().saturating_sub(at);
        Some(
            Duration::try_from(left)
                .unwrap_or_default()
                .saturating_sub(passed),
        )
    }

    fn subscribed(&mut self, mut frame: Frame) {
        self.requests.take(&frame);
        let slow = !self.backlog.is_empty();
        let Some((chat, subscription)) = self.chats.of(&frame) else {
            return;
        };
        subscription.entered = true;
        let resumed = frame.is_true("resumed");
        subscription.epoch = frame.number_of("epoch").or(subscription.epoch);
        subscription.behind = slow && resumed;
        if !resumed {
            subscription.cursor.jump(frame.seq(), frame.number_of("rev"));
        }
        let waiters = std::mem::take(&mut subscription.waiters);
        let told = frame.clone();
        let (messages, changed) = if resumed {
            (frame.take_list("messages"), frame.take_list("changed"))
        } else {
            (Vec::new(), Vec::new())
        };
        let rev = frame.number_of("rev");
        self.mention(Event::Subscribed(told.clone()));
        for waiter in waiters {
            // Whoever asked may have gone.
            let _ = waiter.send(Ok(told.clone()));
        }
        self.flush();
        if slow {
            return;
        }
        for message in messages {
            self.deliver(&chat, Frame::listed(message, &chat));
        }
        for message in changed {
            let message = Frame::listed(message, &chat);
            self.emit(if message.is_true("deleted") {
                Event::Deleted(message.of_kind("deleted"))
            } else {
                Event::Edited(message.of_kind("edited"))
            });
        }
        if let Some(subscription) = self.chats.get(&chat) {
            subscription.cursor.revised(rev);
        }
    }

    fn message(&mut self, frame: Frame) {
        let slow = !self.backlog.is_empty();
        let Some((chat, subscription)) = self.chats.of(&frame) else {
            return;
        };
        if slow || subscription.behind {
            subscription.behind = true;
            return;
        }
        self.deliver(&chat, frame);
    }

    fn deliver(&mut self, chat: &ChatId, message: Frame) {
        let Some(subscription) = self.chats.get(chat) else {
            return;
        };
        let (deliver, missing) = subscription.cursor.accept(message.seq(), message);
        for each in deliver {
            self.emit(Event::Message(each));
        }
        if let Some(missing) = missing {
            let (before, limit) = (missing.before, missing.limit);
            let gap = json!({"chat": chat, "before": before, "limit": limit});
            self.link.note("gap", gap.clone());
            if let Value::Object(fields) = gap {
                self.request("history", fields, Purpose::Fill(chat.clone()));
            }
        }
    }

    fn revised(&mut self, frame: Frame, event: fn(Frame) -> Event) {
        let slow = !self.backlog.is_empty();
        if let Some((_, subscription)) = self.chats.of(&frame) {
            if slow || subscription.behind {
                subscription.behind = true;
                return;
            }
            subscription.cursor.revised(frame.number_of("rev"));
        }
        self.emit(event(frame));
    }

    fn acknowledged(&mut self, frame: &Frame) {
        let (Some(id), Some(chat)) = (frame.id(), frame.chat()) else {
            return;
        };
        self.outbox.remove(id);
        let ack = Ack {
            chat,
            id,
            seq: frame.seq(),
            sent_at: frame.text_of("sent_at").to_owned(),
        };
        for reply in self.senders.remove(&id).unwrap_or_default() {
            let _ = reply.send(Ok(ack.clone()));
        }
        self.flush();
    }

    fn answered(&mut self, mut frame: Frame) {
        match self.requests.take(&frame) {
            Some(Purpose::Caller(reply)) => {
                let _ = reply.send(Ok(frame));
            }
            Some(Purpose::Fill(chat)) => {
                let messages = frame.take_list("messages");
                self.fill(&chat, messages);
            }
            Some(Purpose::Subscribe(_) | Purpose::Renew | Purpose::Nothing) | None => {}
        }
    }

    fn fill(&mut self, chat: &ChatId, messages: Vec<Value>) {
        let slow = !self.backlog.is_empty();
        let Some(subscription) = self.chats.get(chat) else {
            return;
        };
        if slow {
            subscription.behind = true;
            subscription.cursor.let_go();
            return;
        }
        let messages = messages.into_iter().map(|message| {
            let message = Frame::listed(message, chat);
            (message.seq(), message)
        });
        for each in subscription.cursor.fill(messages) {
            self.emit(Event::Message(each));
        }
    }

    fn refused(&mut self, frame: Frame) {
        let refusal = Refusal::of_frame(&frame);
        if let Some(id) = frame.id().filter(|id| self.outbox.has(*id)) {
            let now = self.link.now();
            if refusal.may_repeat() {
                self.outbox
                    .postpone(id, now + refusal.retry_in.unwrap_or(AGAIN_AFTER));
            } else if let Some(entry) = self.outbox.remove(id) {
                self.give_up(&entry, &refusal);
                self.flush();
            }
            return;
        }
        match self.requests.take(&frame) {
            Some(purpose) => self.unanswered(purpose, &refusal),
            None => self.mention(Event::Refused(frame)),
        }
    }

    /// A request has no answer, or no good one.
    pub(super) fn unanswered(&mut self, purpose: Purpose, refusal: &Refusal) {
        // The next connection asks again by itself.
        let lost = *refusal == Refusal::lost();
        match purpose {
            Purpose::Caller(reply) => {
                let _ = reply.send(Err(refusal.clone()));
            }
            Purpose::Subscribe(chat) if !lost => self.not_let_in(&chat, refusal),
            Purpose::Fill(chat) if !lost => self.fill(&chat, Vec::new()),
            Purpose::Renew => self.link.feed(machine::Event::RenewFailed),
            Purpose::Subscribe(_) | Purpose::Fill(_) | Purpose::Nothing => {}
        }
    }

    fn not_let_in(&mut self, chat: &ChatId, refusal: &Refusal) {
        if refusal.may_repeat() {
            let at = self.link.now() + refusal.retry_in.unwrap_or(AGAIN_AFTER);
            if let Some(subscription) = self.chats.get(chat) {
                subscription.again_at = Some(at);
            }
            return;
        }
        for waiter in self
            .chats
            .remove(chat)
            .map(|chat| chat.waiters)
            .unwrap_or_default()
        {
            let _ = waiter.send(Err(refusal.clone()));
        }
        // Nothing that was written for it ever goes out.
        for entry in self.outbox.remove_chat(chat) {
            self.give_up(&entry, refusal);
        }
    }
}

/// What kept this client away, for the server's own figures.
fn report(outage: &Outage) -> Value {
    let cause = outage.cause.as_ref().map_or("unknown", |cause| cause.as_str());
    let mut report = Map::new();
    report.insert("type".into(), "report".into());
    report.insert("cause".into(), cause.into());
    report.insert("code".into(), outage.code.into());
    report.insert("attempts".into(), outage.attempts.into());
    report.insert("away_ms".into(), millis(outage.away).into());
    Value::Object(report)
}
