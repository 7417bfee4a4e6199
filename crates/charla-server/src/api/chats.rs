//! `/api/v1/chats`: chats themselves: made, found, closed and opened again.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use charla_core::{Limit, RoomKey};
use charla_wire::{Cause, ChatId, UserId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Perhaps, With};
use super::caller::{BackEnd, Caller};
use super::problem::Problem;
use super::shapes::Chat;
use crate::node::Node;

/// Chats of a page at most, and unless the address says otherwise.
const PAGE_MAX: usize = 200;
const PAGE: usize = 50;
/// Bytes of a title.
const TITLE_MAX: usize = 256;
/// Bytes of a reason to close.
const REASON_MAX: usize = 512;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put))
        .routes(routes!(close))
        .routes(routes!(reopen))
}

/// A chat to be made or changed.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct ChatChange {
    /// Its title for people; a new chat without one is called by its id.
    title: Option<String>,
    /// Who belongs to it besides those who do already.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    members: Vec<UserId>,
}

/// An end, or a new beginning.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct Closing {
    /// Why, for everybody in the chat to read.
    reason: Option<String>,
    /// In whose name a back end does it; its own if absent.
    #[schema(value_type = Option<String>)]
    by: Option<UserId>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChatPage {
    /// Only those behind this id: the `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<ChatId>,
    /// At most so many; 50 if absent, 200 at most.
    limit: Option<usize>,
}

/// A page of chats by id.
#[derive(Serialize, ToSchema)]
struct Chats {
    /// The chats.
    chats: Vec<Chat>,
    /// Where the next page begins, if there may be one.
    #[schema(value_type = Option<String>)]
    next: Option<ChatId>,
}

/// Lists the tenant's chats.
#[utoipa::path(get, path = "/api/v1/chats", tag = "chats", params(ChatPage), responses((status = 200, body = Chats)))]
async fn list(
    State(node): State<Arc<Node>>,
    caller: Caller,
    With(page): With<ChatPage>,
) -> Result<Json<Chats>, Problem> {
    caller.check_staff()?;
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let chats = node
        .store
        .chats(caller.tenant(), page.after.as_ref(), limit)
        .await?;
    let is_full = chats.len() == limit;
    let next = chats.last().filter(|_| is_full).map(|chat| chat.key.chat.clone());
    Ok(Json(Chats {
        chats: chats.into_iter().map(Chat::from).collect(),
        next,
    }))
}

/// Finds a chat.
#[utoipa::path(
    get, path = "/api/v1/chats/{chat}", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id")), responses((status = 200, body = Chat))
)]
async fn get(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
) -> Result<Json<Chat>, Problem> {
    let grant = caller.enter(&node, &chat, None).await?;
    let chat = node.store.chat(grant.room()).await?;
    chat.map(|chat| Json(chat.into()))
        .ok_or_else(Problem::chat_not_found)
}

/// Makes a chat, or changes one: the same request again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/chats/{chat}", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id: 1 to 64 of `A-Z a-z 0-9 _ -`")),
    request_body = Option<ChatChange>,
    responses((status = 200, body = Chat), (status = 201, description = "made now", body = Chat)), security(("key" = []))
)]
async fn put(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(chat): At<ChatId>,
    Perhaps(change): Perhaps<ChatChange>,
) -> Result<Response, Problem> {
    check_words("title", change.title.as_deref(), TITLE_MAX)?;
    let room = Caller::BackEnd(back_end).room(chat);
    check_number(&node, &room).await?;
    let put = node.store.put_chat(&room, change.title.as_deref()).await?;
    let (chat, is_new) = put.ok_or_else(Problem::tenant_not_found)?;
    for member in &change.members {
        node.store.put_member(&room, member).await?;
    }
    Ok(made(is_new, Chat::from(chat)))
}

/// One more chat may be made, or this is none more.
async fn check_number(node: &Node, room: &RoomKey) -> Result<(), Problem> {
    let most = node.limits.of(&room.tenant).settings.chats_per_tenant;
    if most == 0 || node.store.chat(room).await?.is_some() {
        return Ok(());
    }
    let there_are = node.store.chat_count(&room.tenant).await?;
    if there_are < u64::try_from(most).unwrap_or(u64::MAX) {
        return Ok(());
    }
    let limit = Limit::ChatsPerTenant;
    node.note_limit(limit, Some(&room.tenant));
    let detail = format!("{there_are} chats; {limit} = {most}");
    Err(Problem::new(Cause::ChatLimit, detail))
}

/// Closes a chat: nobody can send until it is opened again.
#[utoipa::path(
    post, path = "/api/v1/chats/{chat}/close", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id")),
    request_body = Option<Closing>, responses((status = 200, body = Chat))
)]
async fn close(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
    Perhaps(closing): Perhaps<Closing>,
) -> Result<Json<Chat>, Problem> {
    caller.check_staff()?;
    check_words("reason", closing.reason.as_deref(), REASON_MAX)?;
    let author = caller.author(&node, closing.by.as_ref()).await?;
    let closed = node
        .close_chat(&caller.room(chat), &author, closing.reason.as_deref())
        .await?;
    closed
        .map(|chat| Json(chat.into()))
        .ok_or_else(Problem::chat_not_found)
}

/// Opens a chat again.
#[utoipa::path(
    post, path = "/api/v1/chats/{chat}/reopen", tag = "chats",
    params(("chat" = String, Path, description = "the chat's id")),
    request_body = Option<Closing>, responses((status = 200, body = Chat))
)]
async fn reopen(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
    Perhaps(opening): Perhaps<Closing>,
) -> Result<Json<Chat>, Problem> {
    caller.check_staff()?;
    let author = caller.author(&node, opening.by.as_ref()).await?;
    let opened = node.reopen_chat(&caller.room(chat), &author).await?;
    opened
        .map(|chat| Json(chat.into()))
        .ok_or_else(Problem::chat_not_found)
}

/// 201 for what is new, 200 for what was there.
pub(super) fn made<T: Serialize>(is_new: bool, value: T) -> Response {
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    (status, Json(value)).into_response()
}

/// Goes on if words for people are there to be read, or not there at all.
pub(super) fn check_words(field: &str, words: Option<&str>, max: usize) -> Result<(), Problem> {
    match words {
        Some(words) if words.trim().is_empty() => Err(Problem::bad_request(format!("`{field}` is empty"))),
        Some(words) if words.len() > max => Err(Problem::bad_request(format!(
            "`{field}` has {} bytes, {max} are allowed",
            words.len()
        ))),
        Some(_) | None => Ok(()),
    }
}

/// An id for a chat that is made without one.
pub(super) fn new_chat_id() -> Result<ChatId, Problem> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    ChatId::parse(&id).map_err(|_| Problem::new(Cause::InternalError, ""))
}
