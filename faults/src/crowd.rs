//! All clients: they connect, speak at a steady pace, and some of them come and go.
//!
//! They are real clients with their own rules for coming back; nothing here helps them to. What they said and heard is handed
//! out as a [`History`] whenever everybody is quiet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use charla_client::machine::Name;
use charla_client::{Charla, Dialer, Entry, Proxies, Refusal, Uuid};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::history::{Answer, History, Room, Sent};
use crate::listener::{Listener, Noted, Standing};
use crate::world::{Dice, TENANTS, World, mark, token};

/// Messages under way beyond which nobody says more: what a person would notice.
const PENDING_MAX: usize = 2_000;
/// Events that wait for a listener's note-taking: enough for the longest resume in every chat.
const EVENTS_MAX: usize = 16 * 1024;
/// One message in so many goes to the chat that everybody is in.
const TO_EVERYBODY: usize = 20;
/// One client in so many comes and goes.
const RESTLESS: usize = 10;
/// One client in so many is on the network that can be cut.
const WIRELESS: usize = 4;
/// Between two who leave.
const LEAVES_EVERY: Duration = Duration::from_millis(400);

/// The clients of a run.
pub(crate) struct Crowd {
    runtime: Handle,
    shared: Arc<Shared>,
}

/// What the tasks have in common.
struct Shared {
    listeners: Vec<Arc<Listener>>,
    dialer: Dialer,
    began: Instant,
    sent: Mutex<HashMap<Uuid, Sent>>,
    pending: AtomicUsize,
    speaking: AtomicBool,
    /// Clients that are away of their own will.
    out: AtomicUsize,
}

/// What a crowd notes beside its messages.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connections lost, by cause.
    pub(crate) losses: BTreeMap<String, usize>,
    /// Milliseconds from the store to a listener, sorted.
    pub(crate) delays: Vec<u32>,
    /// Frames that name another tenant.
    pub(crate) crossed: Vec<String>,
    /// People who came or went, as told.
    pub(crate) presence: usize,
}

impl Tally {
    /// Goes on with what followed.
    pub(crate) fn extend(&mut self, next: Self) {
        for (cause, count) in next.losses {
            *self.losses.entry(cause).or_default() += count;
        }
        self.delays.extend(next.delays);
        self.delays.sort_unstable();
        self.crossed.extend(next.crossed);
        self.presence += next.presence;
    }
}

impl Crowd {
    /// Everybody begins to connect: to nginx by its one address, a part of them by its other.
    pub(crate) fn start(runtime: &Handle, world: World, addresses: [String; 2], per_second: u32) -> Self {
        let [wired, wireless] = addresses;
        let mut listeners = Vec::new();
        for tenant in TENANTS {
            for nth in 0..world.clients {
                let address = if nth % WIRELESS == 1 { &wireless } else { &wired };
                listeners.push(Arc::new(Listener::new(
                    tenant,
                    nth,
                    world.person(nth),
                    world.chats(nth),
                    address.clone(),
                    nth % RESTLESS == 0,
                )));
            }
        }
        let shared = Arc::new(Shared {
            listeners,
            dialer: Dialer::new().with_proxies(Proxies::none()),
            began: Instant::now(),
            sent: Mutex::default(),
            pending: AtomicUsize::new(0),
            speaking: AtomicBool::new(false),
            out: AtomicUsize::new(0),
        });
        for listener in &shared.listeners {
            shared.enter(runtime, listener);
        }
        runtime.spawn(pace(Arc::clone(&shared), per_second));
        runtime.spawn(come_and_go(Arc::clone(&shared)));
        Self {
            runtime: runtime.clone(),
            shared,
        }
    }

    /// Milliseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.shared.now()
    }

    /// All clients.
    pub(crate) fn listeners(&self) -> &[Arc<Listener>] {
        &self.shared.listeners
    }

    /// Everybody speaks, and some come and go.
    pub(crate) fn speak(&self) {
        self.shared.speaking.store(true, Ordering::SeqCst);
    }

    /// Nobody says anything new, and whoever is away comes back.
    pub(crate) fn hush(&self) {
        self.shared.speaking.store(false, Ordering::SeqCst);
    }

    /// Who is not there, and why.
    pub(crate) fn missing(&self) -> Vec<(String, Standing)> {
        self.away(|_| true)
    }

    /// The same of those who never leave by themselves.
    pub(crate) fn cut_off(&self) -> Vec<(String, Standing)> {
        self.away(|listener| !listener.is_restless)
    }

    fn away(&self, counts: impl Fn(&Listener) -> bool) -> Vec<(String, Standing)> {
        let counted = self.shared.listeners.iter().filter(|listener| counts(listener));
        let all = counted.map(|listener| (listener.name.clone(), listener.standing()));
        all.filter(|(_, standing)| *standing != Standing::There).collect()
    }

    /// What is not settled yet, in words; `None` once everybody is there and nothing is under way.
    pub(crate) fn unrest(&self) -> Option<String> {
        let pending = self.shared.pending.load(Ordering::SeqCst);
        let out = self.shared.out.load(Ordering::SeqCst);
        if pending > 0 || out > 0 {
            return Some(format!("{pending} sends under way, {out} clients out"));
        }
        let missing = self.missing();
        let (name, standing) = missing.first()?;
        Some(format!(
            "{} clients away, such as {name}: {standing:?}",
            missing.len()
        ))
    }

    /// When the first message was acknowledged of those said at `since` or later.
    pub(crate) fn first_ack_since(&self, since: u64) -> Option<u64> {
        let sent = self.shared.sent.lock();
        let acked = sent
            .values()
            .filter(|sent| sent.at >= since && matches!(sent.answer, Answer::Acked(_)));
        acked.map(|sent| sent.answered_at).min()
    }

    /// What was noted since the last time.
    pub(crate) fn take_tally(&self) -> Tally {
        let mut tally = Tally::default();
        for listener in &self.shared.listeners {
            let Noted {
                losses,
                delays,
                crossed,
                presence,
            } = listener.take_noted();
            for cause in losses {
                *tally.losses.entry(cause).or_default() += 1;
            }
            tally.delays.extend(delays);
            tally.crossed.extend(crossed);
            tally.presence += presence;
        }
        tally.delays.sort_unstable();
        tally
    }

    /// What was said and heard since the last time; to be taken when everybody is quiet.
    pub(crate) fn take_history(&self) -> History {
        let mut history = History {
            sent: self.shared.sent.lock().values().cloned().collect(),
            ..History::default()
        };
        // What has no answer yet may still get one.
        let is_open = |_: &Uuid, sent: &mut Sent| sent.answer == Answer::Pending;
        self.shared.sent.lock().retain(is_open);
        history.sent.sort_by_key(|sent| sent.at);
        for listener in &self.shared.listeners {
            history.streams.extend(listener.take_streams());
        }
        history
    }

    /// What has no answer yet.
    pub(crate) fn open(&self) -> Vec<Sent> {
        let sent = self.shared.sent.lock();
        let open = sent.values().filter(|sent| sent.answer == Answer::Pending);
        open.cloned().collect()
    }

    /// Everybody leaves.
    pub(crate) fn end(&self) {
        self.hush();
        let clients = self.shared.listeners.iter();
        let clients: Vec<Charla> = clients
            .filter_map(|listener| listener.client.lock().take())
            .collect();
        self.runtime.block_on(async {
            for client in clients {
                client.close().await;
            }
        });
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Connects a client where it left off.
    fn enter(&self, runtime: &Handle, listener: &Arc<Listener>) {
        let _within = runtime.enter();
        let (tenant, user) = (listener.tenant, listener.user.clone());
        let builder = Charla::builder(&listener.address)
            .token(move |_| {
                let token = token(tenant, &user);
                async move { Ok(token) }
            })
            .dialer(self.dialer.clone())
            .events(EVENTS_MAX)
            .raw();
        // The addresses are ours.
        let Ok((client, mut events)) = builder.connect() else {
            return;
        };
        *listener.client.lock() = Some(client.clone());
        for chat in listener.chats.clone() {
            let (client, place) = (client.clone(), listener.place(&chat));
            // What comes of it is told as an event.
            runtime.spawn(async move { drop(client.subscribe(&chat, place).await) });
        }
        let heard = Arc::clone(listener);
        let hearing = runtime.spawn(async move {
            while let Some(event) = events.recv().await {
                heard.hear(&event, jiff::Timestamp::now().as_millisecond());
            }
        });
        *listener.hearing.lock() = Some(hearing);
    }

    /// One client says one thing.
    fn say(self: &Arc<Self>, dice: &mut Dice, number: u64) {
        if self.pending.load(Ordering::SeqCst) >= PENDING_MAX {
            return;
        }
        let Some(listener) = self.listeners.get(dice.below(self.listeners.len())) else {
            return;
        };
        if !listener.speaks() {
            return;
        }
        let nth = match dice.below(TO_EVERYBODY) {
            0 => 0,
            other => 1 + other % (listener.chats.len() - 1).max(1),
        };
        let Some(client) = listener.client.lock().clone() else {
            return;
        };
        let chat = listener.chats.get(nth).or_else(|| listener.chats.first());
        let Some(chat) = chat.cloned() else { return };
        let entry = Entry {
            id: Uuid::now_v7(),
            chat: chat.clone(),
            text: format!("number {number}{}", mark(listener.tenant)),
            attachments: Vec::new(),
            data: None,
        };
        let sent = Sent {
            room: Room {
                tenant: listener.tenant.to_owned(),
                chat: chat.to_string(),
            },
            id: entry.id,
            at: self.now(),
            answer: Answer::Pending,
            answered_at: 0,
        };
        self.sent.lock().insert(entry.id, sent);
        self.pending.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let id = entry.id;
            let answer = match client.send_entry(entry).await {
                Ok(ack) => Answer::Acked(ack.seq),
                Err(refusal) => refused(&client, &refusal),
            };
            if let Some(sent) = shared.sent.lock().get_mut(&id) {
                sent.answer = answer;
                sent.answered_at = shared.now();
            }
            shared.pending.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// A client that ended hands back what it does not know; a server that refuses says no for good.
fn refused(client: &Charla, refusal: &Refusal) -> Answer {
    let cause = refusal.cause.as_str().to_owned();
    let has_ended = matches!(client.state().name, Name::Disabled | Name::Closed);
    let is_ours = ["closed", "outbox_full", "outbox_expired"].contains(&cause.as_str());
    if has_ended || is_ours {
        Answer::Unknown(cause)
    } else {
        Answer::Refused(cause)
    }
}

/// Somebody speaks, so many times a second.
async fn pace(shared: Arc<Shared>, per_second: u32) {
    let mut dice = Dice::new(1);
    let mut ticks = interval(Duration::from_secs(1) / per_second.max(1));
    // A machine that was busy does not make up for it with a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        ticks.tick().await;
        if shared.speaking.load(Ordering::SeqCst) {
            number += 1;
            shared.say(&mut dice, number);
        }
    }
}

/// Restless clients leave for a moment, one after the other, and come back with their place.
async fn come_and_go(shared: Arc<Shared>) {
    let mut dice = Dice::new(2);
    let restless: Vec<Arc<Listener>> = shared
        .listeners
        .iter()
        .filter(|listener| listener.is_restless)
        .cloned()
        .collect();
    loop {
        sleep(LEAVES_EVERY).await;
        let Some(listener) = restless.get(dice.below(restless.len())) else {
            continue;
        };
        if !shared.speaking.load(Ordering::SeqCst) {
            continue;
        }
        let Some(client) = listener.client.lock().take() else {
            continue;
        };
        listener.falls_silent();
        shared.out.fetch_add(1, Ordering::SeqCst);
        let pause = Duration::from_millis(u64::try_from(100 + dice.below(1_400)).unwrap_or(100));
        let (shared, listener) = (Arc::clone(&shared), Arc::clone(listener));
        tokio::spawn(async move {
            client.close().await;
            let hearing = listener.hearing.lock().take();
            if let Some(hearing) = hearing {
                // Its place is known when it has noted everything. Note-taking does not panic.
                let _ = hearing.await;
            }
            sleep(pause).await;
            shared.enter(&Handle::current(), &listener);
            shared.out.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
