//! Alive, ready, and how it is going: for balancers and Prometheus.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use crate::listen::ClientAddress;
use crate::node::Node;

/// `/healthz`, `/readyz`, `/metrics`.
pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// 200 while new connections are welcome; 503 with the reason otherwise. A node without its broker is slower, not wrong: taking
/// it out would take out all of them at once. Nor does it help those who are connected when new ones cannot be judged.
///
/// What the store says goes to whoever may see figures: it may name the database's host.
async fn ready(
    State(node): State<Arc<Node>>,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
) -> (StatusCode, String) {
    let trouble = if node.is_leaving() {
        Some("draining".to_owned())
    } else {
        match node.store.ready().await {
            Ok(()) => None,
            Err(error) if node.settings.metrics.shows(&address) => {
                Some(format!("store_unavailable: {error}"))
            }
            Err(_) => Some("store_unavailable".to_owned()),
        }
    };
    match trouble {
        None if node.is_degraded() => (StatusCode::OK, "degraded: broker_unavailable\n".to_owned()),
        None if node.authority.is_failing() => {
            (StatusCode::OK, "degraded: authority_unavailable\n".to_owned())
        }
        None if node.is_bridge_down() => (StatusCode::OK, "degraded: bridge_unavailable\n".to_owned()),
        None if node.webhooks.is_full() => (StatusCode::OK, "degraded: webhooks_full\n".to_owned()),
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")),
    }
}

async fn metrics(
    State(node): State<Arc<Node>>,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
) -> Response {
    // Whoever may not see figures is not told that there are any.
    if !node.settings.metrics.shows(&address) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let waiting: usize = node
        .users
        .all(|_| true)
        .iter()
        .map(|connection| connection.waiting_bytes())
        .sum();
    node.metrics
        .outbox_bytes
        .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], node.metrics.encode()).into_response()
}
