//! `/api/v1/me`: what is one's own: name, list of chats, support chat.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use charla_core::Role;
use charla_wire::{ChatId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::With;
use super::caller::Person;
use super::chats::{made, new_chat_id};
use super::problem::Problem;
use super::shapes::{Chat, ChatState, Me, Message, RoleWord};
use crate::node::Node;
use crate::store::InboxLine;

/// Chats of a list, unless the address asks for fewer.
const CHATS_MAX: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(my_chats))
        .routes(routes!(my_support_chat))
}

/// Who I am.
#[derive(Serialize, ToSchema)]
struct WhoIAm {
    /// As whom the token lets in.
    user: Me,
    /// Whose user that is.
    #[schema(value_type = String, example = "demo")]
    tenant: TenantId,
}

/// One of my chats.
#[derive(Serialize, ToSchema)]
struct MyChat {
    /// Its id.
    #[schema(value_type = String, example = "5")]
    chat: ChatId,
    /// Its title.
    #[schema(value_type = String)]
    title: Arc<str>,
    /// Whether it takes messages.
    state: ChatState,
    /// What I may do in it.
    role: RoleWord,
    /// The number of its last message.
    seq: u64,
    /// Messages that I have not read.
    unread: u64,
    /// The last message.
    last: Option<Message>,
}

/// My chats, the one that moved last first.
#[derive(Serialize, ToSchema)]
struct MyChats {
    /// At most 200.
    chats: Vec<MyChat>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Most {
    /// At most so many.
    limit: Option<usize>,
}

/// Tells who the token names.
#[utoipa::path(get, path = "/api/v1/me", tag = "me", responses((status = 200, body = WhoIAm)), security(("token" = [])))]
async fn me(Person { visitor, .. }: Person) -> Json<WhoIAm> {
    Json(WhoIAm {
        user: Me {
            id: visitor.key.user,
            name: visitor.name,
            role: visitor.role.into(),
        },
        tenant: visitor.key.tenant,
    })
}

/// Lists my chats with what I have not read; an agent's are all of the tenant.
#[utoipa::path(get, path = "/api/v1/me/chats", tag = "me", params(Most), responses((status = 200, body = MyChats)), security(("token" = [])))]
async fn my_chats(
    State(node): State<Arc<Node>>,
    Person { visitor, .. }: Person,
    With(most): With<Most>,
) -> Result<Json<MyChats>, Problem> {
    let limit = most.limit.unwrap_or(CHATS_MAX).clamp(1, CHATS_MAX);
    let sees_all = visitor.role == Role::Agent;
    let mut inbox = node.store.inbox(&visitor.key, sees_all, limit).await?;
    if !sees_all {
        let chats = inbox.iter().map(|line| line.chat.key.chat.clone()).collect();
        let confirmed = node.confirmed(&visitor.key, chats).await?;
        inbox.retain(|line| confirmed.contains(&line.chat.key.chat));
    }
    let line = |line: InboxLine| MyChat {
        state: ChatState::of(&line.chat),
        role: visitor.role.into(),
        seq: line.chat.last_seq,
        unread: line.chat.last_seq.saturating_sub(line.read_seq),
        last: line.last.map(Message::from),
        chat: line.chat.key.chat,
        title: line.chat.title,
    };
    Ok(Json(MyChats {
        chats: inbox.into_iter().map(line).collect(),
    }))
}

/// Finds my support chat, or makes it.
#[utoipa::path(
    post, path = "/api/v1/me/support-chat", tag = "me",
    responses((status = 200, body = Chat), (status = 201, description = "made now", body = Chat)), security(("token" = []))
)]
async fn my_support_chat(
    State(node): State<Arc<Node>>,
    Person { visitor, .. }: Person,
) -> Result<Response, Problem> {
    if !node.authority.is_builtin() {
        return Err(Problem::forbidden(
            "the application makes the chats here (`authority.kind`)",
        ));
    }
    let found = node.store.support_chat(&visitor.key, &new_chat_id()?).await?;
    let (chat, is_new) = found.ok_or_else(Problem::tenant_not_found)?;
    Ok(made(is_new, Chat::from(chat)))
}
