//! Notifications: notes of the application to one person, shown wherever that person is connected.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use charla_wire::{Timestamp, UserId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Given, With};
use super::caller::{BackEnd, Person};
use super::chats::{check_words, made};
use super::problem::Problem;
use super::shapes::raw;
use super::users::find;
use crate::node::Node;
use crate::store;

/// Notifications of a list at most.
const LIST_MAX: usize = 200;
/// Bytes of the application's word for a kind.
const KIND_MAX: usize = 64;
/// Bytes of an address.
const URL_MAX: usize = 2048;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(notify))
        .routes(routes!(list))
        .routes(routes!(read))
}

/// A note to a person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    /// The application's word for what kind it is; `info` if absent.
    #[serde(default = "info")]
    #[schema(required = false, example = "order")]
    kind: String,
    /// The words.
    text: String,
    /// Where it leads.
    url: Option<String>,
    /// The application's own JSON.
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
}

fn info() -> String {
    "info".to_owned()
}

/// A notification.
#[derive(Serialize, ToSchema)]
struct Notification {
    /// Its number, growing within the tenant.
    id: u64,
    /// The application's word for what kind it is.
    kind: String,
    /// The words.
    text: String,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The application's own JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Whether the person has seen it.
    read: bool,
}

impl From<store::Notification> for Notification {
    fn from(note: store::Notification) -> Self {
        Self {
            id: note.id,
            kind: note.kind,
            text: note.text,
            url: note.url,
            data: note.data.as_deref().and_then(raw),
            created_at: note.created_at,
            read: note.read,
        }
    }
}

/// My notifications.
#[derive(Serialize, ToSchema)]
struct Notifications {
    /// Newest first.
    notifications: Vec<Notification>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Most {
    /// At most so many; 50 if absent, 200 at most.
    limit: Option<usize>,
}

/// Sends a person a note; it is kept, and shown at once where the person is connected.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/notifications", tag = "notifications",
    params(("id" = String, Path, description = "the user's id")), request_body = Note,
    responses((status = 201, body = Notification)), security(("key" = []))
)]
async fn notify(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(id): At<UserId>,
    Given(note): Given<Note>,
) -> Result<Response, Problem> {
    let limits = &node.limits.of(&back_end.tenant).settings;
    check_words("kind", Some(&note.kind), KIND_MAX)?;
    check_words("text", Some(&note.text), limits.text_bytes)?;
    check_words("url", note.url.as_deref(), URL_MAX)?;
    let data = note.data.as_deref().map(RawValue::get);
    check_words("data", data, limits.data_bytes)?;
    let key = back_end.user_key(id);
    find(&node, &key).await?;
    let note = store::Notification {
        // The store numbers it.
        id: 0,
        created_at: (node.clock)(),
        kind: note.kind,
        text: note.text,
        url: note.url,
        data: data.map(Into::into),
        read: false,
    };
    let stored = node.notify(&key, note).await?;
    let stored = stored.ok_or_else(|| Problem::not_found(format!("there is no user {}", key.user)))?;
    Ok(made(true, Notification::from(stored)))
}

/// Lists my notifications.
#[utoipa::path(get, path = "/api/v1/me/notifications", tag = "me", params(Most), responses((status = 200, body = Notifications)), security(("token" = [])))]
async fn list(
    State(node): State<Arc<Node>>,
    Person { visitor, .. }: Person,
    With(most): With<Most>,
) -> Result<Json<Notifications>, Problem> {
    let limit = most.limit.unwrap_or(50).clamp(1, LIST_MAX);
    let notes = node.store.notifications(&visitor.key, limit).await?;
    Ok(Json(Notifications {
        notifications: notes.into_iter().map(Notification::from).collect(),
    }))
}

/// Marks one of my notifications as seen.
#[utoipa::path(
    post, path = "/api/v1/me/notifications/{id}/read", tag = "me",
    params(("id" = u64, Path, description = "the notification's number")), responses((status = 204)), security(("token" = []))
)]
async fn read(
    State(node): State<Arc<Node>>,
    Person { visitor, .. }: Person,
    At(id): At<u64>,
) -> Result<StatusCode, Problem> {
    let there = i64::try_from(id).is_ok() && node.store.read_notification(&visitor.key, id).await?;
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no notification {id}")))
    }
}
