//! `charla connect`: a chat in the terminal, or out of a pipe.
//!
//! Lines are said one after the other, each acknowledged before the next is read; a message that the server
//! refuses for its rate is said again under the same id. What ends the connection is told with its cause.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use charla_client::connection::Event;
use charla_client::{Address, Closing, Connection, Dialect, Uuid};
use charla_wire::{Cause, ChatId, Retry};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::entry::first_line;
use self::line::Line;
use self::show::Span;
use crate::args::Connect;
use crate::causes;
use crate::exit::{Exit, Failure, Outcome, runtime};
use crate::screen::{Screen, plain};
use crate::words;

mod entry;
mod line;
pub(crate) mod show;

/// Lines that were typed and not looked at yet.
const LINES_WAITING: usize = 64;
/// Messages that are shown on entering a chat.
const PAGE: usize = 20;
/// How long answers are waited for once nothing more is typed.
const FAREWELL: Duration = Duration::from_secs(5);
/// The wait before a message is said again, if the server names none.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Connects, and stays until either side has enough.
pub(crate) fn run(wanted: &Connect, screen: &mut Screen) -> Outcome {
    runtime()?.block_on(async {
        let address = entry::address(wanted, screen).await?;
        let dialect = if wanted.plain {
            Dialect::Plain
        } else {
            Dialect::CharlaV1
        };
        screen.note(words::connecting(screen.lang, &address));
        match Connection::connect_as(&address, dialect).await {
            Ok(client) => Talk::new(client, &address, wanted, screen).run().await,
            Err(error) => entry::not_connected(&error, &address, screen),
        }
    })
}

/// A message on its way.
struct Saying {
    id: Uuid,
    /// The number of the request that carries it: what is refused for its rate is answered by that alone.
    reference: u64,
    chat: ChatId,
    text: String,
    again_at: Option<Instant>,
}

/// One conversation.
struct Talk<'s> {
    client: Connection,
    screen: &'s mut Screen,
    address: Address,
    dialect: Dialect,
    json: bool,
    /// Both ends are a person's.
    at_terminal: bool,
    chat: Option<ChatId>,
    /// The oldest and newest message seen in the chat.
    oldest: Option<u64>,
    newest: u64,
    /// Whether lines may be said: after `welcome` and, where the address names a chat, `subscribed`.
    ready: bool,
    saying: Option<Saying>,
    /// The request to enter another chat: what is typed after it belongs there.
    joining: Option<u64>,
    /// Requests without an answer yet.
    asked: BTreeSet<u64>,
    /// Lines of the plain dialect that have not come back yet.
    echoes: usize,
    /// Set once nothing more will be typed.
    leave_at: Option<Instant>,
}

impl<'s> Talk<'s> {
    fn new(client: Connection, address: &Address, wanted: &Connect, screen: &'s mut Screen) -> Self {
        let dialect = if wanted.plain {
            Dialect::Plain
        } else {
            Dialect::CharlaV1
        };
        Self {
            client,
            screen,
            chat: address.chat(),
            address: address.clone(),
            dialect,
            json: wanted.json,
            at_terminal: io::stdin().is_terminal() && io::stdout().is_terminal(),
            oldest: None,
            newest: 0,
            ready: false,
            saying: None,
            joining: None,
            asked: BTreeSet::new(),
            echoes: 0,
            leave_at: None,
        }
    }

    async fn run(mut self) -> Outcome {
        if self.dialect == Dialect::Plain {
            self.screen.note(words::connected_plain(self.screen.lang));
            self.ready = true;
        }
        let mut lines = typed();
        loop {
            if self.leave_at.is_some() && self.nothing_open() {
                break;
            }
            let listening =
                self.ready && self.saying.is_none() && self.joining.is_none() && self.leave_at.is_none();
            let wake = self.saying.as_ref().and_then(|saying| saying.again_at);
            let wake = wake.into_iter().chain(self.leave_at).min();
            tokio::select! {
                event = self.client.next() => match event {
                    Event::Closed(closing) => return self.closed(&closing),
                    Event::Frame(frame) => self.frame(&frame).await?,
                    Event::Text(text) => self.text(&text)?,
                },
                line = lines.recv(), if listening => {
                    let line = line.map_or(Line::Quit, |line| Line::parse(&line));
                    if let Err(closing) = self.line(line).await? {
                        return self.closed(&closing);
                    }
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    if self.leave_at.is_some_and(|at| at <= Instant::now()) {
                        break;
                    }
                    if let Err(closing) = self.say_again().await {
                        return self.closed(&closing);
                    }
                }
            }
        }
        let unanswered = self.asked.len();
        self.client.close().await;
        if self.saying.is_some() || (unanswered > 0 && self.dialect == Dialect::CharlaV1) {
            return Err(Failure::failed(words::unanswered(
                self.screen.lang,
                unanswered.max(1),
            )));
        }
        Ok(Exit::Done)
    }

    fn nothing_open(&self) -> bool {
        self.saying.is_none() && self.asked.is_empty() && self.echoes == 0
    }

    /// Does what a line asks for. The inner error is the connection's.
    async fn line(&mut self, line: Line) -> Result<Result<(), Closing>, Failure> {
        let lang = self.screen.lang;
        let asked = match (line, self.chat.clone()) {
            (Line::Nothing, _) => return Ok(Ok(())),
            (Line::Quit, _) => {
                self.leave_at = Some(Instant::now() + FAREWELL);
                return Ok(Ok(()));
            }
            (Line::Help, _) => {
                self.screen.note(words::help_commands(lang));
                return Ok(Ok(()));
            }
            (Line::Unknown(command), _) => {
                self.screen.note(words::unknown_command(lang, plain(&command)));
                return Ok(Ok(()));
            }
            (Line::Wants(usage), _) => {
                self.screen.note(words::wants(lang, usage));
                return Ok(Ok(()));
            }
            (Line::Say(text), _) if self.dialect == Dialect::Plain => {
                self.echoes += 1;
                return Ok(self.client.send_text(&text).await);
            }
            (Line::Join(chat), _) => self.client.subscribe(&chat, None).await.map(|reference| {
                self.joining = Some(reference);
                Some(reference)
            }),
            (_, None) => {
                self.screen.note(words::no_chat_yet(lang));
                return Ok(Ok(()));
            }
            (Line::Say(text), Some(chat)) => {
                if self.at_terminal {
                    // The line comes back from the server, with its time: the typed one goes.
                    self.screen.raw(b"\x1b[1A\x1b[2K\r")?;
                }
                self.say(chat, text).await.map(|()| None)
            }
            (Line::History(limit), Some(chat)) => {
                let limit = limit.unwrap_or(PAGE);
                self.client.history(&chat, self.oldest, limit).await.map(Some)
            }
            (Line::Who, Some(chat)) => self.client.subscribe(&chat, Some(self.newest)).await.map(Some),
            (Line::Edit(seq, text), Some(chat)) => {
                let fields = json!({"chat": chat, "seq": seq, "text": text});
                self.request("edit", fields).await.map(Some)
            }
            (Line::Delete(seq), Some(chat)) => self
                .request("delete", json!({"chat": chat, "seq": seq}))
                .await
                .map(Some),
            (Line::Read, Some(chat)) => {
                let frame = json!({"type": "read", "chat": chat, "seq": self.newest});
                self.client.send_frame(&frame).await.map(|()| None)
            }
            (Line::Typing, Some(chat)) => {
                let frame = json!({"type": "typing", "chat": chat, "on": true});
                self.client.send_frame(&frame).await.map(|()| None)
            }
        };
        Ok(asked.map(|reference| self.asked.extend(reference)))
    }

    async fn request(&mut self, kind: &str, fields: Value) -> Result<u64, Closing> {
        let Value::Object(fields) = fields else {
            return self.client.request(kind, Map::new()).await;
        };
        self.client.request(kind, fields).await
    }

    async fn say(&mut self, chat: ChatId, text: String) -> Result<(), Closing> {
        let id = Uuid::now_v7();
        let reference = self.client.say(&chat, id, &text).await?;
        self.saying = Some(Saying {
            id,
            reference,
            chat,
            text,
            again_at: None,
        });
        Ok(())
    }

    async fn say_again(&mut self) -> Result<(), Closing> {
        if let Some(saying) = &mut self.saying {
            saying.again_at = None;
            saying.reference = self.client.say(&saying.chat, saying.id, &saying.text).await?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.echoes = self.echoes.saturating_sub(1);
        self.screen.line(plain(text))
    }

    async fn frame(&mut self, frame: &Value) -> Result<(), Failure> {
        if self.json {
            self.screen.line(frame)?;
        }
        if self.dialect == Dialect::Plain {
            self.echoes = self.echoes.saturating_sub(1);
            if !self.json {
                show::plain_frame(frame, self.screen)?;
            }
            return Ok(());
        }
        if let Some(reference) = frame.get("ref").and_then(Value::as_u64) {
            self.asked.remove(&reference);
            self.joining = self.joining.filter(|joining| *joining != reference);
        }
        self.answer_to_saying(frame);
        self.follow(frame);
        if !self.json {
            let shown = show::frame(frame, self.chat.as_ref(), self.screen)?;
            self.note_seen(shown);
        }
        let entered = frame.get("type").and_then(Value::as_str) == Some("subscribed");
        if entered && self.at_terminal && self.oldest.is_none() && !self.json {
            let chat = self.chat.clone();
            if let Some(chat) = chat
                && let Ok(reference) = self.client.history(&chat, None, PAGE).await
            {
                self.asked.insert(reference);
            }
        }
        Ok(())
    }

    /// What a frame changes in what may be said.
    fn follow(&mut self, frame: &Value) {
        match frame.get("type").and_then(Value::as_str) {
            Some("welcome") if self.chat.is_none() => self.ready = true,
            Some("subscribed") => {
                self.ready = true;
                let chat = frame.get("chat").and_then(Value::as_str);
                let chat = chat.and_then(|chat| ChatId::parse(chat).ok());
                if chat != self.chat {
                    (self.chat, self.oldest, self.newest) = (chat, None, 0);
                }
                let seq = frame.get("seq").and_then(Value::as_u64);
                self.newest = self.newest.max(seq.unwrap_or(0));
            }
            _ => {}
        }
    }

    fn note_seen(&mut self, shown: Span) {
        if let Some((first, last)) = shown {
            self.oldest = Some(self.oldest.map_or(first, |oldest| oldest.min(first)));
            self.newest = self.newest.max(last);
        }
    }

    fn answer_to_saying(&mut self, frame: &Value) {
        let reference = frame.get("ref").and_then(Value::as_u64);
        let ours = |saying: &Saying| reference == Some(saying.reference);
        if !self.saying.as_ref().is_some_and(ours) {
            return;
        }
        let cause = frame
            .get("cause")
            .and_then(Value::as_str)
            .and_then(Cause::from_id);
        match (frame.get("type").and_then(Value::as_str), cause.map(Cause::retry)) {
            (Some("error"), Some(Retry::Wait | Retry::Backoff)) => {
                let wait = frame.get("retry_in_ms").and_then(Value::as_u64);
                let wait = wait.map_or(AGAIN_AFTER, Duration::from_millis);
                if let Some(saying) = &mut self.saying {
                    saying.again_at = Some(Instant::now() + wait);
                }
            }
            (Some("ack" | "error"), _) => self.saying = None,
            _ => {}
        }
    }

    fn closed(self, closing: &Closing) -> Outcome {
        let lang = self.screen.lang;
        if self.saying.is_some() {
            self.screen.note(words::unanswered(lang, 1));
        }
        let code = closing.code.map_or_else(
            || words::closed_nameless(lang),
            |code| words::closed_code(lang, code),
        );
        if let Some((cause, detail)) = closing.cause() {
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!(": {}", plain(detail))
            };
            self.screen.error(&format!("{code} {cause}{detail}"));
            causes::explain(cause, self.screen);
            return Ok(Exit::of(cause));
        }
        if closing.code == Some(1000) {
            self.screen.note(words::closed_normally(lang));
            return Ok(Exit::Done);
        }
        let reason = plain(&closing.reason);
        self.screen.error(format!("{code} {reason}").trim_end());
        self.screen.note(words::doctor_hint(lang, &self.address));
        Ok(match closing.code {
            Some(4401) => Exit::Token,
            Some(4400..=4499) => Exit::Refused,
            Some(1001 | 1011..=1013) => Exit::Later,
            _ => Exit::Failed,
        })
    }
}

/// Lines of standard input, read by a thread of their own: a terminal cannot be waited for otherwise.
fn typed() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(LINES_WAITING);
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            let Ok(line) = line else { break };
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
