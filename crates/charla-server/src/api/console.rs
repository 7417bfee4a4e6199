//! `/api/v1/console`: the operator's overview, the close ledger of all nodes, live figures, and an end to somebody's connections.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

mod search;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use charla_core::{NodeId, UserKey};
use charla_wire::{Cause, ChatId, Lang, TenantId, Timestamp, UserId};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::asked::{Given, With};
use super::face::language;
use super::nodes::NodeList;
use super::overseer::ConsoleOverseer;
use super::problem::Problem;
use crate::console::minutes::Minute;
use crate::console::{Slow, TENANTS_TOLD, TooManyWatchers};
use crate::node::Node;
use tenants::TenantNow;

/// Minutes over which causes are ranked, unless the address says otherwise.
const RANKED_OVER: usize = 60;
/// Causes in the ranking.
const RANKED: usize = 10;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(live))
        .merge(search::routes())
        .routes(routes!(disconnect))
}

/// Figures of this moment.
pub(super) const FRESH: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Everything at once.
#[derive(Serialize, ToSchema)]
struct Overview {
    /// All nodes together, now.
    now: Now,
    /// The last twelve hours, all nodes together, by the minute. A minute without an entry is not known.
    minutes: Vec<Row>,
    /// The causes that refused and ended the most within the time that was asked for.
    causes: Vec<Ranked>,
    /// The nodes.
    nodes: NodeList,
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// What a line of the live answer says after the first one.
#[derive(Serialize)]
struct Tick {
    now: Now,
    /// Those that changed.
    minutes: Vec<Row>,
    nodes: NodeList,
    at: Timestamp,
}

/// The present.
#[derive(Serialize, ToSchema)]
struct Now {
    /// Clients connected.
    connections: u64,
    /// Messages stored in the last minute.
    messages: u64,
    /// Clients that wait for repeating the same refused question.
    loops: u64,
    /// Bytes that wait for slow clients.
    queued_bytes: u64,
    /// The slowest clients, at most five a node.
    slow: Vec<SlowClient>,
    /// The busiest tenants, at most 50, and as many quiet ones at most that have limits of their own.
    tenants: Vec<TenantNow>,
    /// Whether there are busy tenants that are not shown, or not told of by a node, so that the figures of others may be too low.
    more_tenants: bool,
    /// Moves whenever a limit is changed.
    limits_changes: u64,
    /// Nodes that are heard and tell no figures: their console is off, or they are of an older release.
    #[schema(value_type = Vec<String>)]
    silent: Vec<NodeId>,
}

/// A client that takes less than it is sent.
#[derive(Serialize, ToSchema)]
struct SlowClient {
    /// Where it is connected.
    #[schema(value_type = String)]
    node: NodeId,
    /// Its connection.
    #[schema(value_type = String)]
    connection: Uuid,
    /// Whose.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// Who.
    #[schema(value_type = String)]
    user: UserId,
    /// Bytes that wait for it.
    queued_bytes: u64,
}

/// One minute.
#[derive(Serialize, ToSchema)]
struct Row {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Clients connected at its end.
    connections: u64,
    /// Handshakes let in.
    accepted: u64,
    /// Messages stored.
    messages: u64,
    /// Handshakes refused, by cause.
    refused: BTreeMap<&'static str, u64>,
    /// Connections ended, by cause (`none`: the client just left) and by who ended them.
    closed: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
}

/// How often a cause did something, and what to do about it.
#[derive(Serialize, ToSchema)]
struct Ranked {
    /// Its id.
    cause: &'static str,
    /// Handshakes that it refused.
    refused: u64,
    /// Connections that it ended.
    closed: u64,
    /// In the reader's language.
    title: &'static str,
    /// In one sentence.
    explain: &'static str,
    /// Commands or configuration to copy.
    fix: &'static [&'static str],
}

/// Over how long.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Over {
    /// Minutes over which causes are ranked: 60 if absent.
    minutes: Option<usize>,
}

/// Shows how it goes on all nodes.
#[utoipa::path(get, path = "/api/v1/console/overview", tag = "console", params(Over), responses((status = 200, body = Overview)), security(("key" = [])))]
async fn overview(
    State(node): State<Arc<Node>>,
    _: ConsoleOverseer,
    With(over): With<Over>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 1], Json<Overview>) {
    let trouble = node.ask_store().await;
    let over = over.minutes.unwrap_or(RANKED_OVER);
    (
        FRESH,
        Json(Overview::of(&node, trouble, over, language(&headers))),
    )
}

/// Shows how it goes on all nodes, live.
///
/// Lines of JSON (`application/x-ndjson`): the overview first, then at most once a second what changed: `now`, `nodes` and those
/// `minutes` that are not what they were. Ends after ten minutes, or when the node drains, or when nobody reads: ask again then.
#[utoipa::path(get, path = "/api/v1/console/live", tag = "console", responses((status = 200, content_type = "application/x-ndjson", body = String)), security(("key" = [])))]
async fn live(
    State(node): State<Arc<Node>>,
    _: ConsoleOverseer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let trouble = node.ask_store().await;
    let first = Overview::of(&node, trouble, RANKED_OVER, language(&headers));
    let busy = |TooManyWatchers| Problem::new(Cause::Overloaded, "as many watch as may; retry in 5000 ms");
    let lines = node
        .console
        .watchers
        .add(json_line(&first), node.uptime.now())
        .map_err(busy)?;
    if node.is_draining() {
        // Whoever came between the end of all and now would hold the node.
        node.console.watchers.end();
    }
    let lines_of = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would gather lines until its buffer is full.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((lines_of, Body::new(lines)).into_response())
}

/// What whoever watches is told.
pub(crate) fn line(node: &Node, changed: &[Minute]) -> Bytes {
    json_line(&Tick {
        now: Now::of(node),
        minutes: changed.iter().map(Row::of).collect(),
        nodes: NodeList::of(node, node.store_trouble()),
        at: (node.clock)(),
    })
}

fn json_line<T: Serialize>(value: &T) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

/// Whose connections end.
#[derive(Deserialize, ToSchema)]
struct Whose {
    /// The tenant.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// The user.
    #[schema(value_type = String)]
    user: UserId,
    /// Only those in this chat.
    #[schema(value_type = Option<String>)]
    chat: Option<ChatId>,
}

/// Ends a user's connections on all nodes, for an operator.
///
/// They may come back: block the user to prevent that.
#[utoipa::path(post, path = "/api/v1/console/disconnect", tag = "console", request_body = Whose, responses((status = 204)), security(("key" = [])))]
async fn disconnect(
    State(node): State<Arc<Node>>,
    ConsoleOverseer(overseer): ConsoleOverseer,
    Given(whose): Given<Whose>,
) -> Result<StatusCode, Problem> {
    let key = UserKey {
        tenant: whose.tenant,
        user: whose.user,
    };
    overseer.note(
        "disconnect",
        format_args!("user {:?} of {}", key.user.as_str(), key.tenant),
    );
    node.disconnect(&key, whose.chat, Cause::DisconnectedByOperator);
    Ok(StatusCode::NO_CONTENT)
}

impl Overview {
    fn of(node: &Node, trouble: Option<String>, ranked_over: usize, lang: Lang) -> Self {
        let minutes = node.console_minutes();
        let ranked = minutes.get(minutes.len().saturating_sub(ranked_over)..);
        Self {
            now: Now::of(node),
            causes: rank(ranked.unwrap_or_default(), lang),
            minutes: minutes.iter().map(Row::of).collect(),
            nodes: NodeList::of(node, trouble),
            at: (node.clock)(),
        }
    }
}

impl Now {
    fn of(node: &Node) -> Self {
        let now = node.console_now();
        let slow_client = |(node, slow): (NodeId, Slow)| SlowClient {
            node,
            connection: slow.connection,
            tenant: slow.tenant,
            user: slow.user,
            queued_bytes: slow.queued,
        };
        Self {
            connections: now.connections,
            messages: now.messages,
            loops: u64::try_from(node.metrics.loops_active.get()).unwrap_or(0),
            queued_bytes: now.queued,
            slow: now.slow.into_iter().map(slow_client).collect(),
            more_tenants: now.more_tenants || now.tenants.len() > TENANTS_TOLD,
            limits_changes: node.limits.changes(),
            tenants: TenantNow::all(node, now.tenants),
            silent: now.silent,
        }
    }
}

impl Row {
    fn of(minute: &Minute) -> Self {
        let mut closed: BTreeMap<_, BTreeMap<_, u64>> = BTreeMap::new();
        for (why, by, count) in &minute.closed {
            *closed
                .entry(why.id())
                .or_default()
                .entry(by.as_str())
                .or_default() += count;
        }
        Self {
            at: Timestamp::from_millis(minute.at * 60_000),
            connections: minute.connections,
            accepted: minute.accepted,
            messages: minute.messages,
            refused: minute
                .refused
                .iter()
                .map(|(why, count)| (why.id(), *count))
                .collect(),
            closed,
        }
    }
}

fn rank(minutes: &[Minute], lang: Lang) -> Vec<Ranked> {
    let mut sum = Minute::default();
    for minute in minutes {
        sum.add(minute);
    }
    let mut counts: BTreeMap<&'static str, (Cause, u64, u64)> = BTreeMap::new();
    for (why, count) in &sum.refused {
        if let Some(cause) = why.0 {
            counts.entry(cause.id()).or_insert((cause, 0, 0)).1 += count;
        }
    }
    for (why, _, count) in &sum.closed {
        if let Some(cause) = why.0 {
            counts.entry(cause.id()).or_insert((cause, 0, 0)).2 += count;
        }
    }
    let ranked = counts.into_values().map(|(cause, refused, closed)| {
        let words = cause.words(lang);
        Ranked {
            cause: cause.id(),
            refused,
            closed,
            title: words.title,
            explain: words.explain,
            fix: words.fix,
        }
    });
    let mut ranked: Vec<Ranked> = ranked.collect();
    ranked.sort_by_key(|one| std::cmp::Reverse(one.refused + one.closed));
    ranked.truncate(RANKED);
    ranked
}
