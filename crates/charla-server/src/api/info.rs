//! `/api/v1/info`: what a page has to know before anybody has signed in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_wire::{Lang, TenantId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::node::Node;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(info))
}

/// This server.
#[derive(Serialize, ToSchema)]
struct Info {
    /// `Charla`.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The tenant of requests that name none.
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// The languages it speaks.
    languages: Vec<&'static str>,
    /// Whether it is the demo.
    demo: bool,
    /// Whether built-in accounts may sign in at `/api/token/`.
    accounts: bool,
}

/// Tells about this server.
#[utoipa::path(get, path = "/api/v1/info", tag = "server", responses((status = 200, body = Info)), security(()))]
async fn info(State(node): State<Arc<Node>>) -> Json<Info> {
    let settings = &node.settings;
    Json(Info {
        name: "Charla",
        version: env!("CARGO_PKG_VERSION"),
        tenant: settings.server.default_tenant.clone(),
        languages: Lang::ALL.iter().map(|lang| lang.tag()).collect(),
        demo: settings.server.demo,
        accounts: settings.auth.accounts,
    })
}
