//! A WebSocket client that is not of our making, speaking JSON: [`Client`].

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::soon;

/// A connected client.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The sub-protocol that the server chose.
    pub(crate) protocol: Option<String>,
}

impl Client {
    /// Opens a path, offering sub-protocols.
    pub(crate) async fn open(address: SocketAddr, path: &str, protocols: &[&str]) -> Self {
        let socket = soon("connect", TcpStream::connect(address)).await.unwrap();
        Self::open_over(socket, address, path, protocols).await
    }

    /// Opens a path over a socket that is connected already.
    pub(crate) async fn open_over(
        socket: TcpStream,
        address: SocketAddr,
        path: &str,
        protocols: &[&str],
    ) -> Self {
        let opened = Self::try_open_over(socket, address, path, protocols).await;
        opened.expect("the handshake is answered 101")
    }

    /// Opens a path of `charla.v1`, with header lines of one's own.
    pub(crate) async fn open_with(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let socket = soon("connect", TcpStream::connect(address)).await.unwrap();
        let opened = Self::try_open_with(socket, address, path, &["charla.v1"], headers).await;
        opened.expect("the handshake is answered 101")
    }

    /// As [`Client::open_over`]; `None` when the server goes away meanwhile.
    pub(crate) async fn try_open_over(
        socket: TcpStream,
        address: SocketAddr,
        path: &str,
        protocols: &[&str],
    ) -> Option<Self> {
        Self::try_open_with(socket, address, path, protocols, &[]).await
    }

    async fn try_open_with(
        socket: TcpStream,
        address: SocketAddr,
        path: &str,
        protocols: &[&str],
        headers: &[(&'static str, &str)],
    ) -> Option<Self> {
        socket.set_nodelay(true).unwrap();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        if !protocols.is_empty() {
            let offer = HeaderValue::from_str(&protocols.join(", ")).unwrap();
            request.headers_mut().insert("sec-websocket-protocol", offer);
        }
        let opened = tokio_tungstenite::client_async(request, socket);
        let (socket, response) = soon("handshake", opened).await.ok()?;
        let protocol = response.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|protocol| protocol.to_str().unwrap().to_owned());
        Some(Self { socket, protocol })
    }

    /// Says something.
    pub(crate) async fn say(&mut self, frame: &Value) {
        self.write(&frame.to_string()).await;
    }

    /// Says something; false when the server is gone.
    pub(crate) async fn try_say(&mut self, frame: &Value) -> bool {
        let message = Message::text(frame.to_string());
        soon("write", self.socket.send(message)).await.is_ok()
    }

    /// Says something that need not be JSON.
    pub(crate) async fn write(&mut self, text: &str) {
        soon("write", self.socket.send(Message::text(text)))
            .await
            .unwrap();
    }

    /// The next JSON frame, or how the connection ended: code and reason (1006 without a close frame).
    pub(crate) async fn hear(&mut self) -> Result<Value, (u16, String)> {
        loop {
            match soon("a frame", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err((close.code.into(), close.reason.to_string()));
                }
                Some(Ok(Message::Close(None))) => return Err((1005, String::new())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("nobody sends this: {other:?}"),
                Some(Err(error)) => return Err((1006, error.to_string())),
                None => return Err((1006, "no close frame".into())),
            }
        }
    }

    /// The next frame, whatever it is.
    pub(crate) async fn next(&mut self) -> Value {
        match self.hear().await {
            Ok(frame) => frame,
            Err((code, reason)) => panic!("closed with {code} {reason}"),
        }
    }

    /// The next frame of a type; others before it are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        self.up_to(kind).await.pop().unwrap()
    }

    /// All frames up to the next one of a type, that one last.
    pub(crate) async fn up_to(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            match self.hear().await {
                Ok(frame) => {
                    let found = frame["type"] == kind;
                    frames.push(frame);
                    if found {
                        return frames;
                    }
                }
                Err((code, reason)) => {
                    panic!("closed with {code} {reason} before `{kind}`, after {frames:?}")
                }
            }
        }
    }

    /// Says something and awaits the answer of a type.
    pub(crate) async fn ask(&mut self, frame: &Value, answer: &str) -> Value {
        self.say(frame).await;
        self.next_of(answer).await
    }

    /// What came until now: all that the server wrote before it answered a ping of ours.
    pub(crate) async fn heard(&mut self) -> Vec<Value> {
        self.write(r#"{"type":"ping"}"#).await;
        let mut frames = self.up_to("pong").await;
        frames.pop();
        frames
    }

    /// Whether it hears its chat and an answer after that, rather than its end.
    pub(crate) async fn is_welcome(&mut self) -> bool {
        while let Ok(frame) = self.hear().await {
            if frame["type"] == "pong" {
                return true;
            }
            if frame["type"] == "subscribed" && !self.try_say(&serde_json::json!({"type": "ping"})).await {
                return false;
            }
        }
        false
    }

    /// How the connection ends; frames before are passed over.
    pub(crate) async fn end(&mut self) -> (u16, String) {
        loop {
            if let Err(end) = self.hear().await {
                return end;
            }
        }
    }

    /// Says good-bye and awaits the answer.
    pub(crate) async fn leave(mut self) {
        soon("close", self.socket.close(None)).await.unwrap();
        loop {
            match soon("the end", self.socket.next()).await {
                None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return,
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }
}
