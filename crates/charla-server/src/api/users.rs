//! `/api/v1/users`: a tenant's people: made, changed, blocked, signed out, disconnected.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use charla_core::UserKey;
use charla_wire::{Cause, ChatId, UserId};
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, Given, Perhaps, With};
use super::caller::{BackEnd, Caller};
use super::chats::{check_words, made, new_chat_id};
use super::problem::Problem;
use super::shapes::{Chat, RoleWord, User};
use crate::listen::ClientAddress;
use crate::node::Node;
use crate::store::{self, UserChange};

/// Users of a page at most, and unless the address says otherwise.
const PAGE_MAX: usize = 200;
const PAGE: usize = 50;
/// Bytes of a name.
const NAME_MAX: usize = 256;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put, remove))
        .routes(routes!(set_password))
        .routes(routes!(sign_out))
        .routes(routes!(disconnect))
        .routes(routes!(support_chat))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UserPage {
    /// Only those behind this id: the `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<UserId>,
    /// At most so many; 50 if absent, 200 at most.
    limit: Option<usize>,
}

/// A page of users by id.
#[derive(Serialize, ToSchema)]
struct Users {
    /// The users, but for deleted ones.
    users: Vec<User>,
    /// Where the next page begins, if there may be one.
    #[schema(value_type = Option<String>)]
    next: Option<UserId>,
}

/// Whether a user is to be let in.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum NewState {
    /// Yes.
    Active,
    /// No, until unblocked; its connections end.
    Blocked,
}

/// A user to be made or changed; what is absent stays as it is.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
struct Change {
    /// The name for people; a new user without one is called by its id.
    name: Option<String>,
    /// What it may do; a new user without one is a member.
    role: Option<RoleWord>,
    /// Whether it is let in.
    state: Option<NewState>,
    /// A password to sign in with at `/api/token/`; it ends all tokens of the user.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

/// A password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The new one.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Which connections to end.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
struct Connections {
    /// Only those that hear this chat; all if absent.
    #[schema(value_type = Option<String>)]
    chat: Option<ChatId>,
}

/// Lists the tenant's users.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(UserPage), responses((status = 200, body = Users)))]
async fn list(
    State(node): State<Arc<Node>>,
    caller: Caller,
    With(page): With<UserPage>,
) -> Result<Json<Users>, Problem> {
    caller.check_staff()?;
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let users = node
        .store
        .users(caller.tenant(), page.after.as_ref(), limit)
        .await?;
    let is_full = users.len() == limit;
    let next = users.last().filter(|_| is_full).map(|user| user.key.user.clone());
    Ok(Json(Users {
        users: users.into_iter().map(User::from).collect(),
        next,
    }))
}

/// Finds a user.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "the user's id")), responses((status = 200, body = User))
)]
async fn get(
    State(node): State<Arc<Node>>,
    caller: Caller,
    At(id): At<UserId>,
) -> Result<Json<User>, Problem> {
    caller.check_staff()?;
    Ok(Json(find(&node, &caller.user_key(&id)).await?.into()))
}

/// Makes a user, or changes one. Blocking ends its connections.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "the user's id: the one in its tokens")),
    request_body = Option<Change>,
    responses((status = 200, body = User), (status = 201, description = "made now", body = User)), security(("key" = []))
)]
async fn put(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(id): At<UserId>,
    Perhaps(change): Perhaps<Change>,
) -> Result<Response, Problem> {
    check_words("name", change.name.as_deref(), NAME_MAX)?;
    let key = back_end.user_key(id);
    let known = node.store.user(&key).await?;
    if known.is_some_and(|user| user.state == store::UserState::Deleted) {
        return Err(Problem::new(
            Cause::Conflict,
            "this user was deleted; its id stays taken, for its messages' sake",
        ));
    }
    let stored = UserChange {
        name: change.name,
        role: change.role.map(RoleWord::into),
        state: change.state.map(|state| match state {
            NewState::Active => store::UserState::Active,
            NewState::Blocked => store::UserState::Blocked,
        }),
        ..UserChange::default()
    };
    let put = node.put_user(&key, stored).await?;
    let (mut user, is_new) = put.ok_or_else(Problem::tenant_not_found)?;
    if let Some(password) = change.password {
        end_tokens(&node, &key, Some(password)).await?;
        user = find(&node, &key).await?;
    }
    Ok(made(is_new, User::from(user)))
}

/// Deletes a user for good: its messages stay, its tokens and connections end.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "the user's id")), responses((status = 204)), security(("key" = []))
)]
async fn remove(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(id): At<UserId>,
) -> Result<StatusCode, Problem> {
    let key = back_end.user_key(id);
    find(&node, &key).await?;
    let change = UserChange {
        state: Some(store::UserState::Deleted),
        ..UserChange::default()
    };
    node.put_user(&key, change).await?;
    node.store.revoke_refresh(&key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a user another password and ends all its tokens and connections.
#[utoipa::path(
    put, path = "/api/v1/users/{id}/password", tag = "users",
    params(("id" = String, Path, description = "the user's id")),
    request_body = Password, responses((status = 204)), security(("key" = []))
)]
async fn set_password(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(id): At<UserId>,
    Given(new): Given<Password>,
) -> Result<StatusCode, Problem> {
    end_tokens(&node, &back_end.user_key(id), Some(new.password)).await
}

/// Signs a user out everywhere: every token made before now is refused, every connection ends.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/sign-out", tag = "users",
    params(("id" = String, Path, description = "the user's id")), responses((status = 204)), security(("key" = []))
)]
async fn sign_out(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(id): At<UserId>,
) -> Result<StatusCode, Problem> {
    end_tokens(&node, &back_end.user_key(id), None).await
}

/// Ends a user's connections; with the same token it may come back.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/disconnect", tag = "users",
    params(("id" = String, Path, description = "the user's id")),
    request_body = Option<Connections>, responses((status = 204)), security(("key" = []))
)]
async fn disconnect(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    At(id): At<UserId>,
    Perhaps(which): Perhaps<Connections>,
) -> Result<StatusCode, Problem> {
    let label = back_end.key.label.clone();
    let key = back_end.user_key(id);
    find(&node, &key).await?;
    tracing::warn!(
        target: "charla::audit", by = format_args!("key {label:?}"), action = "disconnect", %address,
        whom = format_args!("user {:?} of {}", key.user.as_str(), key.tenant), "a back end acts"
    );
    node.disconnect(&key, which.chat, Cause::DisconnectedByOperator);
    Ok(StatusCode::NO_CONTENT)
}

/// Finds a customer's support chat, or makes it; the customer too, if unknown.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/support-chat", tag = "users",
    params(("id" = String, Path, description = "the customer's id")),
    responses((status = 200, body = Chat), (status = 201, description = "made now", body = Chat)), security(("key" = []))
)]
async fn support_chat(
    State(node): State<Arc<Node>>,
    back_end: BackEnd,
    At(id): At<UserId>,
) -> Result<Response, Problem> {
    let found = node
        .store
        .support_chat(&back_end.user_key(id), &new_chat_id()?)
        .await?;
    let (chat, is_new) = found.ok_or_else(Problem::tenant_not_found)?;
    Ok(made(is_new, Chat::from(chat)))
}

/// A user who is there.
pub(super) async fn find(node: &Node, key: &UserKey) -> Result<store::User, Problem> {
    let user = node.store.user(key).await?;
    user.filter(|user| user.state != store::UserState::Deleted)
        .ok_or_else(|| Problem::not_found(format!("there is no user {}", key.user)))
}

async fn end_tokens(
    node: &Node,
    key: &UserKey,
    password: Option<SecretString>,
) -> Result<StatusCode, Problem> {
    find(node, key).await?;
    let (accounts, now) = (&node.auth.accounts, (node.clock)());
    match password {
        Some(password) => accounts.set_password(key, password, now).await?,
        None => accounts.sign_out_everywhere(key, now).await?,
    };
    node.disconnect(key, None, Cause::TokenRevoked);
    Ok(StatusCode::NO_CONTENT)
}
