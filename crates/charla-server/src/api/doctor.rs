//! `/api/v1/doctor`: what the doctor finds on this very server, for whoever has the operator's key.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use charla_core::UserKey;
use charla_wire::{Cause, ChatId, TenantId, UserId};
use http::{HeaderMap, HeaderName, header};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::Perhaps;
use super::caller::Operator;
use super::face::language;
use super::problem::Problem;
use super::users::find;
use crate::doctor::{NoReport, Question};
use crate::node::Node;

/// How long a token lasts that is made for one run.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(look))
}

/// What to look at. Nothing in it can lead to another address than this server's own.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = DoctorQuestion)]
struct Asked {
    /// The chat to enter; a socket for all chats if absent.
    #[schema(value_type = Option<String>, example = "5")]
    chat: Option<ChatId>,
    /// The tenant in the socket's address; `server.default_tenant` if absent.
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// The access token that does not work. It is tried and told nowhere.
    #[schema(value_type = Option<String>)]
    token: Option<SecretString>,
    /// Instead of a token: whom to connect as, with a token of one minute made for this run.
    #[schema(value_type = Option<String>, example = "ana")]
    user: Option<UserId>,
    /// Whether everything that was seen stands in the report.
    #[serde(default)]
    verbose: bool,
}

/// The report, as `charla doctor --json` prints it; the more important ones of its fields.
#[derive(ToSchema)]
#[schema(as = DoctorReport)]
#[allow(dead_code, reason = "describes what the doctor answers as JSON")]
struct Report {
    /// Which form of report this is.
    #[schema(example = 1)]
    schema: u32,
    /// The cause that was found; `null` when nothing is wrong, or when none fits.
    #[schema(example = "token_expired")]
    cause: Option<String>,
    /// `certain`, `likely` or `possible`, beside a cause.
    #[schema(example = "certain")]
    certainty: Option<String>,
    /// Whether the connection is made and stays.
    healthy: bool,
    /// The verdict in one sentence, in the language of `Accept-Language`.
    sentence: String,
    /// The address that was tried, without its token.
    target: Option<String>,
    /// The cause with its facts, fixes and check.
    #[schema(value_type = Option<Object>)]
    verdict: Option<Value>,
    /// What will hurt, though it does not keep anybody out now.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<Value>,
    /// What was looked at, chapter by chapter.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Value>,
    /// What could not be looked at, why, and what to try.
    #[schema(value_type = Vec<Object>)]
    skipped: Vec<Value>,
    /// How long it took.
    seconds: Option<f64>,
}

/// Looks for the cause behind a failing connection to this server.
///
/// One run at a time, and a few seconds each. It connects to this server, reads what this machine tells of it, and changes nothing.
#[utoipa::path(
    post, path = "/api/v1/doctor", tag = "doctor", request_body = Option<Asked>,
    responses((status = 200, body = Report)), security(("key" = []))
)]
async fn look(
    State(node): State<Arc<Node>>,
    _: Operator,
    headers: HeaderMap,
    Perhaps(asked): Perhaps<Asked>,
) -> Result<([(HeaderName, &'static str); 1], Json<Value>), Problem> {
    let token = match (asked.token, &asked.user) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("`token` or `user`, not both")),
        (None, Some(user)) => Some(token_of(&node, asked.tenant.as_ref(), user).await?),
        (token, None) => token,
    };
    let question = Question {
        chat: asked.chat,
        tenant: asked.tenant,
        token,
        lang: language(&headers),
        verbose: asked.verbose,
    };
    let report = node.surgery.ask(question).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(report)))
}

/// A token to connect as somebody with.
async fn token_of(node: &Node, tenant: Option<&TenantId>, user: &UserId) -> Result<SecretString, Problem> {
    let tenant = tenant.or(node.settings.server.default_tenant.as_ref());
    let tenant =
        tenant.ok_or_else(|| Problem::new(Cause::TenantMissing, "say of which tenant the user is"))?;
    let key = UserKey {
        tenant: tenant.clone(),
        user: user.clone(),
    };
    let user = find(node, &key).await?;
    let token = node
        .auth
        .accounts
        .issue_access(&user, TOKEN_LIFE, node.auth.now())?;
    Ok(token.into())
}

impl From<NoReport> for Problem {
    fn from(why: NoReport) -> Self {
        let cause = match why {
            NoReport::Absent => Cause::NotFound,
            NoReport::Busy => Cause::RateLimited,
            NoReport::Late => Cause::Overloaded,
            NoReport::Crashed => Cause::InternalError,
        };
        Self::new(cause, why.to_string())
    }
}
