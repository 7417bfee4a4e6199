//! What lets people in besides passwords: tickets to connect with, and tokens taken back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_wire::{Cause, ChatId, Timestamp, UserId};
use http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{Given, Perhaps};
use super::caller::{BackEnd, Caller};
use super::problem::Problem;
use super::users::find;
use crate::auth::{Identity, TICKET_LIFE};
use crate::node::Node;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ticket))
        .routes(routes!(revoke))
}

/// What a ticket is to be good for.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketWish)]
struct Wish {
    /// The only chat it opens; all of the person's if absent.
    #[schema(value_type = Option<String>, example = "5")]
    chat: Option<ChatId>,
    /// For whom a back end asks. A person asks for itself.
    #[schema(value_type = Option<String>)]
    user: Option<UserId>,
}

/// A ticket.
#[derive(Serialize, ToSchema)]
struct Ticket {
    /// Goes into the socket's address as `ticket=`, once.
    ticket: String,
    /// Seconds until it is too old.
    #[schema(example = 30)]
    expires_in: u64,
}

/// A token to be refused from now on: by itself, or by its id and end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenRevocation)]
struct Revocation {
    /// The token itself, while it is valid.
    token: Option<String>,
    /// Its `jti`.
    jti: Option<String>,
    /// With `jti`: when it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Hands out a one-time ticket for a socket's address, where a token would end up in logs.
#[utoipa::path(post, path = "/api/v1/tickets", tag = "tokens", request_body = Option<Wish>, responses((status = 200, body = Ticket)))]
async fn ticket(
    State(node): State<Arc<Node>>,
    caller: Caller,
    Perhaps(wish): Perhaps<Wish>,
) -> Result<([(HeaderName, &'static str); 1], Json<Ticket>), Problem> {
    let now = (node.clock)();
    let identity = match (&caller, &wish.user) {
        (Caller::Person(person), None) => Identity {
            // Where the address named the tenant, the ticket has to remember it.
            tenant: Some(caller.tenant().clone()),
            ..person.identity.clone()
        },
        (Caller::Person(_), Some(_)) => {
            return Err(Problem::forbidden("only a back end asks for another's ticket"));
        }
        (Caller::BackEnd(_), None) => return Err(Problem::bad_request("`user` is missing")),
        (Caller::BackEnd(back_end), Some(user)) => {
            let user = find(&node, &back_end.user_key(user.clone())).await?;
            let life = i64::try_from(node.settings.auth.access_ttl.as_millis()).unwrap_or(i64::MAX);
            Identity {
                tenant: Some(user.key.tenant),
                user: user.key.user,
                name: None,
                role: None,
                // Not older than a sign-out everywhere within this second.
                issued_at: Some(now.max(user.tokens_valid_from)),
                expires_at: now.plus_millis(life),
                jti: None,
                password_claim: None,
                session: false,
                builtin: true,
            }
        }
    };
    let ticket = node
        .auth
        .tickets
        .issue(&identity, wish.chat.as_ref(), now)
        .await?;
    let ticket = Ticket {
        ticket,
        expires_in: TICKET_LIFE.as_secs(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(ticket)))
}

/// Takes a token back: it is refused from now on, and the connections that came with it end.
#[utoipa::path(
    post, path = "/api/v1/tokens/revoke", tag = "tokens", request_body = Revocation,
    responses((status = 204)), security(("key" = []))
)]
async fn revoke(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    Given(asked): Given<Revocation>,
) -> Result<StatusCode, Problem> {
    let (jti, ends) = match asked {
        Revocation {
            token: Some(token),
            jti: None,
            expires_at: None,
        } => match named_by(&node, &back_end, &token).await? {
            Some(named) => named,
            // What is over needs no ending (RFC 7009, section 2.2).
            None => return Ok(StatusCode::NO_CONTENT),
        },
        Revocation {
            token: None,
            jti: Some(jti),
            expires_at: Some(ends),
        } => (jti, ends),
        Revocation { .. } => {
            return Err(Problem::bad_request("`token` alone, or `jti` with `expires_at`"));
        }
    };
    let leeway = i64::try_from(node.settings.auth.leeway.as_millis()).unwrap_or(0);
    node.revoke_token(&back_end.tenant, &jti, ends.plus_millis(leeway))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token's id and end; `None` when it has ended.
async fn named_by(
    node: &Node,
    back_end: &BackEnd,
    token: &str,
) -> Result<Option<(String, Timestamp)>, Problem> {
    let identity = match node.auth.verifier.verify(token, (node.clock)()).await {
        Ok(identity) => identity,
        Err(refusal) if refusal.cause == Cause::TokenExpired => return Ok(None),
        Err(refusal) => return Err(refusal.into()),
    };
    if identity.tenant.is_some_and(|tenant| tenant != back_end.tenant) {
        return Err(Problem::new(
            Cause::TenantForbidden,
            "the token is another tenant's",
        ));
    }
    let jti = identity
        .jti
        .ok_or_else(|| Problem::bad_request("the token has no `jti` to revoke it by"))?;
    Ok(Some((jti, identity.expires_at)))
}
