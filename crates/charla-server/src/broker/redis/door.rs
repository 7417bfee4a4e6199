//! A connection to a Redis, let in: [`Door`]; and questions over it: [`Open`].

use std::io;

use bytes::BytesMut;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::resp::{self, Value};
use crate::broker::remote::BrokerSetupError;
use crate::broker::remote::ended::Ended;
use crate::broker::remote::wire::{self, Reading, Wire, Writing};
use crate::settings::{BrokerPlace, BrokerSettings, BrokerUrl};

/// Read at once.
const READ_BYTES: usize = 16 * 1024;

/// How to get in.
#[derive(Clone)]
pub(crate) struct Door {
    wire: Wire,
    user: Option<String>,
    password: Option<SecretString>,
}

/// A connection that was let in.
pub(crate) struct Open {
    pub(crate) input: Input,
    pub(crate) output: Writing,
    /// What the server said about itself.
    hello: Vec<Value>,
}

/// What comes in over a connection.
pub(crate) struct Input {
    read: Reading,
    buffer: BytesMut,
}

impl Door {
    /// To the servers that carry happenings.
    pub(crate) fn new(url: &BrokerUrl, settings: &BrokerSettings) -> Result<Self, BrokerSetupError> {
        Ok(Self {
            wire: Wire::new(url, settings, false)?,
            user: url.user().map(str::to_owned),
            password: wire::password(url, settings)?,
        })
    }

    /// To sentinels, who have a password of their own or none.
    pub(crate) fn to_sentinels(url: &BrokerUrl, settings: &BrokerSettings) -> Result<Self, BrokerSetupError> {
        let path = settings.sentinel_password_file.as_deref();
        Ok(Self {
            wire: Wire::new(url, settings, false)?,
            user: None,
            password: path
                .map(|path| wire::secret("broker.sentinel_password_file", path))
                .transpose()?,
        })
    }

    /// Connects, and says who we are.
    pub(crate) async fn open(&self, place: &BrokerPlace) -> Result<Open, Ended> {
        wire::in_time(place, self.opened(place)).await
    }

    async fn opened(&self, place: &BrokerPlace) -> Result<Open, Ended> {
        let (read, output) = self.wire.open(place).await?;
        let mut open = Open {
            input: Input {
                read,
                buffer: BytesMut::new(),
            },
            output,
            hello: Vec::new(),
        };
        let mut words: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(password) = &self.password {
            let user = self.user.as_deref().unwrap_or("default");
            words.extend([b"AUTH", user.as_bytes(), password.expose_secret().as_bytes()]);
        }
        words.extend([b"SETNAME".as_slice(), b"charla"]);
        match open.ask(&words).await? {
            Value::Several(hello) => {
                open.hello = hello;
                Ok(open)
            }
            Value::Text(_) | Value::Push(_) | Value::Null | Value::Error(_) => {
                Err(Ended::Garbled("Redis 6 or newer"))
            }
        }
    }
}

impl Open {
    /// Whether it says that it is a master.
    pub(crate) fn is_master(&self) -> bool {
        field(&self.hello, "role").is_some_and(|role| role.is("master"))
    }

    /// Asks to be told of what is published under a name.
    pub(crate) async fn subscribe(&mut self, name: &str) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        resp::put(&mut bytes, &[b"SUBSCRIBE", name.as_bytes()]);
        self.output.write_all(&bytes).await?;
        self.output.flush().await?;
        match self.input.next().await? {
            Value::Error(text) => Err(refused(&text)),
            Value::Text(_) | Value::Push(_) | Value::Several(_) | Value::Null => Ok(()),
        }
    }

    /// Says a command, and waits for the answer to it; a refusal is an error.
    pub(crate) async fn ask(&mut self, words: &[&[u8]]) -> Result<Value, Ended> {
        let mut bytes = Vec::new();
        resp::put(&mut bytes, words);
        self.output.write_all(&bytes).await?;
        self.output.flush().await?;
        loop {
            match self.input.next().await? {
                Value::Error(text) => return Err(refused(&text)),
                Value::Push(_) => {}
                answer @ (Value::Text(_) | Value::Several(_) | Value::Null) => return Ok(answer),
            }
        }
    }
}

impl Input {
    /// The next thing that the server says.
    pub(crate) async fn next(&mut self) -> Result<Value, Ended> {
        loop {
            let taken = resp::take(&mut self.buffer);
            if let Some(value) = taken.map_err(|_| Ended::Garbled("Redis 6 or newer"))? {
                return Ok(value);
            }
            self.buffer.reserve(READ_BYTES);
            if self.read.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

/// The value of a name in what Redis calls a map.
pub(crate) fn field<'a>(pairs: &'a [Value], name: &str) -> Option<&'a Value> {
    pairs.chunks_exact(2).find_map(|pair| match pair {
        [key, value] if key.is(name) => Some(value),
        _ => None,
    })
}

/// A refusal in the server's words.
pub(crate) fn refused(text: &[u8]) -> Ended {
    Ended::Refused(String::from_utf8_lossy(text).into_owned())
}
