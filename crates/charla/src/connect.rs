//! `charla connect`: a chat in the terminal, or out of a pipe.
//!
//! Lines are said one after the other, each acknowledged before the next is read. A connection that is lost comes back
//! by itself, with its cause told; what ends it for good is told with its cause too, and is the exit code.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::time::Duration;

use charla_client::machine::Name;
use charla_client::{Ack, Address, Charla, Event, Events, Frame, Place, Refusal, State};
use charla_wire::{Cause, ChatId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::entry::Entry;
pub(crate) use self::entry::first_line;
use self::line::Line;
use self::show::Span;
use crate::args::Connect;
use crate::causes;
use crate::exit::{Exit, Failure, Outcome, runtime};
use crate::screen::{Screen, plain};
use crate::words;

mod bare;
mod entry;
mod line;
pub(crate) mod show;

/// Lines that were typed and not looked at yet.
const LINES_WAITING: usize = 64;
/// Messages that are shown on entering a chat.
const PAGE: usize = 20;
/// How long answers are waited for once nothing more is typed.
const FAREWELL: Duration = Duration::from_secs(5);

/// Connects, and stays until either side has enough.
pub(crate) fn run(wanted: &Connect, screen: &mut Screen) -> Outcome {
    runtime()?.block_on(async {
        let entry = Entry::open(wanted, screen).await?;
        screen.note(words::connecting(screen.lang, &entry.address));
        if wanted.plain {
            return bare::run(&entry, wanted, screen).await;
        }
        let mut builder = Charla::builder(entry.address.to_string()).dialer(entry.dialer.clone());
        if wanted.json {
            builder = builder.raw();
        }
        let source = entry.clone();
        let connected = builder.token(move |why| source.clone().token(why)).connect();
        let (charla, events) = connected.map_err(|why| Failure::failed(why.to_string()))?;
        Talk::new(charla, events, &entry.address, wanted, screen)
            .run()
            .await
    })
}

/// What was asked for, and what came of it.
enum Done {
    Said(Result<Ack, Refusal>),
    Joined(ChatId, Result<Frame, Refusal>),
    /// A page of history, to be shown.
    Paged(Result<Frame, Refusal>),
    /// What shows by itself, when it is done.
    Changed(Result<Frame, Refusal>),
}

/// How it is talked.
struct Manner {
    json: bool,
    /// Both ends are a person's.
    at_terminal: bool,
    /// A server that is not there yet is waited for.
    patient: bool,
}

/// How far we have come in.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Outside,
    Welcomed,
    /// Lines may be said: after `welcome` and, where the address names a chat, `subscribed`.
    Ready,
}

/// One conversation.
struct Talk<'s> {
    charla: Charla,
    events: Events,
    screen: &'s mut Screen,
    address: Address,
    manner: Manner,
    stage: Stage,
    chat: Option<ChatId>,
    /// The oldest and newest message seen in the chat.
    oldest: Option<u64>,
    newest: u64,
    /// The last message that we said: it comes back before we leave.
    said: u64,
    /// What is typed after a message or a `/join` waits for its answer.
    holding: bool,
    /// The first line that came to nothing: a pipe's exit code, when nobody was there to read of it.
    failed: Option<Exit>,
    doing: JoinSet<Done>,
    /// Set once nothing more will be typed.
    leave_at: Option<Instant>,
}

impl<'s> Talk<'s> {
    fn new(
        charla: Charla,
        events: Events,
        address: &Address,
        wanted: &Connect,
        screen: &'s mut Screen,
    ) -> Self {
        Self {
            charla,
            events,
            screen,
            chat: address.chat(),
            address: address.clone(),
            manner: Manner {
                json: wanted.json,
                at_terminal: io::stdin().is_terminal() && io::stdout().is_terminal(),
                patient: wanted.wait,
            },
            stage: Stage::Outside,
            oldest: None,
            newest: 0,
            said: 0,
            holding: false,
            failed: None,
            doing: JoinSet::new(),
            leave_at: None,
        }
    }

    async fn run(mut self) -> Outcome {
        let mut lines = typed();
        while self.leave_at.is_none() || !self.nothing_open() {
            let listening = self.stage == Stage::Ready && !self.holding && self.leave_at.is_none();
            tokio::select! {
                // What an answer says has happened has been told before it: it is shown before we leave.
                biased;
                event = self.events.recv() => match event {
                    Some(Event::State(state)) => if let Some(exit) = self.state(&state) {
                        self.charla.close().await;
                        return Ok(exit);
                    },
                    Some(event) => self.event(event)?,
                    None => break,
                },
                Some(done) = self.doing.join_next(), if !self.doing.is_empty() => if let Ok(done) = done {
                    self.done(done)?;
                },
                line = lines.recv(), if listening => {
                    self.line(line.map_or(Line::Quit, |line| Line::parse(&line)))?;
                }
                () = sleep_until(self.leave_at.unwrap_or_else(Instant::now)), if self.leave_at.is_some() => break,
            }
        }
        let unanswered = self.doing.len();
        self.charla.close().await;
        if unanswered > 0 {
            return Err(Failure::failed(words::unanswered(self.screen.lang, unanswered)));
        }
        Ok(self
            .failed
            .filter(|_| !self.manner.at_terminal)
            .unwrap_or(Exit::Done))
    }

    fn welcomed(&self) -> bool {
        self.stage >= Stage::Welcomed
    }

    fn nothing_open(&self) -> bool {
        self.doing.is_empty() && self.newest >= self.said
    }

    /// Does what a line asks for.
    fn line(&mut self, line: Line) -> io::Result<()> {
        let lang = self.screen.lang;
        let charla = self.charla.clone();
        match (line, self.chat.clone()) {
            (Line::Nothing, _) => {}
            (Line::Quit, _) => self.leave_at = Some(Instant::now() + FAREWELL),
            (Line::Help, _) => self.screen.note(words::help_commands(lang)),
            (Line::Unknown(command), _) => {
                self.failed.get_or_insert(Exit::Usage);
                self.screen.note(words::unknown_command(lang, plain(&command)));
            }
            (Line::Wants(usage), _) => {
                self.failed.get_or_insert(Exit::Usage);
                self.screen.note(words::wants(lang, usage));
            }
            (Line::Join(chat), _) => {
                self.holding = true;
                self.doing.spawn(async move {
                    let joined = charla.subscribe(&chat, Place::default()).await;
                    Done::Joined(chat, joined)
                });
            }
            (_, None) => {
                self.failed.get_or_insert(Exit::Usage);
                self.screen.note(words::no_chat_yet(lang));
            }
            (Line::Say(text), Some(chat)) => {
                if self.manner.at_terminal {
                    // The line comes back from the server, with its time: the typed one goes.
                    self.screen.raw(b"\x1b[1A\x1b[2K\r")?;
                }
                self.holding = true;
                self.doing
                    .spawn(async move { Done::Said(charla.send(&chat, text).await) });
            }
            (Line::History(limit), Some(chat)) => self.page(chat, limit.unwrap_or(PAGE)),
            (Line::Who, Some(chat)) => {
                self.doing
                    .spawn(async move { Done::Changed(charla.subscribe(&chat, Place::default()).await) });
            }
            (Line::Edit(seq, text), Some(chat)) => {
                self.doing
                    .spawn(async move { Done::Changed(charla.edit(&chat, seq, &text).await) });
            }
            (Line::Delete(seq), Some(chat)) => {
                self.doing
                    .spawn(async move { Done::Changed(charla.delete(&chat, seq).await) });
            }
            (Line::Read, Some(chat)) => {
                let newest = self.newest;
                tokio::spawn(async move { charla.read(&chat, newest).await });
            }
            (Line::Typing, Some(chat)) => {
                tokio::spawn(async move { charla.typing(&chat, true).await });
            }
        }
        Ok(())
    }

    fn page(&mut self, chat: ChatId, limit: usize) {
        let (charla, before) = (self.charla.clone(), self.oldest);
        self.doing
            .spawn(async move { Done::Paged(charla.history(&chat, before, limit).await) });
    }

    fn done(&mut self, done: Done) -> io::Result<()> {
        let refusal = match done {
            Done::Said(said) => {
                self.holding = false;
                said.map(|ack| self.said = self.said.max(ack.seq)).err()
            }
            Done::Joined(chat, joined) => {
                self.holding = false;
                match joined {
                    Ok(frame) => {
                        self.entered(chat, &frame);
                        None
                    }
                    Err(refusal) => {
                        if !self.manner.at_terminal {
                            // What follows was not meant for the chat before.
                            self.chat = None;
                            (self.oldest, self.newest, self.said) = (None, 0, 0);
                        }
                        Some(refusal)
                    }
                }
            }
            Done::Paged(Ok(frame)) => {
                self.show(&frame)?;
                None
            }
            Done::Paged(Err(refusal)) => Some(refusal),
            Done::Changed(changed) => changed.err(),
        };
        let Some(refusal) = refusal else {
            return Ok(());
        };
        let cause = Cause::from_id(refusal.cause.as_str());
        self.failed.get_or_insert(cause.map_or(Exit::Failed, Exit::of));
        // What gave up tells the cause itself.
        if self.charla.state().name != Name::Disabled && !self.manner.json {
            show::refusal(refusal.cause.as_str(), &refusal.detail, self.screen);
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Raw(frame) => self.screen.line(frame.json())?,
            Event::Welcome(frame) => {
                if self.chat.is_none() {
                    self.stage = Stage::Ready;
                } else if self.stage == Stage::Outside {
                    self.stage = Stage::Welcomed;
                }
                self.show(&frame)?;
            }
            Event::Subscribed(frame) => {
                let first = self.stage != Stage::Ready;
                self.stage = Stage::Ready;
                self.show(&frame)?;
                if let Some(chat) = frame.chat()
                    && first
                {
                    self.entered(chat, &frame);
                }
            }
            Event::Message(frame)
            | Event::Edited(frame)
            | Event::Deleted(frame)
            | Event::Read(frame)
            | Event::Typing(frame)
            | Event::Presence(frame)
            | Event::Inbox(frame)
            | Event::Notification(frame)
            | Event::Closed(frame)
            | Event::Reopened(frame)
            | Event::Refused(frame) => self.show(&frame)?,
            Event::State(_) => {}
        }
        Ok(())
    }

    /// A chat is the one in view now.
    fn entered(&mut self, chat: ChatId, frame: &Frame) {
        if self.chat.as_ref() != Some(&chat) {
            (self.oldest, self.newest, self.said) = (None, 0, 0);
        }
        self.newest = self.newest.max(frame.seq());
        if self.manner.at_terminal && self.oldest.is_none() && !self.manner.json {
            self.page(chat.clone(), PAGE);
        }
        self.chat = Some(chat);
    }

    fn show(&mut self, frame: &Frame) -> io::Result<()> {
        let shown: Span = if self.manner.json {
            (frame.kind() == "message").then(|| (frame.seq(), frame.seq()))
        } else {
            show::frame(frame.json(), self.chat.as_ref(), self.screen)?
        };
        if let Some((first, last)) = shown
            && frame.chat() == self.chat
        {
            self.oldest = Some(self.oldest.map_or(first, |oldest| oldest.min(first)));
            self.newest = self.newest.max(last);
        }
        Ok(())
    }

    /// Tells where the connection stands. The code to end with, if that is the end.
    fn state(&mut self, state: &State) -> Option<Exit> {
        let lang = self.screen.lang;
        let cause = state.cause().map_or("", |cause| cause.as_str());
        match state.name {
            Name::Waiting if self.welcomed() || self.manner.patient => {
                let why = if cause.is_empty() {
                    words::closed_nameless(lang)
                } else {
                    reason(cause, state.detail().unwrap_or_default())
                };
                self.screen.note(words::lost(lang, why));
                let seconds = state.retry_in.unwrap_or_default().as_secs_f64();
                let (attempt, of, cycle) = (state.attempt, state.of, state.cycle);
                self.screen
                    .note(words::again_in(lang, format!("{seconds:.1}"), attempt, of, cycle));
                None
            }
            // A first attempt that failed, once its cause is known or cannot be.
            Name::Waiting if !cause.is_empty() => Some(self.no_way_in(state)),
            Name::Connecting
                if !(self.welcomed() || self.manner.patient) && state.spent > 1 && cause.is_empty() =>
            {
                Some(self.no_way_in(state))
            }
            Name::Refreshing if self.welcomed() => {
                self.screen.note(words::new_token(lang));
                None
            }
            Name::Disabled => {
                if self.holding {
                    self.screen.note(words::unanswered(lang, 1));
                }
                let exit = ended(
                    state.code(),
                    cause,
                    state.detail().unwrap_or_default(),
                    &self.address,
                    self.screen,
                );
                if state.exhausted {
                    self.screen.note(words::gave_up(lang, state.spent));
                }
                Some(exit)
            }
            Name::Idle
            | Name::Refreshing
            | Name::Connecting
            | Name::Connected
            | Name::Waiting
            | Name::Closed => None,
        }
    }

    fn no_way_in(&self, state: &State) -> Exit {
        let lang = self.screen.lang;
        let cause = state.cause().map_or("", |cause| cause.as_str());
        let why = if cause.is_empty() {
            words::closed_nameless(lang)
        } else {
            reason(cause, state.detail().unwrap_or_default())
        };
        self.screen.error(&words::not_connected(lang, why));
        let known = Cause::from_id(cause);
        if let Some(known) = known {
            causes::explain(known, self.screen);
        }
        self.screen.note(words::doctor_hint(lang, &self.address));
        known.map_or(Exit::Failed, Exit::of)
    }
}

/// `token_expired: 3 min ago`, fit for a terminal.
fn reason(cause: &str, detail: &str) -> String {
    let parts = [plain(cause), plain(detail)];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

/// Tells what ended a connection for good; the code for it.
fn ended(code: Option<u16>, cause: &str, detail: &str, address: &Address, screen: &Screen) -> Exit {
    let lang = screen.lang;
    let told = match code {
        Some(1006) | None => words::closed_nameless(lang),
        Some(code) => words::closed_code(lang, code),
    };
    screen.error(format!("{told} {}", reason(cause, detail)).trim_end());
    if let Some(cause) = Cause::from_id(cause) {
        causes::explain(cause, screen);
        return Exit::of(cause);
    }
    screen.note(words::doctor_hint(lang, address));
    match code {
        Some(4401) => Exit::Token,
        Some(4400..=4499) => Exit::Refused,
        Some(1001 | 1011..=1013) => Exit::Later,
        _ => Exit::Failed,
    }
}

/// Lines of standard input, read by a thread of their own: a terminal cannot be waited for otherwise.
fn typed() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(LINES_WAITING);
    std::thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { break };
            // A byte that is no UTF-8 must not swallow the lines after it.
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
