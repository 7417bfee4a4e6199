//! `/api/v1/limits`: how much anybody may do, for all and for a tenant, changed while the server runs.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_core::Limit;
use charla_wire::{Lang, TenantId};
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Given};
use super::console::FRESH;
use super::face::language;
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
    /// Whether whoever asks may change them, and does not only look.
    may_change: bool,
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
    /// Of a tenant, where its people share it: how much is used up now, on the node where it is the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    /// Of how much; absent without a limit. Of what is allowed in a second, as much as may come at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    /// Of a tenant: how often it refused something in the last hour, on all nodes. Only where the console is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<u64>,
}

/// New figures by name; `null` takes the API's figure away, so that the settings' counts again.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({ "sends_per_second": 40, "bytes_per_day_per_tenant": "1GiB", "subscriptions": null }))]
struct Changes(BTreeMap<String, Value>);

/// Shows how much anybody may do who has no figures of a tenant, and where each figure comes from.
#[utoipa::path(get, path = "/api/v1/limits", tag = "limits", responses((status = 200, body = Limits)), security(("key" = [])))]
async fn get(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
) -> ([(HeaderName, &'static str); 1], Json<Limits>) {
    (FRESH, Json(Limits::of(&node, &overseer, None)))
}

/// Changes how much anybody may do, on all nodes, at once and for good.
///
/// All of it, or nothing where one figure is not allowed. Connections that are open heed it at their next act; those beyond a lowered
/// number of connections stay.
#[utoipa::path(patch, path = "/api/v1/limits", tag = "limits", request_body = Changes, responses((status = 200, body = Limits)), security(("key" = [])))]
async fn patch(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    headers: HeaderMap,
    Given(changes): Given<Changes>,
) -> Result<Json<Limits>, Problem> {
    change(&node, &overseer, None, &changes, language(&headers)).await?;
    Ok(Json(Limits::of(&node, &overseer, None)))
}

/// Shows how much a tenant's people may do, and where each figure comes from.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/limits", tag = "limits",
    params(("id" = String, Path, description = "the tenant's id")), responses((status = 200, body = Limits)), security(("key" = []))
)]
async fn get_of_tenant(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At(tenant): At<TenantId>,
) -> Result<([(HeaderName, &'static str); 1], Json<Limits>), Problem> {
    check(&node, &tenant).await?;
    Ok((FRESH, Json(Limits::of_tenant(&node, &overseer, tenant).await?)))
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
    headers: HeaderMap,
    Given(changes): Given<Changes>,
) -> Result<Json<Limits>, Problem> {
    check(&node, &tenant).await?;
    change(&node, &overseer, Some(&tenant), &changes, language(&headers)).await?;
    Limits::of_tenant(&node, &overseer, tenant).await.map(Json)
}

async fn check(node: &Node, tenant: &TenantId) -> Result<(), Problem> {
    let known = node.store.tenant(tenant).await?;
    known.map(|_| ()).ok_or_else(Problem::tenant_not_found)
}

async fn change(
    node: &Node,
    overseer: &Overseer,
    tenant: Option<&TenantId>,
    Changes(changes): &Changes,
    lang: Lang,
) -> Result<(), Problem> {
    let known = node.limits.shown(tenant);
    let was: BTreeMap<&'static str, Value> = known
        .into_iter()
        .map(|one| (one.limit.name, one.limit.value))
        .collect();
    let wanted =
        changes.iter().map(
            |(name, value)| match (value.is_null(), was.get_key_value(name.as_str())) {
                (true, Some((name, _))) => Ok(Wanted::Unset(name)),
                (true | false, _) => GivenLimit::read(name, value, tenant).map(Wanted::Set),
            },
        );
    let wanted: Vec<Wanted> = wanted
        .collect::<Result<_, _>>()
        .map_err(|problem| Problem::bad_request(problem.reason(lang)))?;
    node.change_limits(tenant, &wanted)
        .await
        .map_err(|error| match error {
            ChangeError::Contradicts(problems) => {
                let told: Vec<String> = problems.iter().map(|problem| problem.tell(lang)).collect();
                Problem::bad_request(told.join("; "))
            }
            ChangeError::Store(error) => error.into(),
        })?;
    for (name, value) in changes {
        let whose = tenant.map_or("all", TenantId::as_str);
        let was = was.get(name.as_str()).unwrap_or(&Value::Null);
        overseer.note("limit", format_args!("{name} = {value} for {whose}, was {was}"));
    }
    Ok(())
}

impl Limits {
    fn of(node: &Node, overseer: &Overseer, tenant: Option<TenantId>) -> Self {
        let shown = node.limits.shown(tenant.as_ref());
        Self {
            tenant,
            limits: shown
                .into_iter()
                .map(|one| (one.limit.name, one.into()))
                .collect(),
            may_change: overseer.may_change(),
        }
    }

    /// A tenant's, with what is used of them and what they refused.
    async fn of_tenant(node: &Node, overseer: &Overseer, tenant: TenantId) -> Result<Self, Problem> {
        let chats = node.store.chat_count(&tenant).await?;
        let settings = &node.limits.of(&tenant).settings;
        let figures = node
            .console
            .is_enabled()
            .then(|| node.console_now().of_tenant(&tenant));
        let mut limits = Self::of(node, overseer, Some(tenant));
        for (limit, of) in settings.shares_of_tenant() {
            if let Some(figure) = limits.limits.get_mut(limit.key()) {
                figure.of = (of > 0).then_some(of);
                // What has no limit is not counted in a time.
                let is_counted = of > 0 || limit == Limit::ConnectionsPerTenant;
                let seen = figures.as_ref().map(|seen| &seen.used).filter(|_| is_counted);
                figure.used = if limit == Limit::ChatsPerTenant {
                    Some(chats)
                } else {
                    seen.map(|used| used.get(limit.key()).copied().unwrap_or(0))
                };
            }
        }
        if let Some(seen) = &figures {
            for (name, figure) in &mut limits.limits {
                figure.refused = Some(seen.refused.get(*name).copied().unwrap_or(0));
            }
        }
        Ok(limits)
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
            used: None,
            of: None,
            refused: None,
        }
    }
}
