//! `/api/v1/webhooks` and `/api/v1/tenants/{id}/webhooks`: where a tenant's events go, and what could not be delivered. The operator's:
//! an address that this server asks is not a tenant's to choose.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

mod shapes;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_wire::{Cause, TenantId};
use http::{HeaderName, StatusCode, header};
use secrecy::ExposeSecret as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::asked::{At, Given, With};
use super::overseer::Overseer;
use super::problem::Problem;
use shapes::{
    Letter, LetterList, Revived, Webhook, WebhookDraft, WebhookList, WebhookOverview, WebhookWithSecret,
    Which,
};

use crate::node::Node;
use crate::settings::webhooks::{is_endpoint, secret_of};
use crate::store::webhooks::{EventKind, Kinds, LETTERS_MAX, Letters, WebhookEndpoint};

/// Bytes of an address.
const URL_MAX: usize = 2048;
/// Endpoints that a tenant may have over the API.
const ENDPOINTS_MAX: usize = 20;
/// Bytes of a secret that is made here.
const SECRET_BYTES: usize = 32;
/// Milliseconds for which the secret before the last one signs too.
const ROTATION: i64 = 24 * 3600 * 1000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(all))
        .routes(routes!(list, make))
        .routes(routes!(remove))
        .routes(routes!(renew_secret))
        .routes(routes!(enable))
        .routes(routes!(letters))
        .routes(routes!(retry_all))
        .routes(routes!(retry))
        .routes(routes!(remove_letter))
}

const FRESH: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Lists every tenant's endpoints, with what waits for each, and the newest dead letters.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", responses((status = 200, body = WebhookOverview)), security(("key" = [])))]
async fn all(
    State(node): State<Arc<Node>>,
    _: Overseer,
) -> Result<([(HeaderName, &'static str); 1], Json<WebhookOverview>), Problem> {
    let overview = WebhookOverview {
        webhooks: known(&node, None),
        dead_letters: dead(&node, Letters::default(), None).await?,
        lost: node.store.hooks().lost(),
        at: (node.clock)(),
    };
    Ok((FRESH, Json(overview)))
}

/// Lists a tenant's endpoints.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/webhooks", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id")), responses((status = 200, body = WebhookList)), security(("key" = []))
)]
async fn list(
    State(node): State<Arc<Node>>,
    _: Overseer,
    At(tenant): At<TenantId>,
) -> Result<Json<WebhookList>, Problem> {
    check_tenant(&node, &tenant).await?;
    Ok(Json(WebhookList {
        webhooks: known(&node, Some(&tenant)),
    }))
}

/// Makes an endpoint. From the answer on, what happens at this node is told; at others, two seconds later.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/webhooks", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = WebhookDraft, responses((status = 201, body = WebhookWithSecret)), security(("key" = []))
)]
async fn make(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At(tenant): At<TenantId>,
    Given(draft): Given<WebhookDraft>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Problem> {
    if draft.url.len() > URL_MAX || !is_endpoint(&draft.url) {
        return Err(Problem::bad_request(
            "`url` has to be an http or https address without a password in it",
        ));
    }
    let events = kinds(draft.events.as_deref())?;
    let own = node.store.webhook_endpoints().await?;
    if own.iter().filter(|one| one.tenant == tenant).count() >= ENDPOINTS_MAX {
        return Err(Problem::bad_request(format!(
            "a tenant may have {ENDPOINTS_MAX} endpoints"
        )));
    }
    let endpoint = WebhookEndpoint {
        id: format!("we_{}", Uuid::now_v7().simple()).into(),
        tenant: tenant.clone(),
        url: draft.url,
        events,
        secret: secret_of(&fresh_secret()?),
        old_secret: None,
        created_at: (node.clock)(),
    };
    if !node.store.put_webhook_endpoint(endpoint.clone()).await? {
        return Err(Problem::tenant_not_found());
    }
    overseer.note(
        "make a webhook endpoint",
        format_args!("{} of {tenant}", endpoint.id),
    );
    node.webhooks_looked_up().await;
    Ok((StatusCode::CREATED, Json(with_secret(&node, &endpoint)?)))
}

/// Forgets an endpoint, with all that waits for it and its dead letters. One of the file comes back with the next start.
#[utoipa::path(
    delete, path = "/api/v1/tenants/{id}/webhooks/{webhook}", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), ("webhook" = String, Path, description = "the endpoint's id")),
    responses((status = 204)), security(("key" = []))
)]
async fn remove(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At((tenant, id)): At<(TenantId, String)>,
) -> Result<StatusCode, Problem> {
    let known = node.webhooks.endpoints();
    if known.iter().any(|one| one.from_file && *one.id == *id) {
        return Err(Problem::bad_request(
            "this endpoint stands in the file: take it out there first",
        ));
    }
    let removed = node.store.remove_webhook_endpoint(&tenant, &id).await?;
    overseer.note("forget a webhook endpoint", format_args!("{id:?} of {tenant}"));
    node.webhooks_looked_up().await;
    // What was left of one that stood in the file is gone too.
    if removed || id.starts_with("file_") {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(no_endpoint())
}

/// Gives an endpoint another secret. For 24 hours events are signed with both.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/webhooks/{webhook}/secret", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), ("webhook" = String, Path, description = "the endpoint's id")),
    responses((status = 200, body = WebhookWithSecret)), security(("key" = []))
)]
async fn renew_secret(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At((tenant, id)): At<(TenantId, String)>,
) -> Result<Json<WebhookWithSecret>, Problem> {
    let made = node.store.webhook_endpoints().await?;
    let found = made
        .into_iter()
        .find(|one| one.tenant == tenant && *one.id == *id);
    let mut endpoint = found.ok_or_else(no_endpoint)?;
    let old = std::mem::replace(&mut endpoint.secret, secret_of(&fresh_secret()?));
    endpoint.old_secret = Some((old, (node.clock)().plus_millis(ROTATION)));
    if !node.store.put_webhook_endpoint(endpoint.clone()).await? {
        return Err(Problem::tenant_not_found());
    }
    overseer.note(
        "renew a webhook's secret",
        format_args!("{} of {tenant}", endpoint.id),
    );
    node.webhooks_looked_up().await;
    Ok(Json(with_secret(&node, &endpoint)?))
}

/// Enables an endpoint again that answered 410. What waited for it is sent.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/webhooks/{webhook}/enable", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), ("webhook" = String, Path, description = "the endpoint's id")),
    responses((status = 204)), security(("key" = []))
)]
async fn enable(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At((tenant, id)): At<(TenantId, String)>,
) -> Result<StatusCode, Problem> {
    let known = node.webhooks.endpoints();
    if !known.iter().any(|one| one.tenant == tenant && *one.id == *id) {
        return Err(no_endpoint());
    }
    node.store.disable_webhook(&id, false).await?;
    overseer.note("enable a webhook endpoint", format_args!("{id:?} of {tenant}"));
    node.webhooks_looked_up().await;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists a tenant's dead letters, the newest first, 200 at a time.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/dead-letters", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), Which), responses((status = 200, body = LetterList)), security(("key" = []))
)]
async fn letters(
    State(node): State<Arc<Node>>,
    _: Overseer,
    At(tenant): At<TenantId>,
    With(which): With<Which>,
) -> Result<Json<LetterList>, Problem> {
    check_tenant(&node, &tenant).await?;
    let letters = Letters {
        tenant: Some(tenant),
        endpoint: which.endpoint,
        row: None,
    };
    let dead_letters = dead(&node, letters, which.before).await?;
    Ok(Json(LetterList { dead_letters }))
}

/// Has all dead letters of a tenant, or of one endpoint, sent again.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/dead-letters/retry", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), Which), responses((status = 200, body = Revived)), security(("key" = []))
)]
async fn retry_all(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At(tenant): At<TenantId>,
    With(which): With<Which>,
) -> Result<Json<Revived>, Problem> {
    check_tenant(&node, &tenant).await?;
    overseer.note("retry dead letters", &tenant);
    let letters = Letters {
        tenant: Some(tenant),
        endpoint: which.endpoint,
        row: None,
    };
    let retried = node.store.revive_letters(letters).await?;
    Ok(Json(Revived { retried }))
}

/// Has a dead letter sent again, with the same `webhook-id`.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/dead-letters/{letter}/retry", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), ("letter" = i64, Path, description = "its number")),
    responses((status = 204)), security(("key" = []))
)]
async fn retry(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At((tenant, row)): At<(TenantId, i64)>,
) -> Result<StatusCode, Problem> {
    overseer.note("retry a dead letter", format_args!("{row} of {tenant}"));
    let found = node.store.revive_letters(letter(tenant, row)).await?;
    found_one(found)
}

/// Throws a dead letter away.
#[utoipa::path(
    delete, path = "/api/v1/tenants/{id}/dead-letters/{letter}", tag = "webhooks",
    params(("id" = String, Path, description = "the tenant's id"), ("letter" = i64, Path, description = "its number")),
    responses((status = 204)), security(("key" = []))
)]
async fn remove_letter(
    State(node): State<Arc<Node>>,
    overseer: Overseer,
    At((tenant, row)): At<(TenantId, i64)>,
) -> Result<StatusCode, Problem> {
    overseer.note("throw a dead letter away", format_args!("{row} of {tenant}"));
    let found = node.store.remove_letters(letter(tenant, row)).await?;
    found_one(found)
}

fn letter(tenant: TenantId, row: i64) -> Letters {
    Letters {
        tenant: Some(tenant),
        endpoint: None,
        row: Some(row),
    }
}

fn found_one(count: u64) -> Result<StatusCode, Problem> {
    match count {
        0 => Err(Problem::not_found("there is no such dead letter")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

fn no_endpoint() -> Problem {
    Problem::not_found("the tenant has no such endpoint over the API")
}

async fn check_tenant(node: &Node, tenant: &TenantId) -> Result<(), Problem> {
    let known = node.store.tenant(tenant).await?;
    known.map(|_| ()).ok_or_else(Problem::tenant_not_found)
}

fn kinds(names: Option<&[String]>) -> Result<Kinds, Problem> {
    let Some(names) = names else {
        return Ok(Kinds::all());
    };
    let unknown = |name: &str| Problem::bad_request(format!("there is no event {name:?}"));
    let kinds: Result<Vec<_>, _> = names
        .iter()
        .map(|name| EventKind::named(name).ok_or_else(|| unknown(name)))
        .collect();
    let kinds = Kinds::of(&kinds?);
    if kinds.is_empty() {
        return Err(Problem::bad_request("`events` has to name at least one event"));
    }
    Ok(kinds)
}

fn fresh_secret() -> Result<[u8; SECRET_BYTES], Problem> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Problem::new(Cause::InternalError, ""))?;
    Ok(bytes)
}

fn with_secret(node: &Node, endpoint: &WebhookEndpoint) -> Result<WebhookWithSecret, Problem> {
    let known = node.webhooks.endpoints();
    let known = known.iter().find(|one| one.id == endpoint.id);
    Ok(WebhookWithSecret {
        webhook: Webhook::of(node, known.ok_or_else(no_endpoint)?),
        secret: endpoint.secret.expose_secret().to_owned(),
    })
}

fn known(node: &Node, tenant: Option<&TenantId>) -> Vec<Webhook> {
    let all = node.webhooks.endpoints();
    let wanted = all
        .iter()
        .filter(|one| tenant.is_none_or(|tenant| *tenant == one.tenant));
    wanted.map(|one| Webhook::of(node, one)).collect()
}

async fn dead(node: &Node, which: Letters, before: Option<i64>) -> Result<Vec<Letter>, Problem> {
    let endpoints = node.webhooks.endpoints();
    let letters = node.store.dead_letters(which, before, LETTERS_MAX).await?;
    Ok(letters
        .into_iter()
        .map(|letter| Letter::of(letter, &endpoints))
        .collect())
}
