//! A connection to one Redis of Channels: commands by the hundred in one go, and what it says unasked.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::figures::BridgeFigures;
use super::trouble;
use crate::broker::BrokerSetupError;
use crate::broker::redis::door::{Door, Open, refused};
use crate::broker::redis::resp::{self, Value};
use crate::broker::remote::ended::Ended;
use crate::settings::{BridgeHost, BridgeSettings, BrokerPlace, BrokerSettings};

/// From commands to the last of their answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What was said unasked and waits; with more the connection ends.
const UNASKED_MAX: usize = 10_000;
/// The first and the longest wait before another try to connect.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// One server, and how to get in.
pub(super) struct Host {
    door: Door,
    place: BrokerPlace,
    database: u32,
    pub(super) shown: String,
}

impl Host {
    pub(super) fn new(host: &BridgeHost, settings: &BridgeSettings) -> Result<Self, BrokerSetupError> {
        // The way in is the bus'.
        let way = BrokerSettings {
            password_file: settings.password_file.clone(),
            ca_file: settings.ca_file.clone(),
            cert_file: settings.cert_file.clone(),
            key_file: settings.key_file.clone(),
            ..BrokerSettings::default()
        };
        Ok(Self {
            door: Door::new(&host.url, &way).map_err(trouble::unusable)?,
            place: host.url.first().clone(),
            database: host.database,
            shown: host.shown(),
        })
    }

    /// Connects, and chooses the database.
    pub(super) async fn connect(&self) -> Result<Link, Ended> {
        let mut link = Link {
            open: self.door.open(&self.place).await?,
            unasked: VecDeque::new(),
            at: self.place.to_string(),
        };
        if self.database > 0 {
            let mut commands = Commands::default();
            commands.put(&[b"SELECT", self.database.to_string().as_bytes()]);
            link.ask(&commands).await?;
        }
        Ok(link)
    }
}

/// Commands to be sent in one go.
#[derive(Default)]
pub(super) struct Commands {
    bytes: Vec<u8>,
    count: usize,
}

impl Commands {
    pub(super) fn put(&mut self, words: &[&[u8]]) {
        resp::put(&mut self.bytes, words);
        self.count += 1;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A connection.
pub(super) struct Link {
    open: Open,
    unasked: VecDeque<Vec<Value>>,
    at: String,
}

impl Link {
    /// Sends commands and waits for their answers, one each; a refusal of any is an error.
    pub(super) async fn ask(&mut self, commands: &Commands) -> Result<Vec<Value>, Ended> {
        let asked = timeout(ANSWERS_WITHIN, self.asked(commands)).await;
        asked.unwrap_or_else(|_| {
            Err(Ended::Slow {
                at: self.at.clone(),
                within: ANSWERS_WITHIN,
            })
        })
    }

    async fn asked(&mut self, commands: &Commands) -> Result<Vec<Value>, Ended> {
        self.open.output.write_all(&commands.bytes).await?;
        self.open.output.flush().await?;
        let mut answers = Vec::with_capacity(commands.count);
        while answers.len() < commands.count {
            match self.open.input.next().await? {
                Value::Error(text) => return Err(refused(&text)),
                Value::Push(words) => self.put_aside(words)?,
                answer @ (Value::Text(_) | Value::Several(_) | Value::Null) => answers.push(answer),
            }
        }
        Ok(answers)
    }

    /// Sends one command that is answered by what is said unasked.
    pub(super) async fn say(&mut self, words: &[&[u8]]) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        resp::put(&mut bytes, words);
        self.open.output.write_all(&bytes).await?;
        Ok(self.open.output.flush().await?)
    }

    fn put_aside(&mut self, words: Vec<Value>) -> Result<(), Ended> {
        if self.unasked.len() == UNASKED_MAX {
            return Err(Ended::Refused("it publishes faster than can be taken in".into()));
        }
        self.unasked.push_back(words);
        Ok(())
    }

    /// The next thing that is said unasked. Giving up on it loses nothing.
    pub(super) async fn unasked(&mut self) -> Result<Vec<Value>, Ended> {
        loop {
            if let Some(words) = self.unasked.pop_front() {
                return Ok(words);
            }
            match self.open.input.next().await? {
                Value::Push(words) => return Ok(words),
                Value::Error(text) => return Err(refused(&text)),
                Value::Text(_) | Value::Several(_) | Value::Null => {}
            }
        }
    }

    /// Passes over what was said unasked and has been read.
    pub(super) fn forget_unasked(&mut self) {
        self.unasked.clear();
    }
}

/// How long to wait before the next try, and what was said of the last one.
pub(super) struct Patience {
    wait: Duration,
    told: String,
    what: &'static str,
}

impl Patience {
    /// For one kind of connection.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            wait: RETRY_FIRST,
            told: String::new(),
            what,
        }
    }

    /// It goes well again.
    pub(super) fn restore(&mut self) {
        if !self.told.is_empty() {
            tracing::info!(what = self.what, "the Redis of Django Channels is there");
        }
        self.wait = RETRY_FIRST;
        self.told.clear();
    }

    /// Says why a connection ended, once for each reason, and waits a while.
    pub(super) async fn wait_after(&mut self, host: &Host, ended: &Ended, figures: &BridgeFigures) {
        let (redis, text) = (&host.shown, ended.to_string());
        let (cause, advice) = (trouble::cause(ended), trouble::advice(ended));
        figures.fail(cause);
        if self.told == text {
            tracing::debug!(
                redis,
                what = self.what,
                ended = text,
                "still no Redis of Django Channels"
            );
        } else {
            tracing::warn!(
                redis,
                what = self.what,
                cause,
                ended = text,
                advice,
                "no Redis of Django Channels"
            );
            self.told = text;
        }
        // sleeps because a server that comes back tells nobody
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }
}
