//! The opening handshake and its twin, the preflight: what is asked, the gates in order, the answer.
//!
//! A gate's refusal is answered 101 and then closed with its code, because that is the only way a browser
//! ever learns it; the preflight says the same over plain HTTP.

mod asked;
mod gates;
mod refused;
mod reply;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use charla_wire::Cause;
use charla_wire::codec::{accept_key, deflate};
use http::request::Parts;
use uuid::Uuid;

use crate::metrics::OutcomeLabel;
use crate::node::Node;
use crate::receipts::{Outcome, Receipt};
use crate::returns::Underway;
use crate::settings::Rejects;
use crate::telemetry::{self, Span};

pub(crate) use asked::cookie;
pub use asked::{Asked, Credential, Dialect, is_socket_path};
pub use gates::{Admitted, client_address};
pub(crate) use gates::{is_allowed_origin, recognise, recognise_session};
pub use refused::Refused;
pub(crate) use reply::READABLE;
pub use reply::Reply;

use asked::{Kind, Upgrade};
use gates::Errand;

/// What a request for a socket path comes to.
pub enum Answer {
    /// HTTP, and no more.
    Reply(Reply),
    /// 101, then a conversation or a good-bye.
    Switch(Box<Switch>),
}

/// An upgrade to be carried out by whoever has the socket.
pub struct Switch {
    /// The header lines of the 101.
    pub headers: Vec<(&'static str, String)>,
    /// The connection's id.
    pub id: Uuid,
    /// Whom it was let in as, or why not. Under way until the client is where it wants to be.
    pub verdict: Result<(Admitted, Underway), Refused>,
    /// What was asked.
    pub asked: Asked,
    /// Whether messages may be deflated.
    pub deflate: bool,
    /// When its head was read.
    pub began: Instant,
}

/// Answers a request for a socket path.
pub async fn answer(node: &Arc<Node>, parts: &Parts, peer: IpAddr) -> Answer {
    let began = Instant::now();
    let address = client_address(node, parts, peer);
    let kind = match Kind::of(parts) {
        Ok(kind) => kind,
        Err(broken) => {
            tracing::info!(cause = %broken.cause, detail = broken.detail, %address, path = parts.uri.path(), "no handshake");
            count(&node.metrics.handshakes, Some(broken.cause));
            note_broken(node, parts, &Refused::new(broken.cause, broken.detail), address);
            return Answer::Reply(reply::broken(&broken));
        }
    };
    let asked = Asked::read(parts);
    let asked = asked.map(|asked| asked.with_session(node.auth.session_cookie(), &parts.headers));
    match kind {
        Kind::Options => Answer::Reply(reply::options()),
        Kind::Preflight => Answer::Reply(preflight(node, parts, asked, address).await),
        Kind::Upgrade(upgrade) => {
            let is_believed = node.settings.server.trusts(&peer);
            upgraded(node, parts, asked, upgrade, address, (began, is_believed)).await
        }
    }
}

async fn preflight(node: &Arc<Node>, parts: &Parts, asked: Result<Asked, Refused>, address: IpAddr) -> Reply {
    let receipt = asked::attempt(parts).map(|attempt| node.receipts.find(&attempt, node.uptime.now()));
    let verdict = match asked {
        Ok(asked) => gates::pass(node, parts, &asked, Errand::Ask, address).await,
        Err(refused) => Err(refused),
    };
    count(
        &node.metrics.preflights,
        verdict.as_ref().err().map(|refused| refused.cause),
    );
    reply::preflight(node, parts, &verdict, receipt.as_ref())
}

async fn upgraded(
    node: &Arc<Node>,
    parts: &Parts,
    asked: Result<Asked, Refused>,
    upgrade: Upgrade,
    address: IpAddr,
    (began, is_believed): (Instant, bool),
) -> Answer {
    let id = Uuid::now_v7();
    let underway = node.returns.begins();
    let mut span = node.telemetry.asked("handshake", &parts.headers, is_believed);
    let (asked, verdict) = match asked {
        Ok(asked) => {
            let asked = Asked {
                trace: span.as_ref().map(Span::context),
                ..asked
            };
            let verdict = match upgrade.known_protocol() {
                Ok(()) => {
                    let passes = gates::pass(node, parts, &asked, Errand::Enter, address);
                    telemetry::within(span.as_ref(), passes).await
                }
                Err(refused) => Err(refused),
            };
            (asked, verdict)
        }
        Err(refused) => {
            let attempt = asked::attempt(parts);
            let asked = Asked {
                attempt,
                trace: span.as_ref().map(Span::context),
                ..Asked::default()
            };
            (asked, Err(refused))
        }
    };
    if let Some(span) = &mut span {
        describe(span, id, &asked, &verdict);
    }
    // Counted as soon as it is judged: whoever sees an answer finds its handshake counted.
    let verdict = match verdict {
        Ok(admitted) => {
            count(&node.metrics.handshakes, None);
            node.count_accepted();
            note_receipt(node, asked.attempt.as_deref(), id, Outcome::Accepted, None);
            Ok((admitted, underway))
        }
        Err(refused) => {
            let owner = node.owner(&asked, &refused).await;
            node.count_refused(&asked, &refused, owner, id, address);
            note_refusal(node, &asked, &refused, id, address);
            if refused.user.is_some() {
                // Past the token it cost what a welcome one costs.
                underway.completes();
            }
            Err(refused)
        }
    };
    match verdict {
        Err(refused) if node.settings.server.rejects == Rejects::Http => {
            Answer::Reply(reply::refused(&refused))
        }
        verdict => {
            let deflate = node.settings.compression.enabled && upgrade.offers_deflate;
            Answer::Switch(Box::new(Switch {
                headers: switch_headers(&upgrade, deflate),
                id,
                verdict,
                asked: Asked {
                    dialect: upgrade.dialect(),
                    ..asked
                },
                deflate,
                began,
            }))
        }
    }
}

/// What a recorded handshake came to.
fn describe(span: &mut Span, id: Uuid, asked: &Asked, verdict: &Result<Admitted, Refused>) {
    span.set("charla.connection", id);
    let tenant = match verdict {
        Ok(admitted) => Some(&admitted.visitor.key.tenant),
        Err(refused) => {
            span.refused(refused.cause);
            refused.tenant.as_ref()
        }
    };
    if let Some(tenant) = tenant {
        span.set("charla.tenant", tenant);
    }
    if let Some(chat) = &asked.chat {
        span.set("charla.chat", chat);
    }
}

fn switch_headers(upgrade: &Upgrade, deflate: bool) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("upgrade", "websocket".to_owned()),
        ("connection", "Upgrade".to_owned()),
        ("sec-websocket-accept", accept_key(&upgrade.key)),
    ];
    if let Some(protocol) = upgrade.chosen_protocol() {
        headers.push(("sec-websocket-protocol", protocol.to_owned()));
    }
    if deflate {
        headers.push(("sec-websocket-extensions", deflate::ACCEPTED.to_owned()));
    }
    headers
}

fn note_refusal(node: &Node, asked: &Asked, refused: &Refused, id: Uuid, address: IpAddr) {
    let cause = refused.cause;
    count(&node.metrics.handshakes, Some(cause));
    note_receipt(node, asked.attempt.as_deref(), id, Outcome::Refused, Some(cause));
    if cause == Cause::LoopDetected {
        // Said once a wait, by whoever began it.
        tracing::debug!(connection = %id, %cause, detail = refused.detail, %address, "handshake not judged");
        return;
    }
    tracing::info!(
        connection = %id, %cause, code = cause.close_code(), detail = refused.detail, %address,
        tenant = refused.tenant.as_ref().map(tracing::field::display),
        user = refused.user.as_ref().map(tracing::field::display),
        chat = asked.chat.as_ref().map(tracing::field::display),
        trace = asked.trace.map(|trace| tracing::field::display(trace.trace())),
        "handshake refused"
    );
}

/// Notes what became of an attempt, if it has a name to be asked for by.
pub(crate) fn note_receipt(
    node: &Node,
    attempt: Option<&str>,
    connection: Uuid,
    outcome: Outcome,
    cause: Option<Cause>,
) {
    let Some(attempt) = attempt else { return };
    let receipt = Receipt {
        outcome,
        cause,
        code: cause.map(Cause::close_code),
        connection: connection.to_string(),
        at: (node.clock)(),
    };
    node.receipts.note(attempt, receipt, node.uptime.now());
}

/// A handshake that came maimed did come: its client, which saw no more than a failure, may learn what was wrong with it.
fn note_broken(node: &Node, parts: &Parts, broken: &Refused, address: IpAddr) {
    let (cause, connection) = (broken.cause, Uuid::now_v7());
    let attempt = asked::attempt(parts);
    let asked = Asked {
        attempt: attempt.clone(),
        ..Asked::default()
    };
    node.count_refused(&asked, broken, (None, None), connection, address);
    let Some(attempt) = attempt else { return };
    let receipt = Receipt {
        outcome: Outcome::Refused,
        cause: Some(cause),
        code: None,
        connection: connection.to_string(),
        at: (node.clock)(),
    };
    node.receipts.note(&attempt, receipt, node.uptime.now());
}

/// Counts one outcome; no cause means accepted.
fn count(
    family: &prometheus_client::metrics::family::Family<
        OutcomeLabel,
        prometheus_client::metrics::counter::Counter,
    >,
    cause: Option<Cause>,
) {
    family
        .get_or_create(&OutcomeLabel {
            outcome: cause.map_or("accepted", Cause::id),
        })
        .inc();
}
