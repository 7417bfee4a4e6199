//! One WebSocket: opened with a token, read as text, closed with a cause.
//!
//! The buffers are small: a client reads chat, not files, and tests open thousands.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use charla_wire::Cause;
use charla_wire::cause::parse_close_reason;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::address::Address;
use crate::diagnose::{self, Seen};
use crate::dial::{Dialer, Stream};

/// From the first packet to the upgrade's answer; a healthy server needs milliseconds.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long the server may take to answer a close frame.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of the read buffer, and of the write buffer before it is flushed.
const BUFFER_BYTES: usize = 4 * 1024;
/// A server frame is a page of history at most: 200 messages of 32 KiB.
const MESSAGE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// The sub-protocol that this client speaks.
const SUBPROTOCOL: &str = "charla.v1";

/// What is spoken over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The protocol of frames with a `type`.
    CharlaV1,
    /// One flat object a message, or bare text: what servers before Charla speak.
    Plain,
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host's name leads nowhere.
    #[error("{host} cannot be resolved: {error}")]
    Resolve {
        /// The host and port asked for.
        host: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Nothing could be reached at the address.
    #[error("{host} cannot be reached: {error}")]
    Reach {
        /// The host and port asked for.
        host: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The connection was made and then cut before any answer.
    #[error("{host} took the connection and closed it without an answer: {error}")]
    Cut {
        /// The host and port asked for.
        host: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The proxy on the way would not, or is not there.
    #[error("the proxy {proxy} leads nowhere: {said}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// The HTTP status of its refusal.
        status: Option<u16>,
        /// What it says, or what the system says of it.
        said: String,
    },
    /// TLS failed.
    #[error("TLS failed: {said}")]
    Tls {
        /// The cause, where the failure tells one.
        cause: Option<Cause>,
        /// What the library says.
        said: String,
    },
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// An answer other than the upgrade.
    #[error("the server answered {status} instead of the upgrade")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The cause, if the answer names one.
        cause: Option<Cause>,
        /// The answer's own words, if it has any.
        detail: String,
    },
    /// An answer that is no WebSocket's.
    #[error("this is not a WebSocket: {0}")]
    NotWebSocket(String),
    /// An answer that is no HTTP.
    #[error("this does not speak HTTP: {0}")]
    NotHttp(String),
    /// A WebSocket that does not know charla.v1: another server's, or the plain dialect's.
    #[error("the server does not speak charla.v1")]
    NoSubprotocol,
    /// A token or address that cannot stand in a request.
    #[error("the token has a character that cannot stand in a header")]
    Token,
}

impl ConnectError {
    /// The cause by the one table, where one can be told from here.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Resolve { .. } => Some(Cause::DnsFailure),
            Self::Reach { error, .. } if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Some(Cause::ServerDown)
            }
            Self::Reach { .. } | Self::Timeout(_) => Some(Cause::ServerUnreachable),
            Self::Cut { .. } => Some(Cause::ProxyClosedSilently),
            Self::Proxy {
                status: Some(407), ..
            } => Some(Cause::ProxyAuthRequired),
            Self::Proxy { .. } => Some(Cause::ServerUnreachable),
            Self::Refused { cause, .. } | Self::Tls { cause, .. } => *cause,
            Self::NoSubprotocol => Some(Cause::SubprotocolMismatch),
            Self::Token => Some(Cause::TokenMalformed),
            Self::NotWebSocket(_) | Self::NotHttp(_) => None,
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The close frame's code; `None` when the connection broke without one (what browsers call 1006).
    pub code: Option<u16>,
    /// The close frame's reason, or what broke.
    pub reason: String,
}

impl Closing {
    /// The cause that the reason names, and its detail.
    #[must_use]
    pub fn cause(&self) -> Option<(Cause, &str)> {
        parse_close_reason(&self.reason)
    }
}

/// What arrives over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text.
    Text(String),
    /// A ping or pong of the WebSocket itself: nothing to read, and yet a sign of life.
    Sign,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Transport {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// Texts that the socket had no room for yet; whoever fills it bounds it.
    outgoing: VecDeque<String>,
}

impl Transport {
    /// Connects and upgrades.
    ///
    /// In charla.v1 the address's token goes into the sub-protocol list, where no log writes it down; servers of the
    /// plain dialect know it as a parameter only.
    ///
    /// # Errors
    /// [`ConnectError`], by how far it came.
    pub async fn open(dialer: &Dialer, address: &Address, dialect: Dialect) -> Result<Self, ConnectError> {
        timeout(CONNECT_WITHIN, Self::upgrade(dialer, address, dialect))
            .await
            .unwrap_or(Err(ConnectError::Timeout(CONNECT_WITHIN)))
    }

    async fn upgrade(dialer: &Dialer, address: &Address, dialect: Dialect) -> Result<Self, ConnectError> {
        let place = match (dialect, address.token()) {
            (Dialect::Plain, Some(token)) => address.clone().with_parameter("token", token),
            _ => address.clone(),
        };
        let request = place.to_string().into_client_request();
        let mut request = request.map_err(|error| refused(error, address))?;
        if dialect == Dialect::CharlaV1 {
            let offer = match address.token() {
                Some(token) => format!("{SUBPROTOCOL}, bearer.{token}"),
                None => SUBPROTOCOL.to_owned(),
            };
            let offer = HeaderValue::from_str(&offer).map_err(|_| ConnectError::Token)?;
            request
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_PROTOCOL, offer);
        }

        let stream = dialer.dial(address).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_MAX_BYTES))
            .max_frame_size(Some(MESSAGE_MAX_BYTES));
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| refused(error, address))?;
        Ok(Self {
            socket,
            outgoing: VecDeque::new(),
        })
    }

    /// What comes next, or how the connection ended; writes what was [pushed](Self::push) meanwhile. Safe to drop before it
    /// is ready: nothing is lost.
    ///
    /// # Errors
    /// [`Closing`]; after it there is nothing more to read.
    pub async fn next(&mut self) -> Result<Incoming, Closing> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Closing>> {
        let written = self.poll_write(context);
        match self.socket.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(Message::Text(text)))) => {
                Poll::Ready(Ok(Incoming::Text(text.as_str().to_owned())))
            }
            Poll::Ready(Some(Ok(Message::Close(frame)))) => Poll::Ready(Err(closed_by(frame))),
            // Pings are answered by the library; bytes are not part of the protocol.
            Poll::Ready(Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
            ))) => Poll::Ready(Ok(Incoming::Sign)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(broken(&error))),
            Poll::Ready(None) => Poll::Ready(Err(gone("the connection ended"))),
            // What the other end had to say came first.
            Poll::Pending => match written {
                Poll::Ready(Err(error)) => Poll::Ready(Err(broken(&error))),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            },
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        while !self.outgoing.is_empty() {
            ready!(self.socket.poll_ready_unpin(context))?;
            if let Some(text) = self.outgoing.pop_front() {
                self.socket.start_send_unpin(Message::text(text))?;
            }
        }
        self.socket.poll_flush_unpin(context)
    }

    /// Puts a text in line to be written by [`next`](Self::next).
    pub fn push(&mut self, text: String) {
        self.outgoing.push_back(text);
    }

    /// Texts that are still in line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    /// Sends one text.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn send(&mut self, text: String) -> Result<(), Closing> {
        self.push(text);
        poll_fn(|context| self.poll_write(context))
            .await
            .map_err(|error| broken(&error))
    }

    /// Says good-bye and waits a moment for the answer.
    pub async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        // A server that is gone already needs no good-bye.
        let farewell = async {
            if self.socket.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        let _ = timeout(CLOSE_WITHIN, farewell).await;
    }
}

fn closed_by(frame: Option<CloseFrame>) -> Closing {
    match frame {
        Some(frame) => Closing {
            code: Some(frame.code.into()),
            reason: frame.reason.as_str().to_owned(),
        },
        None => gone("the close frame says nothing"),
    }
}

fn broken(error: &tungstenite::Error) -> Closing {
    gone(&error.to_string())
}

fn gone(how: &str) -> Closing {
    Closing {
        code: None,
        reason: how.to_owned(),
    }
}

fn refused(error: tungstenite::Error, address: &Address) -> ConnectError {
    let host = address.endpoint();
    if let tungstenite::Error::Http(answer) = error {
        return refusal(&answer, address);
    }
    if let tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) = error {
        return ConnectError::NoSubprotocol;
    }
    if let tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) = error {
        let error = std::io::ErrorKind::UnexpectedEof.into();
        return ConnectError::Cut { host, error };
    }
    if let tungstenite::Error::Io(error) = error {
        return ConnectError::Cut { host, error };
    }
    ConnectError::NotWebSocket(error.to_string())
}

/// An answer with a status; Charla's own is a problem document that names the cause.
fn refusal(answer: &Response<Option<Vec<u8>>>, address: &Address) -> ConnectError {
    let body = answer.body().as_deref().unwrap_or_default();
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let location = answer.headers().get(header::LOCATION);
    let seen = Seen {
        target: &address.target(),
        status: answer.status().as_u16(),
        location: location.and_then(|place| place.to_str().ok()),
        json: &document,
        body: &String::from_utf8_lossy(body),
    };
    let cause = diagnose::judge_refusal(&seen);
    let detail = document.get("detail").and_then(serde_json::Value::as_str);
    ConnectError::Refused {
        status: seen.status,
        cause,
        detail: detail.unwrap_or_default().to_owned(),
    }
}
