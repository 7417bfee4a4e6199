//! `/api/v1/tenants`: the operator's customers. Only keys that act for all tenants see them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use charla_wire::TenantId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Perhaps};
use super::caller::Operator;
use super::chats::{check_words, made};
use super::problem::Problem;
use super::shapes::Tenant;
use crate::node::Node;

/// Bytes of a name.
const NAME_MAX: usize = 256;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put))
}

/// All tenants.
#[derive(Serialize, ToSchema)]
struct Tenants {
    /// By id.
    tenants: Vec<Tenant>,
}

/// A tenant to be made or renamed.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct TenantChange {
    /// Its name for people; a new tenant without one is called by its id.
    name: Option<String>,
}

/// Lists the tenants.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "tenants", responses((status = 200, body = Tenants)), security(("key" = [])))]
async fn list(State(node): State<Arc<Node>>, _: Operator) -> Result<Json<Tenants>, Problem> {
    let tenants = node.store.tenants().await?;
    Ok(Json(Tenants {
        tenants: tenants.into_iter().map(Tenant::from).collect(),
    }))
}

/// Finds a tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}", tag = "tenants",
    params(("id" = String, Path, description = "the tenant's id")), responses((status = 200, body = Tenant)), security(("key" = []))
)]
async fn get(
    State(node): State<Arc<Node>>,
    _: Operator,
    At(id): At<TenantId>,
) -> Result<Json<Tenant>, Problem> {
    let tenant = node.store.tenant(&id).await?;
    tenant
        .map(|tenant| Json(tenant.into()))
        .ok_or_else(Problem::tenant_not_found)
}

/// Makes a tenant, or renames one.
#[utoipa::path(
    put, path = "/api/v1/tenants/{id}", tag = "tenants",
    params(("id" = String, Path, description = "the tenant's id: 1 to 63 of `A-Z a-z 0-9 _ -`")),
    request_body = Option<TenantChange>,
    responses((status = 200, body = Tenant), (status = 201, description = "made now", body = Tenant)), security(("key" = []))
)]
async fn put(
    State(node): State<Arc<Node>>,
    _: Operator,
    At(id): At<TenantId>,
    Perhaps(change): Perhaps<TenantChange>,
) -> Result<Response, Problem> {
    check_words("name", change.name.as_deref(), NAME_MAX)?;
    let name = match change.name {
        Some(name) => name,
        None => {
            let known = node.store.tenant(&id).await?;
            known.map_or_else(|| id.to_string(), |known| known.name)
        }
    };
    let (tenant, is_new) = node.store.put_tenant(&id, &name).await?;
    Ok(made(is_new, Tenant::from(tenant)))
}
