//! `/api/v1/nodes`: the nodes, and how each does by its store and its bus, for whoever has the operator's key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_core::{Millis, peers};
use charla_wire::Timestamp;
use http::{HeaderName, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::asked::At;
use super::overseer::Overseer;
use super::problem::Problem;
use crate::bridge::Bridge;
use crate::node::Node;
use crate::settings::BusKind;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(drain))
}

/// The nodes as one of them knows them.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeList {
    /// The bus as the node that answers has it.
    bus: Bus,
    /// The way to Django Channels as the node that answers has it; `null` without `[bridge]`.
    bridge: Option<Channels>,
    /// The node that answers first, the others by name. While the bus is away the others are as they were heard last.
    nodes: Vec<Member>,
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// What carries happenings from node to node.
#[derive(Serialize, ToSchema)]
struct Bus {
    /// `none` (one node alone), `redis`, `sentinel`, `cluster` or `nats`.
    #[schema(value_type = String, example = "redis")]
    kind: &'static str,
    /// Where it is, without its password.
    #[schema(example = "redis://127.0.0.1:6379")]
    address: Option<String>,
    /// Whether happenings get through. If not, clients stay connected, nothing is lost, and delivery is slower.
    alive: bool,
    /// What brings happenings now: `memory`, `bus`, `postgresql` (`LISTEN`/`NOTIFY`) or `polling`.
    #[schema(value_type = String, example = "bus")]
    carried_by: &'static str,
    /// Since when it is alive, or away; `null` for one node alone.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// The Redis of Django Channels.
#[derive(Serialize, ToSchema)]
struct Channels {
    /// Where it is, without passwords.
    hosts: Vec<String>,
    /// Whether all of them answer whatever they are asked. If not, clients stay connected, and what is said through Channels is not
    /// heard here, nor the other way round: `bridge_unavailable`.
    alive: bool,
    /// Since when that is so.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// One node.
#[derive(Serialize, ToSchema)]
struct Member {
    /// Another one at each start.
    #[schema(value_type = String)]
    id: Uuid,
    /// Its machine and port; `null` where it has not said so.
    #[schema(value_type = Option<String>, example = "chat-1:9001")]
    name: Option<Arc<str>>,
    /// The one that answers.
    this: bool,
    /// Its release; `null` where it does not say.
    #[schema(value_type = Option<String>, example = "0.1.0")]
    version: Option<Arc<str>>,
    /// Clients that are connected to it.
    connections: u64,
    /// Handshakes a second that it can complete now; 0 when nobody should be sent there.
    accept_rate: f64,
    /// On its way out.
    leaving: bool,
    /// The store answered when it looked last.
    store_up: bool,
    /// What the store said instead; of the node that answers alone.
    store_trouble: Option<String>,
    /// When it was heard last; `null` for the node that answers.
    #[schema(value_type = Option<String>, format = DateTime)]
    heard_at: Option<Timestamp>,
    /// Since when its figures are known here; `null` where the console is off, here or there.
    #[schema(value_type = Option<String>, format = DateTime)]
    figures_since: Option<Timestamp>,
}

/// Lists the nodes.
///
/// As the node that answers knows them: others are those it hears on the bus.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", responses((status = 200, body = NodeList)), security(("key" = [])))]
async fn list(
    State(node): State<Arc<Node>>,
    _: Overseer,
) -> ([(HeaderName, &'static str); 1], Json<NodeList>) {
    let list = NodeList::of(&node, node.ask_store().await);
    ([(header::CACHE_CONTROL, "no-store")], Json(list))
}

/// Has a node drain.
///
/// It tells its clients when to come back, finishes what is under way and ends, as on SIGTERM: whatever started it decides whether
/// it is started again.
#[utoipa::path(
    post, path = "/api/v1/nodes/{id}/drain", tag = "nodes",
    params(("id" = String, Path, description = "the node's id")), responses((status = 202)), security(("key" = []))
)]
async fn drain(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At(id): At<Uuid>,
) -> Result<StatusCode, Problem> {
    overseer.note("drain", format_args!("node {id}"));
    if node.drain_node(id, overseer.name()) {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Problem::not_found("there is no such node, or it is not heard"))
    }
}

impl NodeList {
    /// As this node knows them; `trouble` is what its store said.
    pub(super) fn of(node: &Node, trouble: Option<String>) -> Self {
        let clock = Moments::now(node);
        let own = Member {
            id: node.id(),
            name: node.name.get().map(Arc::clone),
            this: true,
            version: Some(env!("CARGO_PKG_VERSION").into()),
            connections: node.connection_count(),
            accept_rate: node.accept_rate(),
            leaving: node.is_leaving(),
            store_up: trouble.is_none(),
            store_trouble: trouble,
            heard_at: None,
            figures_since: None,
        };
        let mut others: Vec<Member> = node
            .peers()
            .beats()
            .map(|heard| Member::of(heard, &clock))
            .collect();
        others.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let mut nodes: Vec<Member> = std::iter::once(own).chain(others).collect();
        for member in &mut nodes {
            member.figures_since = node.known_since(member.id);
        }
        Self {
            bus: Bus::of(node, &clock),
            bridge: node.bridge.get().map(Channels::of),
            nodes,
            at: clock.at,
        }
    }
}

/// Turns moments of the node's uptime into times of day.
struct Moments {
    now: Millis,
    at: Timestamp,
}

impl Moments {
    fn now(node: &Node) -> Self {
        Self {
            now: node.uptime.now(),
            at: (node.clock)(),
        }
    }

    fn of(&self, moment: Millis) -> Timestamp {
        let ago = i64::try_from(self.now.saturating_sub(moment)).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.at.as_millis().saturating_sub(ago))
    }
}

impl Bus {
    fn of(node: &Node, clock: &Moments) -> Self {
        let url = node.settings.broker.url.as_ref();
        let kind = match url.map(crate::settings::BrokerUrl::kind) {
            None => "none",
            Some(BusKind::Redis) => "redis",
            Some(BusKind::Sentinel { .. }) => "sentinel",
            Some(BusKind::Cluster) => "cluster",
            Some(BusKind::Nats) => "nats",
        };
        let alive = !node.is_degraded();
        let hinted = || node.store.hints().is_some_and(|hints| *hints.proven().borrow());
        let carried_by = match (url, alive) {
            (None, _) => "memory",
            (Some(_), true) => "bus",
            (Some(_), false) if hinted() => "postgresql",
            (Some(_), false) => "polling",
        };
        Self {
            kind,
            address: url.map(|url| url.shown().to_owned()),
            alive,
            carried_by,
            since: url.map(|_| clock.of(node.bus_since())),
        }
    }
}

impl Channels {
    fn of(bridge: &Bridge) -> Self {
        Self {
            hosts: bridge.hosts().map(str::to_owned).collect(),
            alive: bridge.is_up(),
            since: bridge.since(),
        }
    }
}

impl Member {
    fn of(heard: peers::Heard<'_>, clock: &Moments) -> Self {
        let beat = heard.beat;
        let said = |word: &Arc<str>| Some(Arc::clone(word)).filter(|word| !word.is_empty());
        Self {
            id: heard.node,
            name: said(&beat.name),
            this: false,
            version: said(&beat.version),
            connections: beat.connections,
            accept_rate: beat.accept_rate,
            leaving: beat.leaving,
            store_up: beat.store_up,
            store_trouble: None,
            heard_at: Some(clock.of(heard.at)),
            figures_since: None,
        }
    }
}
