//! `/api/v1/authority/forget`: the application takes back what it said of who may enter, before its time is over.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::extract::State;
use charla_wire::{ChatId, UserId};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::Perhaps;
use super::caller::BackEnd;
use super::problem::Problem;
use crate::authority::Forgotten;
use crate::node::Node;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(forget))
}

/// Which answers count no more; without user and chat all of the tenant's.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct Forget {
    /// Those about this user.
    #[schema(value_type = Option<String>, example = "42")]
    user: Option<UserId>,
    /// Those about this chat.
    #[schema(value_type = Option<String>, example = "5")]
    chat: Option<ChatId>,
}

/// Drops what the authority said, on all nodes, and asks it again about those who are in the rooms now.
///
/// Whoever may not be there any more is sent away with not_a_member. Without an authority of the application's nothing happens.
#[utoipa::path(
    post, path = "/api/v1/authority/forget", tag = "authority",
    request_body = Option<Forget>, responses((status = 204)), security(("key" = []))
)]
async fn forget(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    Perhaps(which): Perhaps<Forget>,
) -> Result<StatusCode, Problem> {
    node.forget_answers(Forgotten {
        tenant: back_end.tenant,
        user: which.user,
        chat: which.chat,
    });
    Ok(StatusCode::NO_CONTENT)
}
