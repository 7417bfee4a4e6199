//! `/api/v1/loops`: the clients that repeat themselves, for whoever has the operator's key.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_core::Millis;
use charla_core::loops::Seen;
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use http::{HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::overseer::Overseer;
use super::problem::Problem;
use crate::loops::{Key, Who};
use crate::node::Node;

/// How many are listed.
const LISTED: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who repeats the same refused question.
#[derive(Serialize, ToSchema)]
struct LoopList {
    /// Those that wait first, then by their count. At most 100.
    loops: Vec<Loop>,
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct Loop {
    /// What is counted: `credential` (a token or ticket), `question` (one at a chat, tenant and origin), `conduct` (the same, let
    /// in and ended at once), `address` or `user`.
    #[schema(value_type = String, example = "credential")]
    kind: &'static str,
    /// The first eight digits of the credential's or question's hash; `null` for an address or a user.
    #[schema(example = "5f0c9a1e")]
    fingerprint: Option<String>,
    /// The user's tenant, as proved, or as the address has it.
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// Who, where the token's signature is good; on other nodes than the one that judged it perhaps only after the second wait.
    #[schema(value_type = Option<String>, example = "ana")]
    user: Option<UserId>,
    /// The chat that was asked for last.
    #[schema(value_type = Option<String>, example = "5")]
    chat: Option<ChatId>,
    /// Where from, the last time.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    address: Option<IpAddr>,
    /// What it was refused for, the last time.
    #[schema(example = "token_expired")]
    cause: &'static str,
    /// How often it came in the last minute, as far as all nodes told.
    count: u32,
    /// When it was first refused.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Until when it is answered `loop_detected`; `null` while it is only counted.
    #[schema(value_type = Option<String>, format = DateTime)]
    wait_until: Option<Timestamp>,
    /// How often it has waited in a row.
    waits: u32,
    /// How often this node answered it without judging it.
    saved: u64,
}

/// Lists the clients that repeat themselves.
///
/// All nodes' counts together, as this node heard of them. A user is listed where its refusals add up, and is never held back itself.
#[utoipa::path(get, path = "/api/v1/loops", tag = "loops", responses((status = 200, body = LoopList)), security(("key" = [])))]
async fn list(
    State(node): State<Arc<Node>>,
    _: Overseer,
) -> Result<([(HeaderName, &'static str); 1], Json<LoopList>), Problem> {
    let now = node.uptime.now();
    let at = (node.clock)();
    let worst = node.loops.worst(LISTED, now);
    let list = LoopList {
        loops: worst.into_iter().map(|seen| Loop::of(seen, now, at)).collect(),
        at,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(list)))
}

impl Loop {
    fn of(seen: Seen<Key, Who>, now: Millis, at: Timestamp) -> Self {
        let who = seen.note.unwrap_or_default();
        let (fingerprint, address, user) = match &seen.key {
            Key::Credential(print) | Key::Question(print) | Key::Conduct(print) => {
                (Some(print.to_string()), who.address, None)
            }
            Key::Address(address) => (None, Some(*address), None),
            Key::User(user) => (None, who.address, Some(user)),
        };
        let is_crowd = matches!(seen.key, Key::Address(_));
        // Of many behind one address the last says nothing about the others.
        let who_else = Some(who).filter(|_| !is_crowd).unwrap_or_default();
        let moment = |millis: Millis| {
            let ahead = i64::try_from(millis).unwrap_or(i64::MAX) - i64::try_from(now).unwrap_or(i64::MAX);
            Timestamp::from_millis(at.as_millis().saturating_add(ahead))
        };
        Self {
            kind: seen.key.kind(),
            fingerprint,
            tenant: user.map(|user| user.tenant.clone()).or(who_else.tenant),
            user: user.map(|user| user.user.clone()).or(who_else.user),
            chat: who_else.chat,
            address,
            cause: seen.cause.id(),
            count: seen.count,
            since: moment(seen.since),
            wait_until: seen.until.map(moment),
            waits: seen.waits,
            saved: seen.saved,
        }
    }
}
