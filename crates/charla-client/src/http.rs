//! One HTTP exchange: sign-in, REST and the preflight, with the errors of a WebSocket's connection.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
pub use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

use crate::address::Address;
use crate::transport::ConnectError;

/// From the first packet to the end of the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The largest answer that is read: a page of history is far below.
const ANSWER_MAX_BYTES: usize = 8 * 1024 * 1024;

/// What is asked.
#[derive(Debug)]
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

/// What is answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header lines.
    pub headers: HeaderMap,
    /// The body, if it is JSON; `Null` otherwise.
    pub json: Value,
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
    timeout(ANSWER_WITHIN, exchange(server, question))
        .await
        .unwrap_or(Err(ConnectError::Timeout(ANSWER_WITHIN)))
}

async fn exchange(server: &Address, question: Question<'_>) -> Result<Answer, ConnectError> {
    let not_http = |error: &dyn std::error::Error| ConnectError::NotHttp(error.to_string());
    let mut request = Request::builder()
        .method(question.method)
        .uri(format!("{}{}", server.origin(), question.target))
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

    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let answer = client
        .request(request)
        .await
        .map_err(|error| not_reached(&server.endpoint(), &error))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
    let body = body.map_err(|error| ConnectError::NotHttp(error.to_string()))?;
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        json: serde_json::from_slice(&body.to_bytes()).unwrap_or_default(),
    })
}

/// The library wraps what the system said; it is the system's word that tells the cause.
fn not_reached(endpoint: &str, error: &hyper_util::client::legacy::Error) -> ConnectError {
    let host = endpoint.to_owned();
    let mut source = error.source();
    let mut said = error.to_string();
    while let Some(inner) = source {
        said = inner.to_string();
        if said.contains("failed to lookup address") {
            let error = io::Error::other(said);
            return ConnectError::Resolve { host, error };
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            if error.kind() == io::ErrorKind::InvalidData {
                return ConnectError::Tls(error.to_string());
            }
            if error.get_ref().is_none() {
                let error = io::Error::from(error.kind());
                return ConnectError::Reach { host, error };
            }
        }
        source = inner.source();
    }
    ConnectError::NotHttp(said)
}
