//! `/api/v1/console/ledger`: the close ledgers of all nodes, searched together.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_core::NodeId;
use charla_wire::{Cause, TenantId, Timestamp, UserId};
use http::HeaderName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::FRESH;
use crate::api::Api;
use crate::api::asked::With;
use crate::api::overseer::ConsoleOverseer;
use crate::api::problem::Problem;
use crate::console::TooManySearches;
use crate::console::ledger::{self, Entry, FOUND_MAX, Kind, Query};
use crate::console::minutes::Why;
use crate::node::Node;

/// Entries of a page, unless the address says otherwise.
const PAGE: usize = 50;
/// Bytes of a search.
const TEXT_MAX: usize = 128;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(search))
}

/// What is looked for in the ledgers.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Search {
    /// A user, a chat, an attempt, an address, or how a connection's id begins.
    q: Option<String>,
    /// Whose.
    #[param(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// Who.
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// The whole id of a connection.
    #[param(value_type = Option<String>)]
    connection: Option<Uuid>,
    /// Where from.
    #[param(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// A cause's id, or `none`.
    cause: Option<String>,
    /// `open`, `ended` or `refused`.
    kind: Option<Kind>,
    /// Only what is older: the `at` of the last one seen.
    #[param(value_type = Option<String>)]
    before: Option<Timestamp>,
    /// At most so many; 50 if absent, 200 at most.
    limit: Option<usize>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct Page {
    /// The newest first.
    entries: Vec<Line>,
    /// There are older ones.
    more: bool,
    /// Where it was looked for.
    nodes: Vec<Asked>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// One handshake or connection.
#[derive(Serialize, ToSchema)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    /// On which node.
    #[schema(value_type = String)]
    node: NodeId,
    /// That node's machine and port.
    #[schema(value_type = Option<String>)]
    node_name: Option<Arc<str>>,
}

/// A node that was asked.
#[derive(Serialize, ToSchema)]
struct Asked {
    /// Which.
    #[schema(value_type = String)]
    id: NodeId,
    /// Its machine and port.
    #[schema(value_type = Option<String>)]
    name: Option<Arc<str>>,
    /// Whether it answered within two seconds; if not, what it knows is missing here.
    answered: bool,
    /// How far back its ledger goes; `null` while that is empty.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// Looks in the close ledgers of all nodes.
///
/// Refused handshakes, ended connections and open ones, the newest first. Each node keeps its last 20,000, in memory.
#[utoipa::path(get, path = "/api/v1/console/ledger", tag = "console", params(Search), responses((status = 200, body = Page)), security(("key" = [])))]
async fn search(
    State(node): State<Arc<Node>>,
    _: ConsoleOverseer,
    With(asked): With<Search>,
) -> Result<([(HeaderName, &'static str); 1], Json<Page>), Problem> {
    let query = asked.query()?;
    let busy = |TooManySearches| Problem::new(Cause::RateLimited, "retry in 1000 ms");
    let answers = node.search_everywhere(&query).await.map_err(busy)?;
    let names: BTreeMap<NodeId, Arc<str>> = node
        .peers()
        .beats()
        .map(|heard| (heard.node, Arc::clone(&heard.beat.name)))
        .chain(node.name.get().map(|name| (node.id(), Arc::clone(name))))
        .collect();
    let asked = |id: NodeId, answered, since| Asked {
        id,
        name: names.get(&id).map(Arc::clone),
        answered,
        since,
    };
    let nodes = answers
        .found
        .iter()
        .map(|(id, found)| asked(*id, true, found.since))
        .chain(answers.missing.iter().map(|id| asked(*id, false, None)))
        .collect();
    let some_more = answers.found.iter().any(|(_, found)| found.more);
    let entries = answers
        .found
        .into_iter()
        .flat_map(|(id, found)| found.entries.into_iter().map(move |entry| (id, entry)))
        .collect();
    let (entries, more) = ledger::together(entries, query.limit);
    let line = |(node, entry)| Line {
        entry,
        node,
        node_name: names.get(&node).map(Arc::clone),
    };
    let page = Page {
        entries: entries.into_iter().map(line).collect(),
        more: more || some_more,
        nodes,
        at: (node.clock)(),
    };
    Ok((FRESH, Json(page)))
}

impl Search {
    fn query(self) -> Result<Query, Problem> {
        let given = |text: Option<String>| {
            text.map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        let (text, cause) = (given(self.q), given(self.cause));
        if text.as_ref().is_some_and(|text| text.len() > TEXT_MAX) {
            return Err(Problem::bad_request(format!("`q` has at most {TEXT_MAX} bytes")));
        }
        if let Some(id) = &cause
            && id != Why::NONE.id()
            && Cause::from_id(id).is_none()
        {
            return Err(Problem::bad_request("there is no such cause"));
        }
        Ok(Query {
            text,
            tenant: self.tenant,
            user: self.user,
            connection: self.connection,
            address: self.address,
            cause,
            kind: self.kind,
            before: self.before,
            limit: self.limit.unwrap_or(PAGE).clamp(1, FOUND_MAX),
        })
    }
}
