//! One WebSocket: opened with a token, read as text, closed with a cause.
//!
//! The buffers are small: a client reads chat, not files, and tests open thousands.

use std::time::Duration;

use charla_wire::Cause;
use charla_wire::cause::parse_close_reason;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::address::Address;

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
    /// TLS failed.
    #[error("TLS failed: {0}")]
    Tls(String),
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
            Self::Refused { cause, .. } => *cause,
            Self::NoSubprotocol => Some(Cause::SubprotocolMismatch),
            Self::Token => Some(Cause::TokenMalformed),
            Self::Tls(_) | Self::NotWebSocket(_) | Self::NotHttp(_) => None,
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

/// An open WebSocket.
#[derive(Debug)]
pub struct Transport {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Transport {
    /// Connects and upgrades.
    ///
    /// In charla.v1 the address's token goes into the sub-protocol list, where no log writes it down; servers of the
    /// plain dialect know it as a parameter only.
    ///
    /// # Errors
    /// [`ConnectError`], by how far it came.
    pub async fn open(address: &Address, dialect: Dialect) -> Result<Self, ConnectError> {
        timeout(CONNECT_WITHIN, Self::upgrade(address, dialect))
            .await
            .unwrap_or(Err(ConnectError::Timeout(CONNECT_WITHIN)))
    }

    async fn upgrade(address: &Address, dialect: Dialect) -> Result<Self, ConnectError> {
        let place = match (dialect, address.token()) {
            (Dialect::Plain, Some(token)) => address.clone().with_parameter("token", token),
            _ => address.clone(),
        };
        let mut request = place.to_string().into_client_request().map_err(refused)?;
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

        let stream = reach(&address.endpoint()).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_MAX_BYTES))
            .max_frame_size(Some(MESSAGE_MAX_BYTES));
        let (socket, _) = client_async_tls_with_config(request, stream, Some(config), None)
            .await
            .map_err(refused)?;
        Ok(Self { socket })
    }

    /// The next text, or how the connection ended. Safe to drop before it is ready: nothing is lost.
    ///
    /// # Errors
    /// [`Closing`]; after it there is nothing more to read.
    pub async fn next(&mut self) -> Result<String, Closing> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => return Err(closed_by(frame)),
                // Pings are answered by the library; bytes are not part of the protocol.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(broken(&error)),
                None => return Err(closed_by(None)),
            }
        }
    }

    /// Sends one text.
    ///
    /// # Errors
    /// [`Closing`] when the connection is gone.
    pub async fn send(&mut self, text: String) -> Result<(), Closing> {
        self.socket
            .send(Message::text(text))
            .await
            .map_err(|error| broken(&error))
    }

    /// Says good-bye (1000) and waits a moment for the answer.
    pub async fn close(mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
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

async fn reach(endpoint: &str) -> Result<TcpStream, ConnectError> {
    let resolve = |error| ConnectError::Resolve {
        host: endpoint.to_owned(),
        error,
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    let mut found = false;
    for address in tokio::net::lookup_host(endpoint).await.map_err(resolve)? {
        found = true;
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A chat's frames are small, and each waits for a reader. Without it they are only later.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    if !found {
        return Err(resolve(last));
    }
    let host = endpoint.to_owned();
    Err(ConnectError::Reach { host, error: last })
}

fn closed_by(frame: Option<CloseFrame>) -> Closing {
    match frame {
        Some(frame) => Closing {
            code: Some(frame.code.into()),
            reason: frame.reason.as_str().to_owned(),
        },
        None => Closing {
            code: None,
            reason: String::new(),
        },
    }
}

fn broken(error: &tungstenite::Error) -> Closing {
    Closing {
        code: None,
        reason: error.to_string(),
    }
}

fn refused(error: tungstenite::Error) -> ConnectError {
    if let tungstenite::Error::Http(answer) = error {
        return refusal(&answer);
    }
    if let tungstenite::Error::Tls(error) = error {
        return ConnectError::Tls(error.to_string());
    }
    if let tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) = error {
        return ConnectError::NoSubprotocol;
    }
    // rustls reports a bad certificate as an I/O error of the stream.
    if let tungstenite::Error::Io(error) = &error
        && error.kind() == std::io::ErrorKind::InvalidData
    {
        return ConnectError::Tls(error.to_string());
    }
    ConnectError::NotWebSocket(error.to_string())
}

/// An answer with a status; Charla's own is a problem document that names the cause.
fn refusal(answer: &Response<Option<Vec<u8>>>) -> ConnectError {
    let body = answer.body().as_deref().unwrap_or_default();
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| {
        document
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let mut cause = Cause::from_id(text("cause"));
    if cause.is_none() && answer.status() == StatusCode::BAD_GATEWAY {
        // A proxy that answers for the server: its upstream is not there.
        cause = Some(Cause::ServerDown);
    }
    ConnectError::Refused {
        status: answer.status().as_u16(),
        cause,
        detail: text("detail").to_owned(),
    }
}
