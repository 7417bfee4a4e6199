//! Answers over plain HTTP: the preflight's, and refusals where there is no socket to close.

use charla_wire::cause::Retry;
use charla_wire::cause::retry_in_ms;
use charla_wire::{Cause, ChatId, Lang, TenantId, Timestamp, UserId};
use http::header;
use http::request::Parts;
use serde::Serialize;

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

/// What is said of a refusal.
#[derive(Serialize)]
struct Refusal<'a> {
    ok: bool,
    cause: Cause,
    code: u16,
    status: u16,
    title: &'a str,
    detail: &'a str,
    explain: &'a str,
    fix: &'a [&'a str],
    check: &'a str,
    retry: Retry,
    help: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_in_ms: Option<u64>,
}

impl<'a> Refusal<'a> {
    fn of(cause: Cause, detail: &'a str, lang: Lang) -> Self {
        let words = cause.words(lang);
        Self {
            ok: false,
            cause,
            code: cause.close_code(),
            status: cause.http_status(),
            title: words.title,
            detail,
            explain: words.explain,
            fix: words.fix,
            check: words.check,
            retry: cause.retry(),
            help: format!("/docs/causes/{}", cause.id()),
            retry_in_ms: retry_in_ms(detail),
        }
    }
}

/// What is said of a handshake that would be welcome.
#[derive(Serialize)]
struct Welcome<'a> {
    ok: bool,
    tenant: &'a TenantId,
    user: Person<'a>,
    chat: Option<&'a ChatId>,
    token_expires_at: Timestamp,
}

#[derive(Serialize)]
struct Person<'a> {
    id: &'a UserId,
    name: &'a str,
    role: &'a str,
}

impl<'a> Welcome<'a> {
    fn to(admitted: &'a Admitted) -> Self {
        let visitor = &admitted.visitor;
        Self {
            ok: true,
            tenant: &visitor.key.tenant,
            user: Person {
                id: &visitor.key.user,
                name: &visitor.name,
                role: visitor.role.as_str(),
            },
            chat: admitted.chat.as_ref(),
            token_expires_at: admitted.expires_at,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Verdict<'a> {
    Welcome(Welcome<'a>),
    Refused(Refusal<'a>),
}

/// A preflight's answer.
#[derive(Serialize)]
struct Preflight<'a> {
    #[serde(flatten)]
    verdict: Verdict<'a>,
    server_time: Timestamp,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt<'a>>,
}

/// What became of an earlier handshake.
#[derive(Serialize)]
struct Attempt<'a> {
    seen: bool,
    #[serde(flatten)]
    receipt: Option<&'a Receipt>,
}

/// The same advice for clients that know HTTP only (RFC 9110, section 10.2.3), in whole seconds.
fn retry_after(detail: &str) -> Option<(&'static str, String)> {
    let delay = retry_in_ms(detail)?;
    Some(("retry-after", delay.div_ceil(1_000).to_string()))
}

fn body(answer: &impl Serialize) -> Vec<u8> {
    // Words and numbers are written to memory: that does not fail.
    let mut body = serde_json::to_vec(answer).unwrap_or_default();
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
        let body = body(&Refusal::of(cause, detail, Lang::En));
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
    let answer = Preflight {
        verdict: match verdict {
            Ok(admitted) => Verdict::Welcome(Welcome::to(admitted)),
            Err(refused) => Verdict::Refused(Refusal::of(refused.cause, &refused.detail, lang)),
        },
        server_time: (node.clock)(),
        version: env!("CARGO_PKG_VERSION"),
        attempt: receipt.map(|receipt| Attempt {
            seen: receipt.is_some(),
            receipt: receipt.as_ref(),
        }),
    };
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
        body: body(&answer),
        closes: false,
    }
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
