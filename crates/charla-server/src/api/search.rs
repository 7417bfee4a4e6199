//! `/api/v1/chats/{chat}/search`: messages by their words, for whoever may read the chat.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_wire::ChatId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, With};
use super::caller::Caller;
use super::problem::Problem;
use super::shapes::Message;
use crate::node::Node;
use crate::search;

/// Messages of a page, unless the address says otherwise.
const PAGE: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(find))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The words: all must occur, the last one as a beginning. Accents and capitals do not count.
    q: String,
    /// Only messages before this number.
    before: Option<u64>,
    /// At most so many; 20 if absent. The server's own limit holds above it.
    limit: Option<usize>,
}

/// A message that was found.
#[derive(Serialize, ToSchema)]
struct Hit {
    /// The message.
    #[serde(flatten)]
    message: Message,
    /// Where the words stand in its text: from, and how many, in UTF-16 code units.
    hits: Vec<[usize; 2]>,
}

/// Messages that were found.
#[derive(Serialize, ToSchema)]
struct Found {
    /// Newest first.
    messages: Vec<Hit>,
    /// Whether there are older ones.
    more: bool,
    /// Whether all of the chat was looked through; else its oldest messages are still being prepared.
    complete: bool,
}

/// Finds messages by their words.
#[utoipa::path(
    get, path = "/api/v1/chats/{chat}/search", tag = "messages",
    params(("chat" = String, Path, description = "the chat's id"), Wanted), responses((status = 200, body = Found))
)]
async fn find(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
    With(wanted): With<Wanted>,
) -> Result<Json<Found>, Problem> {
    let grant = caller.enter(&node, &chat, None).await?;
    let query = search::query(&node, &wanted.q).map_err(|refusal| Problem::bad_request(refusal.detail))?;
    let limit = wanted.limit.unwrap_or(PAGE);
    let limit = limit.clamp(1, node.limits.of(caller.tenant()).settings.history_page);
    let found = node.search(grant.room(), &query, wanted.before, limit).await?;
    let hit = |message: charla_core::Stored| Hit {
        hits: query.hits(&message.draft.text),
        message: message.into(),
    };
    Ok(Json(Found {
        messages: found.messages.into_iter().map(hit).collect(),
        more: found.more,
        complete: found.complete,
    }))
}
