//! What a Charla server says of itself: its preflight, which runs every gate of the handshake but the upgrade, and `/readyz`.
//!
//! Only asked where something speaks for Charla already: to other servers a preflight is a request that leaves a line
//! in the log.

pub mod config;

use std::time::Duration;

use charla_client::Address;
use charla_client::http::{Answer as HttpAnswer, Question, ask};
use charla_wire::Cause;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::timeout;

use crate::evidence::{After, Answer, CharlaSeen, Evidence, Kind, Preflight};
use crate::redact::redact;

/// The most of a server's own words that is kept, in characters.
const WORDS_MAX: usize = 300;
/// What `/readyz` of a Charla server begins with.
const READY: [&str; 4] = ["ready", "degraded: ", "draining", "store_unavailable"];

/// Whether anything that was seen speaks for a Charla server.
#[must_use]
pub fn likely(evidence: &Evidence) -> bool {
    let server = evidence.server.as_ref();
    let listens = server.is_some_and(|server| {
        server
            .listeners
            .iter()
            .any(|listener| listener.kind == Kind::Charla)
    });
    let answers = evidence.hops.iter().filter_map(|hop| hop.browser());
    listens || answers.into_iter().any(speaks)
}

/// A cause in JSON, a close frame with a cause's id, or the welcome.
fn speaks(answer: &Answer) -> bool {
    match answer {
        Answer::Http { cause, .. } => cause.is_some(),
        Answer::Upgraded {
            after: After::Closed { reason, .. },
            ..
        } => {
            let id = reason.split(':').next().unwrap_or_default();
            Cause::from_id(id).is_some()
        }
        Answer::Upgraded {
            after: After::Open { first, .. },
            ..
        } => heartbeat(first.as_deref()).is_some(),
        Answer::Upgraded { .. }
        | Answer::Refused
        | Answer::Unreachable(_)
        | Answer::Silent
        | Answer::NoConnection
        | Answer::HungUp { .. }
        | Answer::NotHttp(_)
        | Answer::Tls(_)
        | Answer::Untried => false,
    }
}

/// `heartbeat_ms` of a welcome.
fn heartbeat(first: Option<&str>) -> Option<u64> {
    let frame: Value = serde_json::from_str(first?).ok()?;
    frame.get("heartbeat_ms")?.as_u64()
}

/// Asks the preflight at an address, with its token, and `/readyz` beside it; none when that is no Charla server.
///
/// `direct` is the server's own socket, `ws://127.0.0.1:9001`: a proxy passes `/readyz` on to nobody.
pub async fn look(
    url: &str,
    token: Option<&str>,
    direct: Option<&str>,
    within: Duration,
) -> Option<CharlaSeen> {
    let address = Address::parse(url).ok()?;
    let beside = direct.and_then(|direct| Address::parse(direct).ok());
    let token = token.or(address.token());
    let target = address.target();
    let preflight = Question {
        bearer: token,
        ..Question::get(&target)
    };
    let preflight = timeout(within, ask(&address, preflight));
    let ready = timeout(
        within,
        ask(beside.as_ref().unwrap_or(&address), Question::get("/readyz")),
    );
    let (preflight, ready) = tokio::join!(preflight, ready);
    let preflight = preflight
        .ok()
        .and_then(Result::ok)
        .and_then(|answer| read(&answer));
    let ready = ready.ok().and_then(Result::ok).and_then(|answer| {
        let is = READY.iter().any(|word| answer.body.starts_with(word));
        is.then(|| (answer.status, shown(&answer.body)))
    });
    (preflight.is_some() || ready.is_some()).then(|| CharlaSeen {
        preflight,
        ready,
        ..CharlaSeen::default()
    })
}

/// Whether a chat that lets the token in is closed, as `/api/v1/chats/{chat}` has it: its socket opens all the same, and says
/// nothing of it in the plain dialect. `at` is a socket's address of that server.
pub async fn chat_closed(at: &str, token: Option<&str>, chat: &str, within: Duration) -> Option<bool> {
    let address = Address::parse(at).ok()?;
    let target = format!("/api/v1/chats/{}", utf8_percent_encode(chat, NON_ALPHANUMERIC));
    let question = Question {
        bearer: token.or(address.token()),
        ..Question::get(&target)
    };
    let answer = timeout(within, ask(&address, question)).await.ok()?.ok()?;
    if answer.status != 200 || answer.text("chat") != Some(chat) {
        return None;
    }
    match answer.text("state")? {
        "closed" => Some(true),
        "open" => Some(false),
        _ => None,
    }
}

/// With what the welcome said.
#[must_use]
pub fn with_welcome(mut seen: CharlaSeen, evidence: &Evidence) -> CharlaSeen {
    let firsts = evidence.hops.iter().filter_map(|hop| match hop.browser()? {
        Answer::Upgraded {
            after: After::Open { first, .. },
            ..
        } => first.as_deref(),
        Answer::Upgraded { .. }
        | Answer::Http { .. }
        | Answer::Refused
        | Answer::Unreachable(_)
        | Answer::Silent
        | Answer::NoConnection
        | Answer::HungUp { .. }
        | Answer::NotHttp(_)
        | Answer::Tls(_)
        | Answer::Untried => None,
    });
    seen.heartbeat_ms = firsts.filter_map(|first| heartbeat(Some(first))).next();
    seen
}

/// A preflight's answer; none for whatever else answers a GET with JSON.
fn read(answer: &HttpAnswer) -> Option<Preflight> {
    let ok = answer.json.get("ok")?.as_bool()?;
    let server_time: Option<Timestamp> = answer.text("server_time").and_then(|time| time.parse().ok());
    let cause = answer.text("cause").filter(|id| Cause::from_id(id).is_some());
    if !ok && cause.is_none() || ok && server_time.is_none() {
        return None;
    }
    let user = answer
        .json
        .get("user")
        .and_then(|user| user.get("name")?.as_str());
    let seconds = |time: Timestamp| time.as_duration().as_secs_f64();
    Some(Preflight {
        status: answer.status,
        ok,
        cause: cause.map(str::to_owned),
        detail: shown(answer.text("detail").unwrap_or_default()),
        user: user.map(shown),
        server_time: server_time.map(seconds),
    })
}

fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
    redact(&text)
}
