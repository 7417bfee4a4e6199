//! One HTTP exchange: sign-in, REST and the preflight, with the errors of a WebSocket's connection.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
pub use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::timeout;

use crate::address::Address;
use crate::dial::Dialer;
use crate::redact::redact;
use crate::transport::ConnectError;

/// From the first packet to the end of the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The same for bytes on their way to where they are kept: as long as an address holds, unless the server says otherwise.
const PUT_WITHIN: Duration = Duration::from_secs(15 * 60);
/// The largest answer that is read: a page of history is far below.
const ANSWER_MAX_BYTES: usize = 8 * 1024 * 1024;

/// As much of an answer as is looked at for words that no table has.
const BEGINNING_BYTES: usize = 512;

/// What is asked.
pub struct Question<'a> {
    /// GET, POST ...
    pub method: Method,
    /// Path and parameters: `/api/token/`.
    pub target: &'a str,
    /// For the Authorization header.
    pub bearer: Option<&'a str>,
    /// Sent as JSON.
    pub body: Option<&'a Value>,
}

impl<'a> Question<'a> {
    /// A GET without anything else.
    #[must_use]
    pub fn get(target: &'a str) -> Self {
        Self {
            method: Method::GET,
            target,
            bearer: None,
            body: None,
        }
    }
}

impl fmt::Debug for Question<'_> {
    /// Without token and body, which may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({} {})", self.method, redact(self.target))
    }
}

/// What is answered.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header lines.
    pub headers: HeaderMap,
    /// The body, if it is JSON; `Null` otherwise.
    pub json: Value,
    /// The body's first bytes, for what answers in other words.
    pub body: String,
}

impl fmt::Debug for Answer {
    /// Without what it says, which may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

impl Answer {
    /// A text field of the answer.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.json.get(field).and_then(Value::as_str)
    }
}

/// Asks the server at an address, wherever the address leads on it.
///
/// # Errors
/// [`ConnectError`] when no whole answer came.
pub async fn ask(server: &Address, question: Question<'_>) -> Result<Answer, ConnectError> {
    ask_over(&Dialer::new(), server, question).await
}

/// The same, over a way of one's own.
///
/// # Errors
/// [`ConnectError`] when no whole answer came.
pub async fn ask_over(
    dialer: &Dialer,
    server: &Address,
    question: Question<'_>,
) -> Result<Answer, ConnectError> {
    timeout(ANSWER_WITHIN, exchange(dialer, server, question))
        .await
        .unwrap_or(Err(ConnectError::Timeout(ANSWER_WITHIN)))
}

async fn exchange(dialer: &Dialer, server: &Address, question: Question<'_>) -> Result<Answer, ConnectError> {
    let not_http = |error: &dyn std::error::Error| ConnectError::NotHttp(error.to_string());
    let mut request = Request::builder()
        .method(question.method)
        .uri(question.target)
        .header(HOST, server.authority())
        .header(ACCEPT, "application/json");
    if let Some(token) = question.bearer {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ConnectError::Token)?;
        request = request.header(AUTHORIZATION, bearer);
    }
    let mut body = Bytes::new();
    if let Some(json) = question.body {
        request = request.header(CONTENT_TYPE, "application/json");
        body = Bytes::from(json.to_string());
    }
    let request = request.body(Full::new(body)).map_err(|error| not_http(&error))?;
    carry(dialer, server, request).await
}

/// Puts bytes somewhere, with the lines that whoever takes them asks for.
pub(crate) async fn put(
    dialer: &Dialer,
    server: &Address,
    target: &str,
    lines: &[(String, String)],
    body: Bytes,
) -> Result<Answer, ConnectError> {
    let mut request = Request::builder()
        .method(Method::PUT)
        .uri(target)
        .header(HOST, server.authority());
    for (name, value) in lines {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body));
    let request = request.map_err(|error| ConnectError::NotHttp(error.to_string()))?;
    timeout(PUT_WITHIN, carry(dialer, server, request))
        .await
        .unwrap_or(Err(ConnectError::Timeout(PUT_WITHIN)))
}

async fn carry(
    dialer: &Dialer,
    server: &Address,
    request: Request<Full<Bytes>>,
) -> Result<Answer, ConnectError> {
    let failed = |error: hyper::Error| not_answered(server.endpoint(), &error);
    let stream = TokioIo::new(dialer.dial(server).await?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(failed)?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| ConnectError::NotHttp(error.to_string()))?;
        let body = body.to_bytes();
        let beginning = body.get(..BEGINNING_BYTES).unwrap_or(&body);
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body: String::from_utf8_lossy(beginning).into_owned(),
        })
    };
    // The connection does the work; what it dies of, the answer says.
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

/// A connection that was taken and brought nothing is told from one that speaks something else.
fn not_answered(host: String, error: &hyper::Error) -> ConnectError {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    if let Some(io) = io {
        let error = io::Error::from(io.kind());
        return ConnectError::Cut { host, error };
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        let error = io::ErrorKind::UnexpectedEof.into();
        return ConnectError::Cut { host, error };
    }
    ConnectError::NotHttp(error.to_string())
}
