//! Hints by `LISTEN` and `NOTIFY`, over one connection of their own.
//!
//! Never within the transaction that stores a message: a commit that notifies takes a lock of the whole server
//! (`PreCommit_Notify`), and sends would queue for it. What moves is gathered, and said after the fact.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use charla_core::RoomKey;
use charla_wire::{ChatId, TenantId};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use uuid::Uuid;

use super::fault::Fault;
use super::session::{ANSWER_WITHIN, CONNECT_WITHIN};
use crate::store::StoreError;
use crate::store::hints::{Hints, Moved};
use crate::to_postgres::{Driver, Way};

/// Between two times of saying what moved; what moves meanwhile is said together.
const APART: Duration = Duration::from_millis(20);
/// PostgreSQL takes payloads below 8,000 bytes (NOTIFY in its manual).
const PAYLOAD_MAX: usize = 7_900;
/// How often a node that needs hints says something to itself.
const CANARY_EVERY: Duration = Duration::from_millis(500);
/// Without one for this long nothing is proven.
const CANARY_WITHIN: Duration = Duration::from_millis(1_500);
/// Without one for this long the connection is of no use, however open it looks.
const CANARY_GIVEN_UP: Duration = Duration::from_secs(5);
/// Another node that has not asked for this long has its bus again, or is gone.
const OTHERS_FOR: Duration = Duration::from_secs(5);
/// The first and the longest wait before another connection.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Longest name of a channel, in bytes: an identifier's (`NAMEDATALEN`).
const NAME_MAX: usize = 63;
/// What stands for all chats.
const ANY: &str = "*";

/// What the connection hears, and when.
struct Ear {
    hints: Arc<Hints>,
    // Another one at each start.
    node: String,
    canary: Mutex<Instant>,
    others: Mutex<Option<Instant>>,
}

/// Carries hints for as long as it lives.
pub(super) struct Carrier {
    /// What it carries.
    pub(super) hints: Arc<Hints>,
    task: AbortHandle,
}

impl Carrier {
    /// Begins to connect, and goes on trying.
    pub(super) fn start(way: Way) -> Self {
        let hints = Arc::<Hints>::default();
        let task = tokio::spawn(carry(way, Arc::clone(&hints))).abort_handle();
        Self { hints, task }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(way: Way, hints: Arc<Hints>) {
    let ear = Arc::new(Ear {
        hints,
        node: Uuid::new_v4().to_string(),
        canary: Mutex::new(Instant::now()),
        others: Mutex::default(),
    });
    let mut pause = RETRY_FIRST;
    loop {
        let since = Instant::now();
        let why = carry_once(&way, &ear).await;
        ear.hints.prove(false);
        // What was said meanwhile was not heard here.
        ear.hints.incoming.add_any();
        tracing::debug!(error = %why.told(), "hints over the database are interrupted");
        if since.elapsed() > RETRY_MAX {
            pause = RETRY_FIRST;
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Carries hints until the connection is of no use; why.
async fn carry_once(way: &Way, ear: &Arc<Ear>) -> Fault {
    let (client, driver) = match timeout(CONNECT_WITHIN, way.open()).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return error.into(),
        Err(_) => return Fault::Silent,
    };
    let hearing = hear(driver, Arc::clone(ear));
    tokio::select! {
        () = hearing => away("the connection ended"),
        why = speak(&client, ear) => why.err().unwrap_or(Fault::Silent),
    }
}

fn away(why: &str) -> Fault {
    Fault::Refused(StoreError::Unavailable(why.into()))
}

/// Drives the connection, and takes what comes in.
async fn hear(mut driver: Driver, ear: Arc<Ear>) {
    while let Some(Ok(message)) = poll_fn(&mut driver).await {
        if let AsyncMessage::Notification(notification) = message {
            ear.take(notification.payload());
        }
    }
}

/// Listens, and says what is to be said.
async fn speak(client: &Client, ear: &Ear) -> Result<std::convert::Infallible, Fault> {
    let answer = timeout(ANSWER_WITHIN, async {
        // Nobody needs a hint after a crash, so none waits for a disk.
        client.batch_execute("SET synchronous_commit = off").await?;
        let schema: String = client
            .query_one("SELECT current_schema()::text", &[])
            .await?
            .try_get(0)?;
        let channel = channel(&schema);
        let listen = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
        client.batch_execute(&listen).await?;
        let notify = client
            .prepare("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload")
            .await?;
        Ok::<_, tokio_postgres::Error>((channel, notify))
    });
    let (channel, notify) = answer.await.map_err(|_| Fault::Silent)??;
    *ear.canary.lock() = Instant::now();
    let mut canaries = interval(CANARY_EVERY);
    canaries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_asking = false;
    loop {
        let payloads = tokio::select! {
            moved = ear.hints.outgoing.take() => payloads(&ear.node, &moved),
            _ = canaries.tick() => {
                let others = ear.others.lock().is_some_and(|asked| asked.elapsed() < OTHERS_FOR);
                ear.hints.note_others(others);
                let asks = ear.hints.is_asking();
                if asks && !std::mem::replace(&mut was_asking, asks) {
                    *ear.canary.lock() = Instant::now();
                }
                was_asking = asks;
                if !asks {
                    continue;
                }
                let silent = ear.canary.lock().elapsed();
                if silent > CANARY_GIVEN_UP {
                    return Err(away("what is said over it is not heard"));
                }
                if silent > CANARY_WITHIN {
                    ear.hints.prove(false);
                }
                vec![ear.node.clone()]
            }
        };
        timeout(ANSWER_WITHIN, client.execute(&notify, &[&channel, &payloads]))
            .await
            .map_err(|_| Fault::Silent)??;
        sleep(APART).await;
    }
}

/// Nodes of one schema hear each other; a database may have several.
fn channel(schema: &str) -> String {
    let mut name = format!("charla_{schema}");
    let mut end = NAME_MAX.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

/// The node's name alone is a canary; behind it stand chats, one a line.
fn payloads(node: &str, moved: &Moved) -> Vec<String> {
    let rooms = match moved {
        Moved::Any => return vec![format!("{node}\n{ANY}")],
        Moved::These(rooms) => rooms,
    };
    let mut payloads = Vec::new();
    let mut payload = node.to_owned();
    for room in rooms {
        let line = format!("\n{room}");
        if payload.len() + line.len() > PAYLOAD_MAX {
            payloads.push(std::mem::replace(&mut payload, node.to_owned()));
        }
        payload.push_str(&line);
    }
    payloads.push(payload);
    payloads
}

impl Ear {
    fn take(&self, payload: &str) {
        let mut lines = payload.lines();
        let node = lines.next();
        let rooms: Vec<&str> = lines.collect();
        if node == Some(&*self.node) {
            if rooms.is_empty() {
                *self.canary.lock() = Instant::now();
                if self.hints.is_asking() {
                    self.hints.prove(true);
                }
            }
            return;
        }
        if rooms.is_empty() {
            *self.others.lock() = Some(Instant::now());
            self.hints.note_others(true);
        }
        for line in rooms {
            match room(line) {
                Some(room) => self.hints.incoming.add(&room),
                // All of them, or the words of a newer program.
                None => self.hints.incoming.add_any(),
            }
        }
    }
}

fn room(line: &str) -> Option<RoomKey> {
    let (tenant, chat) = line.split_once('/')?;
    Some(RoomKey {
        tenant: TenantId::parse(tenant).ok()?,
        chat: ChatId::parse(chat).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_small_enough_and_say_everything() {
        let rooms: Vec<RoomKey> = (0..1_000)
            .map(|number| room(&format!("demo/{number:0>64}")).unwrap())
            .collect();
        let node = Uuid::new_v4().to_string();
        let said = payloads(&node, &Moved::These(rooms.clone()));
        assert!(said.len() > 5, "{}", said.len());
        assert!(said.iter().all(|payload| payload.len() < 8_000));
        let heard: Vec<RoomKey> = said
            .iter()
            .flat_map(|payload| payload.lines().skip(1).filter_map(room))
            .collect();
        assert_eq!(heard, rooms);
        assert_eq!(payloads("n", &Moved::Any), ["n\n*"]);
        assert_eq!(room(ANY), None);
    }

    #[test]
    fn a_channel_is_named_within_the_limit() {
        assert_eq!(channel("public"), "charla_public");
        assert_eq!(channel(&"ñ".repeat(31)).len(), 63);
        assert!(channel(&"ñ".repeat(31)).starts_with("charla_ñ"));
    }
}
