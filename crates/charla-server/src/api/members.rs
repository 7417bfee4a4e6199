//! `/api/v1/chats/{chat}/members`: who belongs to a chat.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use charla_wire::{ChatId, Timestamp, UserId};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::At;
use super::caller::Caller;
use super::problem::Problem;
use crate::node::Node;
use crate::store;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(put, remove))
}

/// Somebody's place in a chat.
#[derive(Serialize, ToSchema)]
struct Member {
    /// Who.
    #[schema(value_type = String, example = "42")]
    id: UserId,
    /// The name for people.
    #[schema(value_type = String, example = "Ana")]
    name: Arc<str>,
    /// The last message that it has read.
    read_seq: u64,
    /// Since when it belongs to the chat.
    #[schema(value_type = String, format = DateTime)]
    joined_at: Timestamp,
}

impl From<store::Member> for Member {
    fn from(member: store::Member) -> Self {
        Self {
            id: member.user,
            name: member.name,
            read_seq: member.read_seq,
            joined_at: member.joined_at,
        }
    }
}

/// Who belongs to a chat.
#[derive(Serialize, ToSchema)]
struct Members {
    /// By id.
    members: Vec<Member>,
}

/// Lists a chat's members.
#[utoipa::path(
    get, path = "/api/v1/chats/{chat}/members", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id")), responses((status = 200, body = Members))
)]
async fn list(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
) -> Result<Json<Members>, Problem> {
    let grant = caller.enter(&node, &chat, None).await?;
    let members = node.store.members(grant.room()).await?;
    Ok(Json(Members {
        members: members.into_iter().map(Member::from).collect(),
    }))
}

/// Makes somebody a member; a user that is unknown is made.
#[utoipa::path(
    put, path = "/api/v1/chats/{chat}/members/{user}", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id"), ("user" = String, Path, description = "the user's id")),
    responses((status = 201, description = "a member from now on"), (status = 204, description = "was one already"))
)]
async fn put(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At((chat, user)): At<(ChatId, UserId)>,
) -> Result<StatusCode, Problem> {
    caller.check_staff()?;
    let put = node.store.put_member(&caller.room(chat), &user).await?;
    Ok(if put.ok_or_else(Problem::chat_not_found)? {
        StatusCode::CREATED
    } else {
        StatusCode::NO_CONTENT
    })
}

/// Ends a membership, and that person's connections to the chat.
#[utoipa::path(
    delete, path = "/api/v1/chats/{chat}/members/{user}", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id"), ("user" = String, Path, description = "the user's id")),
    responses((status = 204, description = "no member from now on"))
)]
async fn remove(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At((chat, user)): At<(ChatId, UserId)>,
) -> Result<StatusCode, Problem> {
    caller.check_staff()?;
    let room = caller.room(chat);
    if node.store.chat(&room).await?.is_none() {
        return Err(Problem::chat_not_found());
    }
    if !node.remove_member(&room, &user).await? {
        return Err(Problem::not_found(format!("{user} is no member of this chat")));
    }
    Ok(StatusCode::NO_CONTENT)
}
