//! The client as an application holds it: [`Charla`] to speak with, [`Events`] to listen to.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use charla_wire::{ChatId, Retry};
use futures_util::Stream;
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use uuid::Uuid;

use crate::address::{Address, AddressError};
use crate::dial::Dialer;
use crate::driver::{Command, Driver};
use crate::frame::{Ack, Event, Frame, Refusal};
use crate::link::{Link, Setup};
use crate::machine::{Name, Policy, State};
use crate::outbox::{Bounds, Entry};
use crate::proxy::Proxies;
use crate::redact::redact;
use crate::requests::Reply;
use crate::tls::AuthorityError;
use crate::token::{TokenError, TokenRequest, TokenSource};
use crate::trace::Recorder;

/// Commands that were given and not looked at yet; whoever gives one more waits.
const COMMANDS: usize = 64;
/// Events that wait for the application to read them, unless it [says otherwise](Builder::events). Beyond it
/// messages are asked for again when there is room. What is then further behind than the server resumes is not told one
/// by one: [`Event::Subscribed`] says `resumed: false`, and history has it.
const EVENTS: usize = 1024;

/// How a client is to be.
#[must_use]
pub struct Builder {
    address: String,
    tenant: Option<String>,
    token: TokenSource,
    policy: Policy,
    outbox: Bounds,
    events: usize,
    raw: bool,
    dialer: Dialer,
    random: Box<dyn FnMut() -> f64 + Send>,
}

impl fmt::Debug for Builder {
    /// Without any token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("address", &redact(&self.address))
            .field("tenant", &self.tenant)
            .field("policy", &self.policy)
            .field("outbox", &self.outbox)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Where tokens come from. Asked at most once a cycle of attempts, never for each attempt, and again before a token
    /// runs out. An empty one is none.
    pub fn token<F, R>(mut self, ask: F) -> Self
    where
        F: Fn(TokenRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, TokenError>> + Send + 'static,
    {
        self.token = TokenSource::of(ask);
        self
    }

    /// One token and no other: when the server refuses it, that is the end.
    pub fn fixed_token(mut self, token: impl Into<String>) -> Self {
        self.token = TokenSource::fixed(token.into());
        self
    }

    /// The tenant, if the address names none.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// How often and how long it tries.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The bounds of the queue of sends.
    pub fn outbox(mut self, bounds: Bounds) -> Self {
        self.outbox = bounds;
        self
    }

    /// How many events may wait to be read, at least 1.
    pub fn events(mut self, count: usize) -> Self {
        self.events = count.max(1);
        self
    }

    /// Also hands on every frame as it comes, as [`Event::Raw`].
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Believes the authorities in this PEM file too.
    ///
    /// # Errors
    /// [`AuthorityError`] when the file cannot be used.
    pub fn authorities(mut self, file: &Path) -> Result<Self, AuthorityError> {
        self.dialer = self.dialer.with_authorities(file)?;
        Ok(self)
    }

    /// Goes through these proxies, whatever the environment says.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.dialer = self.dialer.with_proxies(proxies);
        self
    }

    /// Goes this way.
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    /// Numbers from 0 to below 1, for the jitter.
    pub fn random(mut self, random: impl FnMut() -> f64 + Send + 'static) -> Self {
        self.random = Box::new(random);
        self
    }

    /// Begins to connect, in a task of its own on the present runtime. The client lives until [`Charla::close`], or until
    /// the last handle is dropped.
    ///
    /// # Errors
    /// [`AddressError`] when the address is none.
    ///
    /// # Panics
    /// Outside a runtime of tokio's.
    pub fn connect(self) -> Result<(Charla, Events), AddressError> {
        let mut address = Address::parse(&self.address)?;
        if let Some(tenant) = &self.tenant {
            address = address.with_parameter("tenant", tenant);
        }
        let token = match (self.token, address.token()) {
            (TokenSource::None, Some(token)) => TokenSource::fixed(token.to_owned()),
            (token, _) => token,
        };
        let shown = address.to_string();
        let shown = shown.split('?').next().unwrap_or_default().to_owned();
        let recorder = Arc::new(Recorder::new(shown, &self.policy));
        let way = Arc::new((address.clone(), self.dialer.clone()));
        let setup = Setup {
            token,
            policy: self.policy,
            dialer: self.dialer,
            random: self.random,
            address: address.clone(),
        };
        let (commands, obeyed) = mpsc::channel(COMMANDS);
        let (told, events) = mpsc::channel(self.events);
        let link = Link::new(setup, Arc::clone(&recorder));
        let states = link.states();
        let driver = Driver::new(link, address.chat(), self.outbox, self.raw, obeyed, told);
        tokio::spawn(driver.run());
        let charla = Charla {
            commands,
            states,
            recorder,
            way,
        };
        Ok((charla, Events(events)))
    }
}

/// A client of one server: any number of handles, one connection.
#[derive(Debug, Clone)]
pub struct Charla {
    commands: mpsc::Sender<Command>,
    states: watch::Receiver<State>,
    recorder: Arc<Recorder>,
    /// Where the server is, and how it is reached: for what goes over HTTP.
    pub(crate) way: Arc<(Address, Dialer)>,
}

/// What happens, in order. Dropped, nothing is told and all else goes on; kept and not read, it fills up to its bound, and
/// messages beyond are fetched when there is room again.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Event>);

impl Events {
    /// The next one; `None` once the client is closed.
    pub async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(context)
    }
}

/// Where to begin in a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The last message already seen.
    pub after: Option<u64>,
    /// The last revision already seen.
    pub rev: Option<u64>,
    /// The epoch that those are of, as `subscribed` said it.
    pub epoch: Option<u64>,
}

impl Charla {
    /// A client of the server at an address: `wss://...`, `https://...`, with or without a chat in it.
    pub fn builder(address: impl Into<String>) -> Builder {
        Builder {
            address: address.into(),
            tenant: None,
            token: TokenSource::None,
            policy: Policy::default(),
            outbox: Bounds::default(),
            events: EVENTS,
            raw: false,
            dialer: Dialer::new(),
            random: Box::new(dice),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.states.borrow().clone()
    }

    /// Where it stands, to be watched.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<State> {
        self.states.clone()
    }

    /// Waits until there is a connection.
    ///
    /// # Errors
    /// The state in which none will come by itself: disabled or closed.
    pub async fn connected(&self) -> Result<(), State> {
        let mut states = self.states();
        let settled = |state: &State| matches!(state.name, Name::Connected | Name::Disabled | Name::Closed);
        match states.wait_for(settled).await.map(|state| state.clone()) {
            Ok(state) if state.name == Name::Connected => Ok(()),
            Ok(state) => Err(state),
            Err(_) => Err(self.state()),
        }
    }

    /// Connects; after a stop or while waiting: at once, with a fresh budget.
    pub async fn connect(&self) {
        // A client that is closed stays closed.
        let _ = self.commands.send(Command::Connect).await;
    }

    /// Says something, as often as it takes until it is acknowledged. A chat that is not subscribed is subscribed for it.
    ///
    /// # Errors
    /// [`Refusal`] when the server refuses for good, or the client has given up or is at its bounds: then it was not sent,
    /// or nobody knows, and the same id may be sent again.
    pub async fn send(&self, chat: &ChatId, text: impl Into<String>) -> Result<Ack, Refusal> {
        self.send_entry(Entry {
            id: Uuid::now_v7(),
            chat: chat.clone(),
            text: text.into(),
            data: None,
            attachments: Vec::new(),
        })
        .await
    }

    /// The same with data, or under an id of one's own: best [`Uuid::now_v7`], which the store takes fastest.
    ///
    /// # Errors
    /// [`Refusal`], as with [`Charla::send`].
    pub async fn send_entry(&self, entry: Entry) -> Result<Ack, Refusal> {
        self.ask(|reply| Command::Send { entry, reply }).await
    }

    /// Listens to a chat; the `subscribed` frame.
    ///
    /// # Errors
    /// [`Refusal`] when the server does not let us in, or there will be no connection.
    pub async fn subscribe(&self, chat: &ChatId, from: Place) -> Result<Frame, Refusal> {
        let chat = chat.clone();
        self.ask(|reply| Command::Subscribe { chat, from, reply }).await
    }

    /// Listens no longer, unless something is still to be said there.
    pub async fn unsubscribe(&self, chat: &ChatId) {
        let chat = chat.clone();
        // A client that is closed listens to nothing.
        let _ = self.commands.send(Command::Unsubscribe { chat }).await;
    }

    /// A page of messages before a number, or the latest.
    ///
    /// # Errors
    /// [`Refusal`], also when there is no connection at the moment.
    pub async fn history(&self, chat: &ChatId, before: Option<u64>, limit: usize) -> Result<Frame, Refusal> {
        let mut fields = json!({"chat": chat, "limit": limit});
        if let (Some(before), Some(fields)) = (before, fields.as_object_mut()) {
            fields.insert("before".into(), before.into());
        }
        self.request("history", fields).await
    }

    /// Messages of a chat with these words, the newest first, before a number or from the newest on. All of the words must
    /// occur, the last one as a beginning; accents and capitals do not count.
    ///
    /// # Errors
    /// [`Refusal`], also when there is no connection at the moment.
    pub async fn search(
        &self,
        chat: &ChatId,
        words: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Frame, Refusal> {
        let mut fields = json!({"chat": chat, "q": words, "limit": limit});
        if let (Some(before), Some(fields)) = (before, fields.as_object_mut()) {
            fields.insert("before".into(), before.into());
        }
        self.request("search", fields).await
    }

    /// Gives a message other words.
    ///
    /// # Errors
    /// [`Refusal`], also when there is no connection at the moment.
    pub async fn edit(&self, chat: &ChatId, seq: u64, text: &str) -> Result<Frame, Refusal> {
        self.request("edit", json!({"chat": chat, "seq": seq, "text": text}))
            .await
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// [`Refusal`], also when there is no connection at the moment.
    pub async fn delete(&self, chat: &ChatId, seq: u64) -> Result<Frame, Refusal> {
        self.request("delete", json!({"chat": chat, "seq": seq})).await
    }

    /// Everything up to `seq` was seen. Lost when there is no connection: the next one says it again.
    pub async fn read(&self, chat: &ChatId, seq: u64) {
        self.say(json!({"type": "read", "chat": chat, "seq": seq})).await;
    }

    /// Shows that somebody types, or no longer.
    pub async fn typing(&self, chat: &ChatId, on: bool) {
        self.say(json!({"type": "typing", "chat": chat, "on": on})).await;
    }

    /// The last notes, without tokens, as JSON to hand to whoever looks for the cause.
    #[must_use]
    pub fn report(&self) -> Value {
        self.recorder.report(&self.states.borrow())
    }

    /// Every note as it is written. A listener that is too slow misses some.
    #[must_use]
    pub fn trace(&self) -> broadcast::Receiver<Value> {
        self.recorder.listen()
    }

    /// Ends the connection for good and waits until the good-bye is said. What was not acknowledged is handed back as
    /// refused.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { done }).await.is_ok() {
            // Gone is closed too.
            let _ = closed.await;
        }
    }

    pub(crate) async fn request(&self, kind: &'static str, fields: Value) -> Result<Frame, Refusal> {
        let Value::Object(fields) = fields else {
            return self
                .ask(|reply| Command::Request {
                    kind,
                    fields: Map::new(),
                    reply,
                })
                .await;
        };
        self.ask(|reply| Command::Request { kind, fields, reply }).await
    }

    async fn say(&self, frame: Value) {
        // A client that is closed says nothing.
        let _ = self.commands.send(Command::Say { frame }).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let closed = || Refusal::of_ours("closed", Retry::Stop);
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// 53 random bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
fn dice() -> f64 {
    // A system without randomness jitters by the middle.
    let bits = getrandom::u64().unwrap_or(1 << 63) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}
