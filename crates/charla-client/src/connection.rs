//! A connection that speaks charla.v1: requests go out as JSON with a number, frames come in as JSON.

use charla_wire::ChatId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::address::Address;
use crate::dial::Dialer;
use crate::transport::{Closing, ConnectError, Dialect, Incoming, Transport};

/// What happens on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A frame of the server, a JSON object.
    Frame(Value),
    /// Text that is no JSON object: another server's, or the plain dialect's.
    Text(String),
    /// The end. Nothing follows.
    Closed(Closing),
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    transport: Transport,
    last_ref: u64,
}

impl Connection {
    /// Connects; the first event is the `welcome` or the reason of a refusal.
    ///
    /// # Errors
    /// [`ConnectError`] when it does not come as far as a WebSocket.
    pub async fn connect(address: &Address) -> Result<Self, ConnectError> {
        Self::connect_as(address, Dialect::CharlaV1).await
    }

    /// Connects in a dialect. The requests below are charla.v1's; in the plain one only [`Connection::send_text`] is understood.
    ///
    /// # Errors
    /// [`ConnectError`] when it does not come as far as a WebSocket.
    pub async fn connect_as(address: &Address, dialect: Dialect) -> Result<Self, ConnectError> {
        Self::connect_over(&Dialer::new(), address, dialect).await
    }

    /// Connects in a dialect, by a way of one's own.
    ///
    /// # Errors
    /// [`ConnectError`] when it does not come as far as a WebSocket.
    pub async fn connect_over(
        dialer: &Dialer,
        address: &Address,
        dialect: Dialect,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            transport: Transport::open(dialer, address, dialect).await?,
            last_ref: 0,
        })
    }

    /// The next event. Safe to drop before it is ready: nothing is lost.
    pub async fn next(&mut self) -> Event {
        loop {
            match self.transport.next().await {
                Ok(Incoming::Text(text)) => match serde_json::from_str::<Value>(&text) {
                    Ok(value) if value.is_object() => return Event::Frame(value),
                    _ => return Event::Text(text),
                },
                Ok(Incoming::Sign) => {}
                Err(closing) => return Event::Closed(closing),
            }
        }
    }

    /// Sends a frame as it is.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn send_frame(&mut self, frame: &Value) -> Result<(), Closing> {
        self.transport.send(frame.to_string()).await
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn send_text(&mut self, text: &str) -> Result<(), Closing> {
        self.transport.send(text.to_owned()).await
    }

    /// Sends a request with a fresh `ref`, which comes back.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn request(&mut self, kind: &str, fields: Map<String, Value>) -> Result<u64, Closing> {
        self.last_ref += 1;
        let mut frame = fields;
        frame.insert("type".into(), kind.into());
        frame.insert("ref".into(), self.last_ref.into());
        self.send_frame(&Value::Object(frame)).await?;
        Ok(self.last_ref)
    }

    /// Says something under an id of the caller's, which makes it one message however often it is sent: best
    /// [`Uuid::now_v7`], which the store takes fastest.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone; say it again on the next one, under the same id.
    pub async fn say(&mut self, chat: &ChatId, id: Uuid, text: &str) -> Result<u64, Closing> {
        let fields = json!({"chat": chat, "id": id, "text": text});
        self.request("send", object(fields)).await
    }

    /// Listens to a chat, from after a number if one is known.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn subscribe(&mut self, chat: &ChatId, after: Option<u64>) -> Result<u64, Closing> {
        let mut fields = object(json!({"chat": chat}));
        if let Some(after) = after {
            fields.insert("after".into(), after.into());
        }
        self.request("subscribe", fields).await
    }

    /// Asks for the page of messages before a number, or the latest.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn history(
        &mut self,
        chat: &ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<u64, Closing> {
        let mut fields = object(json!({"chat": chat, "limit": limit}));
        if let Some(before) = before {
            fields.insert("before".into(), before.into());
        }
        self.request("history", fields).await
    }

    /// Says good-bye and waits a moment for the answer.
    pub async fn close(self) {
        self.transport.close(1000, "").await;
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
