//! A connection to a NATS server, let in. The server speaks first and in the clear; TLS begins behind its greeting.

use std::io;

use bytes::BytesMut;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::said::{self, Heard};
use crate::broker::remote::ended::Ended;
use crate::broker::remote::wire::{self, Reading, Wire, Writing};
use crate::settings::BrokerPlace;

/// Read at once.
const READ_BYTES: usize = 16 * 1024;
/// What a server takes in one message by default, where it does not say.
const PAYLOAD_USUAL: usize = 1024 * 1024;

/// How to get in.
pub(super) struct Door {
    pub(super) wire: Wire,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
}

/// A connection that was let in.
pub(super) struct Open {
    pub(super) input: Input<Reading>,
    pub(super) output: Writing,
    /// The largest payload that the server takes, in bytes.
    pub(super) payload_max: usize,
}

/// What comes in over a connection.
pub(super) struct Input<R> {
    read: R,
    buffer: BytesMut,
}

/// What a server says about itself.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    max_payload: Option<usize>,
    #[serde(default)]
    tls_required: bool,
    /// It is about to stop.
    #[serde(default)]
    pub(super) ldm: bool,
}

impl Door {
    /// Connects, and says who we are.
    pub(super) async fn open(&self, place: &BrokerPlace) -> Result<Open, Ended> {
        wire::in_time(place, self.opened(place)).await
    }

    async fn opened(&self, place: &BrokerPlace) -> Result<Open, Ended> {
        let mut greeting = Input {
            read: Wire::tcp(place).await?,
            buffer: BytesMut::new(),
        };
        let Heard::Info(text) = greeting.next().await? else {
            return Err(Ended::Garbled("NATS"));
        };
        let info: Info = serde_json::from_str(&text).map_err(|_| Ended::Garbled("NATS"))?;
        let secure = self.wire.is_tls() || info.tls_required;
        let Input { read: socket, buffer } = greeting;
        let (read, buffer, output) = if secure {
            // What came behind the greeting in the clear is nobody's word.
            let (read, output) = self.wire.secured(socket, place).await?;
            (read, BytesMut::new(), output)
        } else {
            let (read, output) = wire::in_the_clear(socket);
            (read, buffer, output)
        };
        let mut open = Open {
            input: Input { read, buffer },
            output,
            payload_max: info.max_payload.unwrap_or(PAYLOAD_USUAL),
        };
        let hello = format!("CONNECT {}\r\nPING\r\n", self.hello(secure));
        open.output.write_all(hello.as_bytes()).await?;
        open.output.flush().await?;
        loop {
            match open.input.next().await? {
                Heard::Pong => return Ok(open),
                Heard::Refused(text) => return Err(Ended::Refused(text)),
                Heard::Info(_) | Heard::Fine | Heard::Ping | Heard::Message { .. } => {}
            }
        }
    }

    fn hello(&self, secure: bool) -> serde_json::Value {
        let mut hello = serde_json::json!({
            "verbose": false,
            "pedantic": false,
            "echo": true,
            "protocol": 1,
            "lang": "rust",
            "version": env!("CARGO_PKG_VERSION"),
            "name": "charla",
            "tls_required": secure,
        });
        let mut put = |key: &str, value: &str| {
            if let Some(fields) = hello.as_object_mut() {
                fields.insert(key.into(), value.into());
            }
        };
        match (&self.user, &self.password) {
            (Some(user), password) => {
                put("user", user);
                put("pass", password.as_ref().map_or("", |text| text.expose_secret()));
            }
            (None, Some(token)) => put("auth_token", token.expose_secret()),
            (None, None) => {}
        }
        hello
    }
}

impl<R: AsyncRead + Unpin> Input<R> {
    /// The next thing that the server says.
    pub(super) async fn next(&mut self) -> Result<Heard, Ended> {
        loop {
            if let Some(heard) = said::take(&mut self.buffer).map_err(|_| Ended::Garbled("NATS"))? {
                return Ok(heard);
            }
            self.buffer.reserve(READ_BYTES);
            if self.read.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}
