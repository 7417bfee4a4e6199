//! Answers over plain HTTP: the preflight's, and refusals where there is no socket to close.

use charla_wire::cause::retry_in_ms;
use charla_wire::{Cause, Lang};
use http::header;
use http::request::Parts;
use serde_json::{Map, Value, json};

use super::asked::Broken;
use super::gates::Admitted;
use super::refused::Refused;
use crate::node::Node;
use crate::receipts::Receipt;

/// Lets pages of any origin read an answer. Nothing in one depends on who asks but for a token that the asker shows
/// itself, which nobody looks at when the origin is not allowed; and a page that could not read `origin_forbidden`
/// would take the server for away.
pub(crate) const READABLE: (&str, &str) = ("access-control-allow-origin", "*");

/// An HTTP answer with a JSON body.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header lines besides type and length.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection ends with it.
    pub closes: bool,
}

fn refusal(cause: Cause, detail: &str, lang: Lang) -> Map<String, Value> {
    let words = cause.words(lang);
    let Value::Object(mut object) = json!({
        "ok": false,
        "cause": cause.id(),
        "code": cause.close_code(),
        "status": cause.http_status(),
        "title": words.title,
        "detail": detail,
        "explain": words.explain,
        "fix": words.fix,
        "check": words.check,
        "retry": cause.retry().as_str(),
        "help": format!("/docs/causes/{}", cause.id()),
    }) else {
        return Map::new();
    };
    if let Some(delay) = retry_in_ms(detail) {
        object.insert("retry_in_ms".into(), delay.into());
    }
    object
}

/// The same advice for clients that know HTTP only (RFC 9110, section 10.2.3), in whole seconds.
fn retry_after(detail: &str) -> Option<(&'static str, String)> {
    let delay = retry_in_ms(detail)?;
    Some(("retry-after", delay.div_ceil(1_000).to_string()))
}

fn body(object: Map<String, Value>) -> Vec<u8> {
    let mut body = Value::Object(object).to_string().into_bytes();
    body.push(b'\n');
    body
}

/// A request that is no handshake.
pub(super) fn broken(broken: &Broken) -> Reply {
    let mut reply = Reply::error(broken.cause, broken.detail);
    if broken.cause == Cause::MethodNotAllowed {
        reply.headers.push(("allow", "GET, OPTIONS".into()));
    }
    if broken.cause == Cause::WebsocketVersion {
        reply.headers.push(("sec-websocket-version", "13".into()));
    }
    if reply.status == 426 {
        // RFC 9110, section 15.5.22: such an answer names the protocol.
        reply.headers.push(("upgrade", "websocket".into()));
        reply.headers.push(("connection", "Upgrade".into()));
    }
    reply
}

impl Reply {
    /// A refusal over plain HTTP.
    #[must_use]
    pub fn error(cause: Cause, detail: &str) -> Self {
        let body = body(refusal(cause, detail, Lang::En));
        Self {
            status: cause.http_status(),
            headers: retry_after(detail).into_iter().collect(),
            body,
            closes: false,
        }
    }
}

/// A handshake refused by its HTTP status (`rejects = "http"`).
pub(super) fn refused(refused: &Refused) -> Reply {
    Reply::error(refused.cause, &refused.detail)
}

/// What a handshake would get, and what became of an earlier one.
pub(super) fn preflight(
    node: &Node,
    parts: &Parts,
    verdict: &Result<Admitted, Refused>,
    receipt: Option<&Option<Receipt>>,
) -> Reply {
    let accepted = parts
        .headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let lang = Lang::from_accept_language(accepted.unwrap_or_default());
    let mut object = match verdict {
        Ok(admitted) => {
            let visitor = &admitted.visitor;
            Map::from_iter([
                ("ok".into(), true.into()),
                ("tenant".into(), visitor.key.tenant.as_str().into()),
                (
                    "user".into(),
                    json!({ "id": visitor.key.user, "name": &*visitor.name, "role": visitor.role.as_str() }),
                ),
                ("chat".into(), json!(admitted.chat)),
                ("token_expires_at".into(), json!(admitted.expires_at)),
            ])
        }
        Err(refused) => refusal(refused.cause, &refused.detail, lang),
    };
    object.insert("server_time".into(), json!((node.clock)()));
    object.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    if let Some(receipt) = receipt {
        object.insert("attempt".into(), attempt(receipt.as_ref()));
    }
    let status = verdict
        .as_ref()
        .err()
        .map_or(200, |refused| refused.cause.http_status());
    let mut headers = vec![
        ("cache-control", "no-store".to_owned()),
        (READABLE.0, READABLE.1.to_owned()),
    ];
    headers.extend(
        verdict
            .as_ref()
            .err()
            .and_then(|refused| retry_after(&refused.detail)),
    );
    Reply {
        status,
        headers,
        body: body(object),
        closes: false,
    }
}

fn attempt(receipt: Option<&Receipt>) -> Value {
    let told = receipt.and_then(|receipt| serde_json::to_value(receipt).ok());
    let mut object = match told {
        Some(Value::Object(object)) => object,
        Some(_) | None => Map::new(),
    };
    object.insert("seen".into(), receipt.is_some().into());
    Value::Object(object)
}

/// What pages of other origins may ask: whatever those of allowed ones may, for the answer is the place to refuse them.
pub(super) fn options() -> Reply {
    let headers = [
        READABLE,
        ("access-control-allow-methods", "GET"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-max-age", "600"),
    ];
    Reply {
        status: 204,
        headers: headers.map(|(name, value)| (name, value.to_owned())).into(),
        body: Vec::new(),
        closes: false,
    }
}
