//! A connection to a Redis for questions: commands by the hundred in one go, and what it says unasked.
//!
//! The bus has connections of its own kind, in `session.rs`; they come in by the same [`Door`].

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::door::{Door, Open, refused};
use super::resp::{self, Value};
use crate::broker::BrokerSetupError;
use crate::broker::remote::ended::Ended;
use crate::settings::{BrokerPlace, BrokerSettings, RedisUrl};

/// From commands to the last of their answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What was said unasked and waits; with more the connection ends.
const UNASKED_MAX: usize = 10_000;

/// Files that let us in, each with the key that names it.
#[derive(Default)]
pub(crate) struct Files {
    /// The password.
    pub(crate) password: Option<(&'static str, PathBuf)>,
    /// Authorities that may have signed the server's certificate.
    pub(crate) ca: Option<(&'static str, PathBuf)>,
    /// A certificate of our own, and its key.
    pub(crate) certificate: Option<(&'static str, PathBuf)>,
    pub(crate) key: Option<(&'static str, PathBuf)>,
}

/// One server, and how to get in.
pub(crate) struct Host {
    door: Door,
    place: BrokerPlace,
    database: u32,
    pub(crate) shown: String,
}

impl Host {
    /// Reads the files.
    ///
    /// # Errors
    /// The file that cannot be used, by its key.
    pub(crate) fn new(host: &RedisUrl, files: &Files) -> Result<Self, BrokerSetupError> {
        let path = |file: &Option<(_, PathBuf)>| file.as_ref().map(|(_, path)| path.clone());
        // The way in is the bus'.
        let way = BrokerSettings {
            password_file: path(&files.password),
            ca_file: path(&files.ca),
            cert_file: path(&files.certificate),
            key_file: path(&files.key),
            ..BrokerSettings::default()
        };
        let door = Door::new(&host.url, &way).map_err(|error| {
            let BrokerSetupError::File { key, path, said } = error;
            let own = match key {
                "broker.ca_file" => &files.ca,
                "broker.cert_file" => &files.certificate,
                "broker.key_file" => &files.key,
                _ => &files.password,
            };
            let key = own.as_ref().map_or(key, |(key, _)| key);
            BrokerSetupError::File { key, path, said }
        })?;
        Ok(Self {
            door,
            place: host.url.first().clone(),
            database: host.database,
            shown: host.shown(),
        })
    }

    /// Connects, and chooses the database.
    pub(crate) async fn connect(&self) -> Result<Link, Ended> {
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
pub(crate) struct Commands {
    bytes: Vec<u8>,
    count: usize,
}

impl Commands {
    pub(crate) fn put(&mut self, words: &[&[u8]]) {
        resp::put(&mut self.bytes, words);
        self.count += 1;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A connection.
pub(crate) struct Link {
    open: Open,
    unasked: VecDeque<Vec<Value>>,
    at: String,
}

impl Link {
    /// Sends commands and waits for their answers, one each; a refusal of any is an error.
    pub(crate) async fn ask(&mut self, commands: &Commands) -> Result<Vec<Value>, Ended> {
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
    pub(crate) async fn say(&mut self, words: &[&[u8]]) -> Result<(), Ended> {
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
    pub(crate) async fn unasked(&mut self) -> Result<Vec<Value>, Ended> {
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
    pub(crate) fn forget_unasked(&mut self) {
        self.unasked.clear();
    }
}
