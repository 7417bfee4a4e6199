//! What every bus has to do, asked of each: one Redis, with TLS, with a user of few rights, behind Sentinel, as a
//! Cluster, and NATS.

use std::sync::Arc;

use charla_core::{Author, RoomKey, UserKey};
use charla_server::broker::{Broker as _, Health, Heard, Remote, Topic};
use charla_server::happening::{Happening, RoomEvent};
use charla_server::metrics::{Metrics, WhyLabel};
use charla_server::settings::{BrokerSettings, BrokerUrl};
use charla_wire::{Cause, ChatId, TenantId, Timestamp, UserId};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::bus::Program;
use crate::serving::{soon, until};

mod nats;
mod plug;
mod redis;
mod sentinel;
mod shards;
pub(crate) mod tls;

pub(crate) use tls::Authority;

/// More than any test says.
const HEARD_MAX: usize = 64 * 1024;

/// A bus of a test's own, and how to reach it.
struct Stage {
    programs: Vec<Program>,
    url: BrokerUrl,
    settings: BrokerSettings,
    _folder: TempDir,
}

impl Stage {
    fn kill(&self) {
        self.programs.iter().for_each(Program::kill);
    }

    fn run(&self) {
        tokio::task::block_in_place(|| self.programs.iter().for_each(Program::run));
    }

    fn signal(&self, signal: Signal) {
        self.programs.iter().for_each(|program| program.signal(signal));
    }
}

/// The bus as a node has it.
struct Ear {
    broker: Remote,
    heard: mpsc::Receiver<Heard>,
    metrics: Arc<Metrics>,
}

impl Ear {
    fn open(stage: &Stage) -> Self {
        Self::open_at(&stage.url, &stage.settings)
    }

    fn open_at(url: &BrokerUrl, settings: &BrokerSettings) -> Self {
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        let metrics = Arc::<Metrics>::default();
        let hear = move |heard| tell.try_send(heard).expect("a test does not say so much");
        let broker = Remote::start(url, settings, Arc::clone(&metrics), hear).unwrap();
        Self {
            broker,
            heard,
            metrics,
        }
    }

    async fn is(&self, wanted: Health) {
        let mut health = self.broker.health();
        soon(
            &format!("{wanted:?}"),
            health.wait_for(|health| *health == wanted),
        )
        .await
        .unwrap();
    }

    async fn follow(&self, topic: &Topic) {
        self.broker.follow(topic);
        self.broker.followed(topic).await;
    }

    /// The next word that was said.
    async fn word(&mut self) -> String {
        match soon("a word", self.heard.recv()).await.unwrap() {
            Heard::Happening(Happening::Room {
                event: RoomEvent::Closed { reason, .. },
                ..
            }) => reason.unwrap(),
            Heard::Happening(Happening::Disconnect { user, .. }) => user.user.to_string(),
            Heard::Unreadable(topic) => format!("look: {}", topic.name("")),
            other => panic!("{other:?}"),
        }
    }

    fn failures(&self, why: &'static str) -> u64 {
        self.metrics
            .broker_failures
            .get_or_create(&WhyLabel { why })
            .get()
    }
}

fn room(chat: &str) -> RoomKey {
    RoomKey {
        tenant: TenantId::parse("demo").unwrap(),
        chat: ChatId::parse(chat).unwrap(),
    }
}

fn topic(chat: &str) -> Topic {
    Topic::Room(room(chat))
}

fn user(id: &str) -> UserKey {
    UserKey {
        tenant: TenantId::parse("demo").unwrap(),
        user: UserId::parse(id).unwrap(),
    }
}

fn said(chat: &str, word: &str) -> Happening {
    Happening::Room {
        room: room(chat),
        event: RoomEvent::Closed {
            by: Author {
                id: UserId::parse("ana").unwrap(),
                name: "Ana".into(),
            },
            at: Timestamp::default(),
            reason: Some(word.into()),
        },
        except: None,
        trace: None,
    }
}

/// All of it, on a bus that runs.
async fn keeps_the_contract(stage: &Stage) {
    let (mut here, mut there) = (Ear::open(stage), Ear::open(stage));
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    carries_in_order(&mut here, &mut there).await;
    carries_strange_names(&here, &mut there).await;
    only_what_is_followed(&here, &mut there).await;
    carries_what_is_large(&here, &mut there).await;
    comes_back(stage, &mut here, &mut there).await;
    sees_that_it_is_frozen(stage, &mut here, &mut there).await;
}

async fn carries_in_order(here: &mut Ear, there: &mut Ear) {
    for chat in ["5", "6", "7"] {
        there.follow(&topic(chat)).await;
    }
    here.follow(&topic("5")).await;
    let words: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for chat in ["5", "6", "7"] {
        for word in &words {
            here.broker.publish(said(chat, word));
        }
        let mut heard = Vec::new();
        for _ in &words {
            heard.push(there.word().await);
        }
        assert_eq!(heard, words, "in {chat}");
    }
    // Its own were heard at once, and once: what comes back over the bus is passed over.
    there.broker.publish(said("5", "end"));
    let mut own = 0;
    while here.word().await != "end" {
        own += 1;
    }
    assert_eq!(own, words.len() * 3);
    assert_eq!(there.word().await, "end");
}

/// A person's id may be nearly anything.
async fn carries_strange_names(here: &Ear, there: &mut Ear) {
    for id in ["a.b", "*", ">", "a:b::", "{x}y", "{}", "ñandú%2E", "$SYS.>"] {
        let user = user(id);
        there.follow(&Topic::User(user.clone())).await;
        here.broker.publish(Happening::Disconnect {
            user,
            chat: None,
            cause: Cause::UserBlocked,
        });
        assert_eq!(there.word().await, id);
    }
}

async fn only_what_is_followed(here: &Ear, there: &mut Ear) {
    there.follow(&topic("8")).await;
    there.broker.leave(&topic("8"));
    // Another topic in the same slot of a cluster: what was said before it is there before it.
    there.follow(&topic("5")).await;
    there.broker.leave(&topic("5"));
    there.follow(&topic("9")).await;
    for chat in ["8", "10", "9"] {
        here.broker.publish(said(chat, chat));
    }
    assert_eq!(there.word().await, "9", "and nothing of 8 or 10");
    here.broker.publish(said("5", "still one listener"));
    assert_eq!(there.word().await, "still one listener");
}

async fn carries_what_is_large(here: &Ear, there: &mut Ear) {
    let large = "ñ".repeat(450 * 1024);
    here.broker.publish(said("5", &large));
    assert!(there.word().await == large, "what fits comes as it is");
    here.broker.publish(said("5", &"x".repeat(9 * 1024 * 1024)));
    assert_eq!(there.word().await, "look: :room:demo:5");
    here.broker.publish(said("5", "small"));
    assert_eq!(there.word().await, "small", "the connection is still there");
}

async fn comes_back(stage: &Stage, here: &mut Ear, there: &mut Ear) {
    stage.kill();
    here.is(Health::Away).await;
    there.is(Health::Away).await;
    // Followed while there is nobody to tell.
    there.follow(&topic("11")).await;
    stage.run();
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    for chat in ["5", "11"] {
        here.broker.publish(said(chat, chat));
        assert_eq!(there.word().await, chat);
    }
}

async fn sees_that_it_is_frozen(stage: &Stage, here: &mut Ear, there: &mut Ear) {
    stage.signal(Signal::STOP);
    here.is(Health::Away).await;
    there.is(Health::Away).await;
    stage.signal(Signal::CONT);
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    there.follow(&topic("12")).await;
    here.broker.publish(said("12", "thawed"));
    assert_eq!(there.word().await, "thawed");
}

/// Says words until one is heard: for buses that heal at a moment of their own.
async fn is_heard_again(here: &Ear, there: &mut Ear, chat: &str) {
    here.is(Health::Alive).await;
    there.is(Health::Alive).await;
    here.broker.publish(said(chat, "again"));
    assert_eq!(there.word().await, "again");
}

/// A bus that lets nobody in as we come, and says so.
async fn is_refused(url: &BrokerUrl, settings: &BrokerSettings, why: &'static str) {
    let ear = Ear::open_at(url, settings);
    until(why, || async { ear.failures(why) > 0 }).await;
    assert_eq!(*ear.broker.health().borrow(), Health::Away);
}
