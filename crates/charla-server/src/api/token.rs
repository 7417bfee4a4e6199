//! `/api/token/`: a password for a pair of tokens, a refresh token for the next pair, and the end of both.
//! The shapes are SimpleJWT's, so that its clients work unchanged.

use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use charla_core::Limit;
use charla_wire::{Cause, TenantId};
use http::request::Parts;
use http::{StatusCode, header};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{Given, Perhaps};
use super::caller::{bearer, named_tenant};
use super::problem::Problem;
use super::shapes::Me;
use crate::auth::{self, TokenPair};
use crate::limits::counted;
use crate::listen::ClientAddress;

/// The routes, each with and without the slash at the end: a POST must not be redirected.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(refresh))
        .routes(routes!(revoke))
        .route("/api/token", axum::routing::post(sign_in))
        .route("/api/token/refresh", axum::routing::post(refresh))
        .route("/api/token/revoke", axum::routing::post(revoke))
}

/// Name and password of a built-in account.
#[derive(Deserialize, ToSchema)]
struct Credentials {
    /// The user's id.
    #[schema(example = "ana")]
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// The tenant, where the address names none and the server has no default.
    #[serde(default, alias = "schema")]
    #[schema(value_type = Option<String>, example = "demo")]
    tenant: Option<TenantId>,
}

/// Who signed in, and its tokens.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    /// Opens sockets and asks the interface, for minutes.
    access: String,
    /// Gets the next pair, once, for days.
    refresh: String,
    /// Who that is.
    user: Me,
    /// Whose user it is.
    #[schema(value_type = String, example = "demo")]
    tenant: TenantId,
}

/// The next pair.
#[derive(Serialize, ToSchema)]
struct Pair {
    /// Opens sockets and asks the interface, for minutes.
    access: String,
    /// Gets the next pair, once, for days.
    refresh: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
struct Refresh {
    /// The newest one of its log-in.
    refresh: String,
}

/// What to end beside the token in the header.
#[derive(Deserialize, ToSchema, Default)]
#[schema(as = LogOut)]
struct Revocation {
    /// The refresh token of the same log-in.
    refresh: Option<String>,
}

/// What must not stay in a cache on the way.
type NotStored<T> = ([(header::HeaderName, &'static str); 1], Json<T>);

fn not_stored<T>(value: T) -> NotStored<T> {
    ([(header::CACHE_CONTROL, "no-store")], Json(value))
}

/// The tenant that the request names apart from its body.
struct Named(Option<TenantId>);

impl FromRequestParts<Api> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        named_tenant(parts).map(Self)
    }
}

/// The `Authorization` header's token.
struct Bearer(Option<String>);

impl FromRequestParts<Api> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Ok(Self(bearer(parts)?.map(str::to_owned)))
    }
}

/// Signs in with a built-in account.
#[utoipa::path(post, path = "/api/token/", tag = "tokens", request_body = Credentials, responses((status = 200, body = SignedIn)), security(()))]
async fn sign_in(
    State(api): State<Api>,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    Named(named): Named,
    Given(credentials): Given<Credentials>,
) -> Result<NotStored<SignedIn>, Problem> {
    let node = &api.node;
    let tenant = credentials
        .tenant
        .or(named)
        .or_else(|| node.settings.server.default_tenant.clone())
        .ok_or_else(|| Problem::new(Cause::TenantMissing, "add `tenant`"))?;
    let address = counted(address);
    // Counted before the password is looked at, or many at once would all be let through.
    let pace = node.limits.all().settings.logins();
    let taken = api.sign_ins.lock().take(&address, pace, 1, node.uptime.now());
    taken.map_err(|wait| Problem::too_fast(node, None, (Limit::Logins, wait)))?;
    let Credentials {
        username, password, ..
    } = credentials;
    let outcome = node
        .auth
        .accounts
        .login(&tenant, &username, password, (node.clock)())
        .await;
    if !matches!(&outcome, Err(refusal) if refusal.cause == Cause::LoginFailed) {
        api.sign_ins.lock().give_back(&address, pace, 1);
    }
    let TokenPair {
        access,
        refresh,
        user,
    } = outcome?;
    Ok(not_stored(SignedIn {
        access,
        refresh,
        user: Me {
            id: user.key.user,
            name: user.name,
            role: user.role.into(),
        },
        tenant: user.key.tenant,
    }))
}

/// Spends a refresh token for the next pair.
#[utoipa::path(post, path = "/api/token/refresh/", tag = "tokens", request_body = Refresh, responses((status = 200, body = Pair)), security(()))]
async fn refresh(State(api): State<Api>, Given(asked): Given<Refresh>) -> Result<NotStored<Pair>, Problem> {
    let node = &api.node;
    let pair = node.auth.accounts.refresh(&asked.refresh, (node.clock)()).await?;
    Ok(not_stored(Pair {
        access: pair.access,
        refresh: pair.refresh,
    }))
}

/// Logs out: ends the token in the header, the connections that came with it, and the refresh token in the body.
#[utoipa::path(post, path = "/api/token/revoke/", tag = "tokens", request_body = Option<Revocation>, responses((status = 204)), security(("token" = []), ()))]
async fn revoke(
    State(api): State<Api>,
    Named(named): Named,
    Bearer(access): Bearer,
    Perhaps(asked): Perhaps<Revocation>,
) -> Result<StatusCode, Problem> {
    let node = &api.node;
    if access.is_none() && asked.refresh.is_none() {
        return Err(Problem::new(
            Cause::TokenMissing,
            "neither a token in the header nor a refresh token in the body",
        ));
    }
    if let Some(refresh) = asked.refresh {
        // Spent, and nobody gets the next pair.
        let spent = node.auth.accounts.refresh(&refresh, (node.clock)()).await;
        already_over(spent)?;
    }
    if let Some(access) = access {
        already_over(end_access(&api, &access, named).await)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn end_access(api: &Api, token: &str, named: Option<TenantId>) -> Result<(), auth::Refusal> {
    let node = &api.node;
    let refuse = |cause, detail: &str| auth::Refusal {
        cause,
        detail: detail.to_owned(),
    };
    let identity = node.auth.verify(token).await?;
    let tenant = identity
        .tenant
        .or(named)
        .or_else(|| node.settings.server.default_tenant.clone());
    let tenant = tenant.ok_or_else(|| refuse(Cause::TenantMissing, "add ?tenant="))?;
    let jti = identity
        .jti
        .ok_or_else(|| refuse(Cause::BadRequest, "the token has no `jti` to revoke it by"))?;
    let leeway = i64::try_from(node.settings.auth.leeway.as_millis()).unwrap_or(0);
    node.revoke_token(&tenant, &jti, identity.expires_at.plus_millis(leeway))
        .await
}

/// What is over needs no ending (RFC 7009, section 2.2).
fn already_over<T>(outcome: Result<T, auth::Refusal>) -> Result<(), Problem> {
    const OVER: [Cause; 5] = [
        Cause::TokenExpired,
        Cause::TokenRevoked,
        Cause::RefreshInvalid,
        Cause::RefreshReused,
        Cause::UserUnknown,
    ];
    match outcome {
        Ok(_) => Ok(()),
        Err(refusal) if OVER.contains(&refusal.cause) => Ok(()),
        Err(refusal) => Err(refusal.into()),
    }
}
