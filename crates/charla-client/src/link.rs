//! One connection and what becomes of it: the shell around the reconnect machine.
//!
//! The machine decides, this carries out: it owns the socket, the one timer, the token and the preflight, and notes down
//! all that happens. It knows no frames: whoever speaks a protocol over it gets every text, and says when the other side
//! has welcomed it. No note ever holds a token.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::address::Address;
use crate::closes::{CauseName, Problem};
use crate::diagnose::{Seen, judge_answer, judge_failure};
use crate::dial::Dialer;
use crate::http::{Question, ask_over};
use crate::machine::{Effect, Event, Machine, Name, Policy, State};
use crate::token::{TokenError, TokenRequest, TokenSource};
use crate::trace::{Recorder, problem_json, state_json};
use crate::transport::{Closing, ConnectError, Dialect, Incoming, Transport};

/// How often it is looked whether the machine slept.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The wall clock this far ahead of the other one was asleep, not just set.
const SLEPT: Duration = Duration::from_secs(5);

/// What a link is made of.
pub(crate) struct Setup {
    pub(crate) address: Address,
    pub(crate) dialer: Dialer,
    pub(crate) token: TokenSource,
    pub(crate) policy: Policy,
    pub(crate) random: Box<dyn FnMut() -> f64 + Send>,
}

/// What whoever speaks over the link has to know.
#[derive(Debug)]
pub(crate) enum Happened {
    /// The state is another one.
    State { previous: State, state: State },
    /// This token is to be sent over the living connection.
    Renew { token: String },
}

/// What the other side should hear of once it is welcome again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) cause: Option<CauseName>,
    pub(crate) code: u16,
    pub(crate) attempts: u64,
    pub(crate) away: Duration,
}

/// What a preflight brought: its HTTP status and what is wrong.
type Answer = (Option<u16>, Option<Problem>);
/// A result that is being waited for.
type Pending<T> = Option<BoxFuture<'static, T>>;

/// The connection of one client.
pub(crate) struct Link {
    setup: Setup,
    machine: Machine,
    origin: Instant,
    /// Time that passed while the machine slept, which its steady clock does not count.
    slept: Duration,
    looked_at: (Instant, SystemTime),
    token: Option<String>,
    attempt_id: Uuid,
    /// Sockets opened so far.
    opened: u64,
    /// Where the address's own chat was read to.
    place: (Option<u64>, Option<u64>),
    asking: Pending<(bool, Result<Option<String>, TokenError>)>,
    opening: Pending<Result<Transport, ConnectError>>,
    answering: Pending<Answer>,
    socket: Option<Transport>,
    /// Since when there is no connection, the sockets opened by then, and the last cause that anybody named.
    outage: Option<(Duration, u64, Option<CauseName>, u16)>,
    happened: VecDeque<Happened>,
    states: watch::Sender<State>,
    farewell: Option<JoinHandle<()>>,
    recorder: Arc<Recorder>,
}

impl Link {
    pub(crate) fn new(setup: Setup, recorder: Arc<Recorder>) -> Self {
        let machine = Machine::new(setup.policy.clone());
        let states = watch::Sender::new(machine.state());
        Self {
            setup,
            machine,
            origin: Instant::now(),
            slept: Duration::ZERO,
            looked_at: (Instant::now(), SystemTime::now()),
            token: None,
            attempt_id: Uuid::nil(),
            opened: 0,
            place: (None, None),
            asking: None,
            opening: None,
            answering: None,
            socket: None,
            outage: None,
            happened: VecDeque::new(),
            states,
            farewell: None,
            recorder,
        }
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.states.subscribe()
    }

    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    pub(crate) fn connected(&self) -> bool {
        self.states.borrow().name == Name::Connected
    }

    /// Time since this began.
    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed() + self.slept
    }

    /// When a time of this clock will be.
    pub(crate) fn instant(&self, at: Duration) -> Instant {
        self.origin + at.saturating_sub(self.slept)
    }

    /// What has happened, oldest first.
    pub(crate) fn happened(&mut self) -> Option<Happened> {
        self.happened.pop_front()
    }

    /// Where the address's own chat was read to: the next attempt resumes there.
    pub(crate) fn read_to(&mut self, after: Option<u64>, rev: Option<u64>) {
        self.place = (after, rev);
    }

    /// Puts a text in line. False when there is no connection.
    pub(crate) fn push(&mut self, text: String) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        socket.push(text);
        true
    }

    /// Texts that the socket has had no room for yet.
    pub(crate) fn waiting(&self) -> usize {
        self.socket.as_ref().map_or(0, Transport::waiting)
    }

    pub(crate) fn note(&self, kind: &str, fields: Value) {
        self.recorder.note(kind, fields, self.token.as_deref());
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Tells the machine, and does what it asks for.
    pub(crate) fn feed(&mut self, event: Event) {
        let now = self.now();
        let previous = self.machine.state();
        let effects = self.machine.step(event, now, &mut *self.setup.random);
        let state = self.machine.state();
        if state != previous {
            self.changed(previous, state);
        }
        for effect in effects {
            self.carry_out(effect);
        }
    }

    /// The other side has let us in. What had been amiss before.
    pub(crate) fn welcomed(
        &mut self,
        session: Option<&str>,
        heartbeat: Option<Duration>,
        token_expires_in: Option<Duration>,
    ) -> Option<Outage> {
        self.recorder.welcomed(session);
        self.feed(Event::Welcomed {
            heartbeat,
            token_expires_in,
        });
        let (since, opened, cause, code) = self.outage.take()?;
        Some(Outage {
            cause,
            code,
            attempts: self.opened - opened,
            away: self.now().saturating_sub(since),
        })
    }

    /// Waits until something moves; the text, if that is what came. Safe to drop before it is ready.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let look_at = self.looked_at.0 + LOOK_EVERY;
        let deadline = self.machine.deadline().map(|at| self.instant(at));
        let wake_at = deadline.map_or(look_at, |at| at.min(look_at));
        tokio::select! {
            incoming = heard(&mut self.socket) => match incoming {
                Ok(incoming) => {
                    self.feed(Event::Heard);
                    return match incoming {
                        Incoming::Text(text) => Some(text),
                        Incoming::Sign => None,
                    };
                }
                Err(closing) => self.ended(closing),
            },
            (in_band, token) = done(&mut self.asking) => self.token_came(in_band, token),
            opened = done(&mut self.opening) => self.handshake_ended(opened),
            (status, problem) = done(&mut self.answering) => {
                let told = problem.as_ref().map(problem_json);
                self.note("preflight", json!({"phase": "answered", "status": status, "problem": told}));
                self.feed(Event::Named(problem));
            }
            () = sleep_until(wake_at) => {
                self.look();
                self.feed(Event::Wake);
            }
        }
        None
    }

    /// Waits until the good-bye is said.
    pub(crate) async fn farewell(&mut self) {
        if let Some(farewell) = self.farewell.take() {
            // It ends by itself within its own limit; a panic in it is its own.
            let _ = farewell.await;
        }
    }

    /// After a sleep the steady clock has stood still and the wall's has not.
    fn look(&mut self) {
        let (steady, wall) = (Instant::now(), SystemTime::now());
        let (steady_before, wall_before) = self.looked_at;
        self.looked_at = (steady, wall);
        let passed = wall.duration_since(wall_before).unwrap_or_default();
        let asleep = passed.saturating_sub(steady - steady_before);
        if asleep > SLEPT {
            self.slept += asleep;
            self.note("page", json!({"event": "resumed"}));
            self.feed(Event::Resumed);
        }
    }

    fn changed(&mut self, previous: State, state: State) {
        let mut note = state_json(&state);
        if let Some(note) = note.as_object_mut() {
            note.insert("previous".into(), previous.name.as_str().into());
        }
        self.note("state", note);
        let was_connected = previous.name == Name::Connected;
        let amiss = state.code().is_some() || was_connected;
        if amiss && !matches!(state.name, Name::Connected | Name::Closed) {
            let (now, opened) = (self.now(), if was_connected { self.opened } else { 0 });
            let code = state.code().unwrap_or(1006);
            let outage = self.outage.get_or_insert((now, opened, None, code));
            if let Some(cause) = state.cause() {
                (outage.2, outage.3) = (Some(cause.clone()), code);
            }
        }
        self.states.send_replace(state.clone());
        self.happened.push_back(Happened::State { previous, state });
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Token { refused, in_band } => {
                self.note_token("asked", in_band, None);
                let expiring = in_band;
                let asked = self.setup.token.ask(TokenRequest { refused, expiring });
                self.asking = Some(asked.map(move |token| (in_band, token)).boxed());
            }
            Effect::Open => self.open(),
            Effect::Shut { code, reason } => self.shut(code, reason),
            Effect::Ping => {
                self.push(json!({"type": "ping"}).to_string());
            }
            Effect::Preflight => {
                self.note("preflight", json!({"phase": "asked"}));
                self.answering = Some(preflight(self.setup.dialer.clone(), self.address()).boxed());
            }
            Effect::Renew => {
                let token = self.token.clone().unwrap_or_default();
                self.happened.push_back(Happened::Renew { token });
            }
            // A process that is started again is somebody's decision; there is no tab to remember it for.
            Effect::Remember { .. } => {}
        }
    }

    fn token_came(&mut self, in_band: bool, token: Result<Option<String>, TokenError>) {
        match token {
            Ok(token) => {
                self.note_token("arrived", in_band, None);
                self.token = token.filter(|token| !token.is_empty());
                self.feed(Event::Token);
            }
            Err(TokenError { stop, cause, detail }) => {
                self.note_token("failed", in_band, Some(&detail));
                self.feed(Event::TokenFailed {
                    cause,
                    stop,
                    detail: Some(detail.into()),
                });
            }
        }
    }

    fn note_token(&self, phase: &str, in_band: bool, detail: Option<&str>) {
        let (cycle, cycles) = (self.state().cycle, self.setup.policy.cycles);
        let mut note = json!({"phase": phase, "cycle": cycle, "cycles": cycles, "inBand": in_band});
        if let (Some(detail), Some(note)) = (detail, note.as_object_mut()) {
            note.insert("detail".into(), detail.into());
        }
        self.note("token", note);
    }

    /// The address of this very attempt.
    fn address(&self) -> Address {
        let mut address = self.setup.address.clone().with_token(self.token.clone());
        address = address.with_parameter("attempt", &self.attempt_id.to_string());
        for (name, value) in [("after", self.place.0), ("rev", self.place.1)] {
            if let Some(value) = value {
                address = address.with_parameter(name, &value.to_string());
            }
        }
        address
    }

    fn open(&mut self) {
        self.attempt_id = Uuid::new_v4();
        self.opened += 1;
        let (dialer, address) = (self.setup.dialer.clone(), self.address());
        self.note_socket("opening", json!({}));
        let opening = async move { Transport::open(&dialer, &address, Dialect::CharlaV1).await };
        self.opening = Some(opening.boxed());
    }

    fn handshake_ended(&mut self, opened: Result<Transport, ConnectError>) {
        match opened {
            Ok(socket) => {
                self.note_socket("opened", json!({}));
                self.socket = Some(socket);
                self.feed(Event::Opened);
            }
            Err(error) => {
                self.note_socket("error", json!({"reason": error.to_string()}));
                self.feed(failure(&error));
            }
        }
    }

    fn ended(&mut self, Closing { code, reason }: Closing) {
        self.socket = None;
        self.note_socket("closed", json!({"code": code.unwrap_or(1006), "reason": reason}));
        // Without a frame the reason is the system's, not the server's.
        let reason = if code.is_some() { &reason } else { "" };
        self.feed(Event::closed(code.unwrap_or(1006), reason));
    }

    fn shut(&mut self, code: u16, reason: &'static str) {
        self.opening = None;
        if let Some(socket) = self.socket.take() {
            self.note_socket("closed", json!({"code": code, "reason": reason, "byUs": true}));
            self.farewell = Some(tokio::spawn(socket.close(code, reason)));
        }
    }

    fn note_socket(&self, phase: &str, more: Value) {
        let state = self.state();
        let url = self.address().to_string();
        let mut note = json!({"phase": phase, "url": url, "attempt": state.attempt, "total": state.spent});
        if let (Value::Object(more), Some(note)) = (more, note.as_object_mut()) {
            note.extend(more);
        }
        self.note("socket", note);
    }
}

/// A handshake that failed: by its cause where that is certain, as the browser's 1006 where the preflight may know more.
fn failure(error: &ConnectError) -> Event {
    let certain = match error {
        ConnectError::Cut { .. } | ConnectError::Timeout(_) => None,
        ConnectError::Resolve { .. }
        | ConnectError::Reach { .. }
        | ConnectError::Proxy { .. }
        | ConnectError::Tls { .. }
        | ConnectError::Refused { .. }
        | ConnectError::NotWebSocket(_)
        | ConnectError::NotHttp(_)
        | ConnectError::NoSubprotocol
        | ConnectError::Token => error.cause(),
    };
    let Some(cause) = certain else {
        return Event::closed(1006, "");
    };
    let detail = if let ConnectError::Refused { detail, .. } = error
        && !detail.is_empty()
    {
        detail.clone()
    } else {
        error.to_string()
    };
    Event::Failed(Problem::of_cause(cause).with_detail(&detail))
}

async fn preflight(dialer: Dialer, address: Address) -> Answer {
    let target = address.target();
    let question = Question {
        bearer: address.token(),
        ..Question::get(&target)
    };
    match ask_over(&dialer, &address, question).await {
        Ok(answer) => {
            let location = answer.headers.get("location");
            let problem = judge_answer(&Seen {
                target: &target,
                status: answer.status,
                location: location.and_then(|place| place.to_str().ok()),
                json: &answer.json,
                body: &answer.body,
            });
            (Some(answer.status), problem)
        }
        Err(error) => (None, Some(judge_failure(&error))),
    }
}

async fn heard(socket: &mut Option<Transport>) -> Result<Incoming, Closing> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

/// The result, once; until there is one to wait for it waits for ever.
async fn done<T>(pending: &mut Pending<T>) -> T {
    let Some(future) = pending else {
        return std::future::pending().await;
    };
    let result = future.await;
    *pending = None;
    result
}
