//! `/api/v1/chats/{chat}/messages`: read, posted, edited and deleted, by the same rules as over a socket.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use charla_core::Seq;
use charla_wire::{Cause, ChatId, UserId};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::asked::{At, Given, Perhaps, With};
use super::caller::Caller;
use super::chats::made;
use super::problem::Problem;
use super::shapes::Message;
use crate::node::Node;
use crate::settings::LimitSettings;
use crate::store::{Appended, Changed, Page};
use crate::telemetry;

/// Messages of a page, unless the address says otherwise.
const PAGE: usize = 50;
/// The greatest number that every reader of JSON can hold (RFC 8259, section 6).
const SEQ_MAX: Seq = (1 << 53) - 1;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(history, post))
        .routes(routes!(edit, delete))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those before this number, the nearest ones.
    before: Option<u64>,
    /// Only those after this number, the nearest ones.
    after: Option<u64>,
    /// At most so many; 50 if absent. The server's own limit holds above it.
    limit: Option<usize>,
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
struct History {
    /// Oldest first.
    messages: Vec<Message>,
    /// Whether there are more in the direction asked for: newer ones with `after`, else older ones.
    more: bool,
}

/// A message to be posted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Post {
    /// Made by the sender: the same message again is stored once. The server makes one if absent.
    #[schema(value_type = Option<String>, format = "uuid")]
    id: Option<Uuid>,
    /// In whose name a back end posts. A person posts in its own.
    #[schema(value_type = Option<String>, example = "42")]
    author: Option<UserId>,
    /// The words.
    #[serde(default)]
    text: String,
    /// The application's own JSON.
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
}

/// New words for a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Edit {
    /// The words.
    text: String,
    /// In whose name a back end does it; its own if absent.
    #[schema(value_type = Option<String>)]
    by: Option<UserId>,
}

/// The end of a message.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct Deletion {
    /// In whose name a back end does it; its own if absent.
    #[schema(value_type = Option<String>)]
    by: Option<UserId>,
}

/// A message as it is now.
#[derive(Serialize, ToSchema)]
struct ChangedMessage {
    /// The chat's revision after the change.
    rev: u64,
    /// The message.
    message: Message,
}

/// Reads messages: the latest, or those before or after a number.
#[utoipa::path(
    get, path = "/api/v1/chats/{chat}/messages", tag = "messages",
    params(("chat" = String, Path, description = "the chat's id"), Which), responses((status = 200, body = History))
)]
async fn history(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
    With(which): With<Which>,
) -> Result<Json<History>, Problem> {
    let page = match (which.before, which.after) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("`before` or `after`, not both")),
        (Some(seq), _) | (_, Some(seq)) if seq > SEQ_MAX => {
            return Err(Problem::bad_request(format!("no message has the number {seq}")));
        }
        (Some(before), None) => Page::Before(before),
        (None, Some(after)) => Page::After(after),
        (None, None) => Page::Latest,
    };
    let limit = which
        .limit
        .unwrap_or(PAGE)
        .clamp(1, node.limits.of(caller.tenant()).settings.history_page);
    let grant = caller.enter(&node, &chat, None).await?;
    // One more than asked for shows whether there are more: old ones may be swept, whatever the numbers say.
    let mut messages = node.store.messages(grant.room(), page, limit + 1).await?;
    let more = messages.len() > limit;
    match page {
        Page::Latest | Page::Before(_) => drop(messages.drain(..messages.len().saturating_sub(limit))),
        Page::After(_) => messages.truncate(limit),
    }
    Ok(Json(History {
        messages: messages.into_iter().map(Message::from).collect(),
        more,
    }))
}

/// Posts a message. The same id by the same author again answers 200 with the message as it was stored.
#[utoipa::path(
    post, path = "/api/v1/chats/{chat}/messages", tag = "messages",
    params(("chat" = String, Path, description = "the chat's id")), request_body = Post,
    responses((status = 201, description = "stored now", body = Message), (status = 200, description = "stored before", body = Message))
)]
async fn post(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(chat): At<ChatId>,
    headers: HeaderMap,
    Given(wanted): Given<Post>,
) -> Result<Response, Problem> {
    let data = wanted
        .data
        .as_deref()
        .map(RawValue::get)
        .filter(|data| *data != "null");
    let limits = &node.limits.of(caller.tenant()).settings;
    check_message(limits, &wanted.text, data)?;
    let grant = caller.enter(&node, &chat, wanted.author.as_ref()).await?;
    let bytes = wanted.text.len() + data.map_or(0, str::len);
    let (shares, now) = (&node.limits.shares, node.uptime.now());
    let taken = shares.send(caller.tenant(), caller.person(), bytes, limits, now);
    taken.map_err(|wait| Problem::too_fast(&node, Some(caller.tenant()), wait))?;
    let id = wanted.id.unwrap_or_else(Uuid::now_v7);
    let draft = grant.draft(id, &wanted.text, data);
    // Whoever holds a key is the operator's own.
    let is_believed = matches!(caller, Caller::BackEnd(_));
    let mut span = node.telemetry.asked("send", &headers, is_believed);
    if let Some(span) = &mut span {
        telemetry::describe(span, &draft);
    }
    Ok(match node.post_of(draft, span).await? {
        Appended::New(stored) => made(true, Message::from(stored)),
        Appended::Repeated(stored) => made(false, Message::from(stored)),
    })
}

/// Gives a message other words: one's own, or any for staff.
#[utoipa::path(
    patch, path = "/api/v1/chats/{chat}/messages/{seq}", tag = "messages",
    params(("chat" = String, Path, description = "the chat's id"), ("seq" = u64, Path, description = "the message's number")),
    request_body = Edit, responses((status = 200, body = ChangedMessage))
)]
async fn edit(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At((chat, seq)): At<(ChatId, Seq)>,
    Given(wanted): Given<Edit>,
) -> Result<Json<ChangedMessage>, Problem> {
    let limits = &node.limits.of(caller.tenant()).settings;
    check_message(limits, &wanted.text, None)?;
    let grant = caller.enter(&node, &chat, wanted.by.as_ref()).await?;
    let (shares, now) = (&node.limits.shares, node.uptime.now());
    let taken = shares.rewrite(caller.tenant(), wanted.text.len(), limits, now);
    taken.map_err(|wait| Problem::too_fast(&node, Some(caller.tenant()), wait))?;
    told(node.edit(&grant, known(seq)?, &wanted.text).await?)
}

/// Takes a message's words back: one's own, or any for staff.
#[utoipa::path(
    delete, path = "/api/v1/chats/{chat}/messages/{seq}", tag = "messages",
    params(("chat" = String, Path, description = "the chat's id"), ("seq" = u64, Path, description = "the message's number")),
    request_body = Option<Deletion>, responses((status = 200, body = ChangedMessage))
)]
async fn delete(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At((chat, seq)): At<(ChatId, Seq)>,
    Perhaps(wanted): Perhaps<Deletion>,
) -> Result<Json<ChangedMessage>, Problem> {
    let grant = caller.enter(&node, &chat, wanted.by.as_ref()).await?;
    told(node.delete(&grant, known(seq)?).await?)
}

fn known(seq: Seq) -> Result<Seq, Problem> {
    if (1..=SEQ_MAX).contains(&seq) {
        Ok(seq)
    } else {
        Err(Problem::new(Cause::MessageNotFound, ""))
    }
}

fn told(changed: Changed) -> Result<Json<ChangedMessage>, Problem> {
    match changed {
        Changed::Done { rev, message } => Ok(Json(ChangedMessage {
            rev,
            message: message.into(),
        })),
        Changed::NotFound => Err(Problem::new(Cause::MessageNotFound, "")),
        Changed::Forbidden => Err(Problem::new(Cause::EditForbidden, "")),
        Changed::HistoryRefused => Err(Problem::new(Cause::HistoryRefused, "")),
    }
}

/// The rule of a send over a socket.
fn check_message(limits: &LimitSettings, text: &str, data: Option<&str>) -> Result<(), Problem> {
    if text.trim().is_empty() && data.is_none() {
        return Err(Problem::bad_request("`text` is empty and there is no `data`"));
    }
    for (field, is, max) in [
        ("text", text.len(), limits.text_bytes),
        ("data", data.map_or(0, str::len), limits.data_bytes),
    ] {
        if is > max {
            let detail = format!("`{field}` has {is} bytes, {max} are allowed");
            return Err(Problem::new(Cause::MessageTooLong, detail));
        }
    }
    Ok(())
}
