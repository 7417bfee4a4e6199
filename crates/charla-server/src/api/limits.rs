//! `/api/v1/limits`: how much anybody may do, for all and for a tenant, changed while the server runs.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_wire::{Lang, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Given};
use super::overseer::Overseer;
use super::problem::Problem;
use crate::limits::{ChangeError, Shown, Wanted};
use crate::node::Node;
use crate::settings::{GivenLimit, Place};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get, patch))
        .routes(routes!(get_of_tenant, patch_of_tenant))
}

/// How much anybody may do.
#[derive(Serialize, ToSchema)]
struct Limits {
    /// Whose figures; absent: those of everybody without figures of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// Each limit by its name in `[limits]`.
    limits: BTreeMap<&'static str, Figure>,
}

/// One limit.
#[derive(Serialize, ToSchema)]
struct Figure {
    /// A number, or text with a unit: `20`, `"64KiB"`, `"10s"`.
    value: Value,
    /// Who gave it: `default`, `file`, `variable`, `flag` or `api`.
    #[schema(example = "file")]
    source: &'static str,
    /// Where exactly: `charla.toml:12`, a variable's name ...
    place: String,
    /// Whether it was given for this tenant itself, not for all.
    own: bool,
    /// What it means, as in the settings' file.
    meaning: &'static str,
    /// Whether tenants can have figures of their own.
    of_tenants: bool,
}

/// New figures by name; `null` takes the API's figure away, so that the settings' counts again.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({ "sends_per_second": 40, "bytes_per_day_per_tenant": "1GiB", "subscriptions": null }))]
struct Changes(BTreeMap<String, Value>);

/// Shows how much anybody may do who has no figures of a tenant, and where each figure comes from.
#[utoipa::path(get, path = "/api/v1/limits", tag = "limits", responses((status = 200, body = Limits)), security(("key" = [])))]
async fn get(State(node): State<Arc<Node>>, _: Overseer) -> Json<Limits> {
    Json(Limits::of(&node, None))
}

/// Changes how much anybody may do, on all nodes, at once and for good.
///
/// All of it, or nothing where one figure is not allowed. Connections that are open heed it at their next act; those beyond a lowered
/// number of connections stay.
#[utoipa::path(patch, path = "/api/v1/limits", tag = "limits", request_body = Changes, responses((status = 200, body = Limits)), security(("key" = [])))]
async fn patch(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    Given(changes): Given<Changes>,
) -> Result<Json<Limits>, Problem> {
    change(&node, &overseer, None, &changes).await.map(Json)
}

/// Shows how much a tenant's people may do, and where each figure comes from.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/limits", tag = "limits",
    params(("id" = String, Path, description = "the tenant's id")), responses((status = 200, body = Limits)), security(("key" = []))
)]
async fn get_of_tenant(
    State(node): State<Arc<Node>>,
    _: Overseer,
    At(tenant): At<TenantId>,
) -> Result<Json<Limits>, Problem> {
    check(&node, &tenant).await?;
    Ok(Json(Limits::of(&node, Some(tenant))))
}

/// Changes how much a tenant's people may do, as for all.
#[utoipa::path(
    patch, path = "/api/v1/tenants/{id}/limits", tag = "limits",
    params(("id" = String, Path, description = "the tenant's id")), request_body = Changes,
    responses((status = 200, body = Limits)), security(("key" = []))
)]
async fn patch_of_tenant(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At(tenant): At<TenantId>,
    Given(changes): Given<Changes>,
) -> Result<Json<Limits>, Problem> {
    check(&node, &tenant).await?;
    change(&node, &overseer, Some(tenant), &changes).await.map(Json)
}

async fn check(node: &Node, tenant: &TenantId) -> Result<(), Problem> {
    let known = node.store.tenant(tenant).await?;
    known.map(|_| ()).ok_or_else(Problem::tenant_not_found)
}

async fn change(
    node: &Node,
    overseer: &Overseer,
    tenant: Option<TenantId>,
    Changes(changes): &Changes,
) -> Result<Limits, Problem> {
    let of = tenant.as_ref();
    let known = Limits::of(node, tenant.clone()).limits;
    let wanted =
        changes.iter().map(
            |(name, value)| match (value.is_null(), known.get_key_value(name.as_str())) {
                (true, Some((name, _))) => Ok(Wanted::Unset(name)),
                (true | false, _) => GivenLimit::read(name, value, of).map(Wanted::Set),
            },
        );
    let wanted: Vec<Wanted> = wanted
        .collect::<Result<_, _>>()
        .map_err(|problem| Problem::bad_request(problem.reason()))?;
    node.change_limits(of, &wanted)
        .await
        .map_err(|error| match error {
            ChangeError::Contradicts(problems) => {
                let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Problem::bad_request(told.join("; "))
            }
            ChangeError::Store(error) => error.into(),
        })?;
    for (name, value) in changes {
        let whose = of.map_or("all", TenantId::as_str);
        overseer.note("limit", format_args!("{name} = {value} for {whose}"));
    }
    Ok(Limits::of(node, tenant))
}

impl Limits {
    fn of(node: &Node, tenant: Option<TenantId>) -> Self {
        let shown = node.limits.shown(tenant.as_ref());
        Self {
            tenant,
            limits: shown
                .into_iter()
                .map(|one| (one.limit.name, one.into()))
                .collect(),
        }
    }
}

impl From<Shown> for Figure {
    fn from(Shown { limit, place, own }: Shown) -> Self {
        Self {
            value: limit.value,
            source: match &place {
                Place::Line(..) | Place::File(_) => "file",
                Place::Variable(_) => "variable",
                Place::Flag(_) => "flag",
                Place::Api => "api",
                Place::Default => "default",
            },
            place: place.tell(Lang::En),
            own,
            meaning: limit.meaning,
            of_tenants: limit.of_tenants,
        }
    }
}
