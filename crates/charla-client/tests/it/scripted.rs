//! A server that says what the test wants: [`Peer`] is one connection of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use charla_client::{Builder, Charla, Event, Events, Policy, State};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// How long an event may take before the test fails. Generous: a passing test does not wait.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// A listener whose connections the test takes one after the other.
pub(crate) struct Scripted {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Scripted {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// A client of it that does not wait long.
    pub(crate) fn client(&self, path: &str) -> Builder {
        Charla::builder(format!("ws://{}{path}", self.address))
            .policy(hasty())
            .fixed_token("eyJhbGciOiJub25lIn0.e30.c2ln")
    }

    /// The next connection, upgraded.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = soon("a connection", self.listener.accept()).await.unwrap();
        Peer::upgrade(stream).await.unwrap()
    }

    /// The next connection, upgraded and welcomed.
    pub(crate) async fn welcome(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.say(&json!({"type": "welcome", "session": "s1", "heartbeat_ms": 25_000}))
            .await;
        peer
    }

    /// Serves every connection alike, and counts them.
    pub(crate) fn serve<F>(self, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Arc<AtomicUsize>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        count
    }
}

/// One connection, seen from the server.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    /// What followed GET.
    pub(crate) target: String,
}

impl Peer {
    /// `None` for what is no handshake: a preflight.
    pub(crate) async fn upgrade(stream: TcpStream) -> Option<Self> {
        let mut target = String::new();
        #[allow(clippy::result_large_err, reason = "the library's own type")]
        let choose = |request: &Request, mut response: Response| {
            target = request.uri().to_string();
            let chosen = "charla.v1".parse().unwrap();
            response.headers_mut().insert("sec-websocket-protocol", chosen);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, choose).await.ok()?;
        Some(Self { socket, target })
    }

    pub(crate) async fn say(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame of the client.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let message = soon("a frame", self.socket.next()).await.unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Lets the client into a chat that it asks for.
    pub(crate) async fn let_in(&mut self, seq: u64) -> Value {
        let asked = self.hear().await;
        assert_eq!(asked["type"], "subscribe", "{asked}");
        let resumed = asked.get("after").is_some();
        self.say(&json!({
            "type": "subscribed", "ref": asked["ref"], "chat": asked["chat"], "seq": seq, "rev": 0,
            "resumed": resumed, "messages": [], "changed": [],
        }))
        .await;
        asked
    }

    /// Acknowledges a send.
    pub(crate) async fn acknowledge(&mut self, send: &Value, seq: u64) {
        self.say(&json!({
            "type": "ack", "chat": send["chat"], "id": send["id"], "seq": seq, "sent_at": "2026-11-23T10:00:00.000Z",
        }))
        .await;
    }

    pub(crate) async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        // The client may have gone first.
        let _ = self.socket.close(Some(frame)).await;
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// A message of a chat.
pub(crate) fn message(seq: u64, text: &str) -> Value {
    json!({"type": "message", "chat": "5", "seq": seq, "text": text, "author": {"id": "1", "name": "Ana"}})
}

/// The policy with hundredths of its waits; a connection is not stable sooner than any test ends.
pub(crate) fn hasty() -> Policy {
    Policy {
        first_delay: Duration::from_millis(10),
        max_delay: Duration::from_millis(50),
        ..Policy::default()
    }
}

/// The next event that is wanted; others are passed over.
pub(crate) async fn next<T>(events: &mut Events, wanted: impl Fn(Event) -> Option<T>) -> T {
    soon("an event", async {
        loop {
            let event = events.recv().await.expect("the client lives");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    })
    .await
}

/// The words of the next message.
pub(crate) async fn next_text(events: &mut Events) -> String {
    next(events, |event| {
        if let Event::Message(message) = event {
            Some(message.text().to_owned())
        } else {
            None
        }
    })
    .await
}

/// The state in which nothing happens any more.
pub(crate) async fn gives_up(charla: &Charla) -> State {
    let mut states = charla.states();
    let up = |state: &State| matches!(state.name, charla_client::machine::Name::Disabled);
    let state = soon("giving up", states.wait_for(up)).await.unwrap();
    state.clone()
}
