//! Who asks: an application's back end by its key, or a person by the token that opens sockets too.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use charla_core::grant::{self, CanEnter, Door, Visitor};
use charla_core::{Author, Limit, RoomKey, UserKey};
use charla_wire::{Cause, ChatId, TenantId, UserId};
use http::header;
use http::request::Parts;

use super::Api;
use super::problem::Problem;
use crate::auth::{API_KEY_PREFIX, Identity};
use crate::handshake;
use crate::join::as_known;
use crate::node::Node;
use crate::store::{ApiKey, Role};

/// The header that names a tenant for keys that may act for all.
const TENANT_HEADER: &str = "charla-tenant";
/// In front of every address that names a chat.
const CHATS: &str = "/api/v1/chats/";
/// Who a back end is in a chat where it acts in nobody's name.
const BACK_END_ID: &str = "api";

/// A person, by its token.
pub(super) struct Person {
    /// Whom the server takes it for.
    pub visitor: Visitor,
    /// What the token says.
    pub identity: Identity,
}

/// A back end, by its key.
pub(super) struct BackEnd {
    /// The key.
    pub key: ApiKey,
    /// Whom it acts for in this request.
    pub tenant: TenantId,
}

/// Somebody who may act in one tenant.
pub(super) enum Caller {
    /// A back end: may do everything there.
    BackEnd(BackEnd),
    /// A person: may do what it may do over a socket.
    Person(Box<Person>),
}

/// A key that may act for all tenants.
pub(super) struct Operator;

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match bearer(parts)? {
            None => match session_of(parts, api) {
                Some(session) => person_of_session(parts, api, &session).await.map(Self::Person),
                None => Err(Problem::new(
                    Cause::TokenMissing,
                    "send `Authorization: Bearer` with a token or an API key",
                )),
            },
            Some(key) if key.starts_with(API_KEY_PREFIX) => {
                back_end(parts, api, key).await.map(Self::BackEnd)
            }
            Some(token) => person(parts, api, token).await.map(Self::Person),
        }
    }
}

impl FromRequestParts<Api> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, api).await? {
            Caller::Person(person) => Ok(*person),
            Caller::BackEnd(_) => Err(Problem::forbidden(
                "this is a person's own: send its token, not a key",
            )),
        }
    }
}

impl FromRequestParts<Api> for BackEnd {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if bearer(parts)?.is_none() {
            return Err(no_key());
        }
        match Caller::from_request_parts(parts, api).await? {
            Caller::BackEnd(back_end) => Ok(back_end),
            Caller::Person(_) => Err(Problem::forbidden("this takes a tenant's API key")),
        }
    }
}

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let bearer = bearer(parts)?.ok_or_else(no_key)?;
        let key = api.node.auth.api_keys.authenticate(bearer).await?;
        if key.tenant.is_some() {
            return Err(Problem::forbidden("this takes an API key for all tenants"));
        }
        Ok(Self)
    }
}

pub(super) fn no_key() -> Problem {
    Problem::new(
        Cause::UnauthorizedKey,
        "send `Authorization: Bearer` with an API key",
    )
}

/// The credential, if there is one.
pub(super) fn bearer(parts: &Parts) -> Result<Option<&str>, Problem> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::bad_request("two `Authorization` headers"));
    }
    let credential = value.to_str().ok().and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
    });
    match credential {
        Some(credential) if !credential.is_empty() => Ok(Some(credential)),
        Some(_) | None => Err(Problem::new(
            Cause::TokenMissing,
            "`Authorization` has to be `Bearer` and a token or an API key",
        )),
    }
}

/// The tenant that the request names beside its credential.
pub(super) fn named_tenant(parts: &Parts) -> Result<Option<TenantId>, Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let named = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "tenant" || name == "schema")
        .map(|(_, value)| value.into_owned());
    let header = parts
        .headers
        .get(TENANT_HEADER)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let parse = |text: String| {
        TenantId::parse(&text).map_err(|error| Problem::bad_request(format!("the tenant {error}")))
    };
    named.or(header).map(parse).transpose()
}

fn is_of_chat(parts: &Parts) -> bool {
    parts.uri.path().starts_with(CHATS)
}

/// The cookie of one of Django's sessions, where such cookies are credentials.
fn session_of(parts: &Parts, api: &Api) -> Option<String> {
    handshake::cookie(&parts.headers, api.node.auth.session_cookie()?)
}

async fn person_of_session(parts: &Parts, api: &Api, session: &str) -> Result<Box<Person>, Problem> {
    let tenant = named_tenant(parts)?;
    let of_chat = is_of_chat(parts);
    let recognised =
        handshake::recognise_session(&api.node, parts, session, tenant.as_ref(), of_chat).await?;
    in_turn(api, recognised)
}

async fn person(parts: &Parts, api: &Api, token: &str) -> Result<Box<Person>, Problem> {
    let tenant = named_tenant(parts)?;
    let recognised = handshake::recognise(&api.node, token, tenant.as_ref(), is_of_chat(parts)).await?;
    in_turn(api, recognised)
}

/// Somebody who was recognised and does not ask too fast.
fn in_turn(api: &Api, (identity, visitor): (Identity, Visitor)) -> Result<Box<Person>, Problem> {
    let node = &api.node;
    let pace = node.limits.of(&visitor.key.tenant).settings.requests();
    let taken = api.people.lock().take(&visitor.key, pace, 1, node.uptime.now());
    let tenant = Some(&visitor.key.tenant);
    taken.map_err(|wait| Problem::too_fast(node, tenant, (Limit::Requests, wait)))?;
    Ok(Box::new(Person { visitor, identity }))
}

async fn back_end(parts: &Parts, api: &Api, key: &str) -> Result<BackEnd, Problem> {
    let key = api.node.auth.api_keys.authenticate(key).await?;
    let named = named_tenant(parts)?;
    let tenant = match (&key.tenant, named) {
        (Some(own), Some(other)) if *own != other => {
            tracing::warn!(target: "charla::audit", tenant = %own, asked = %other, key = key.label, "a key of one tenant was shown to another");
            let cause = if is_of_chat(parts) {
                Cause::ChatNotFound
            } else {
                Cause::TenantForbidden
            };
            return Err(Problem::new(cause, ""));
        }
        (Some(own), _) => own.clone(),
        (None, named) => {
            let named = named.or_else(|| api.node.settings.server.default_tenant.clone());
            let tenant = named.ok_or_else(|| {
                Problem::new(
                    Cause::TenantMissing,
                    "this key acts for all tenants: add ?tenant= or the header Charla-Tenant",
                )
            })?;
            let known = api.node.store.tenant(&tenant).await?;
            known.ok_or_else(Problem::tenant_not_found)?.id
        }
    };
    Ok(BackEnd { key, tenant })
}

impl BackEnd {
    /// The key of one of its tenant's users.
    pub(super) fn user_key(&self, user: UserId) -> UserKey {
        UserKey {
            tenant: self.tenant.clone(),
            user,
        }
    }

    /// The back end itself, as chats show it.
    fn author(&self) -> Result<Author, Problem> {
        let id = UserId::parse(BACK_END_ID).map_err(|_| Problem::new(Cause::InternalError, ""))?;
        let name = match self.key.label.as_str() {
            "" => BACK_END_ID,
            label => label,
        };
        Ok(Author {
            id,
            name: name.into(),
        })
    }
}

impl Caller {
    /// Where it acts.
    pub(super) const fn tenant(&self) -> &TenantId {
        match self {
            Self::BackEnd(back_end) => &back_end.tenant,
            Self::Person(person) => &person.visitor.key.tenant,
        }
    }

    /// The key of one of its tenant's users.
    pub(super) fn user_key(&self, user: &UserId) -> UserKey {
        UserKey {
            tenant: self.tenant().clone(),
            user: user.clone(),
        }
    }

    /// Goes on if this is support staff or a back end.
    pub(super) fn check_staff(&self) -> Result<(), Problem> {
        match self {
            Self::BackEnd(_) => Ok(()),
            Self::Person(person) if person.visitor.role == Role::Agent => Ok(()),
            Self::Person(_) => Err(Problem::forbidden("this takes an agent's token or an API key")),
        }
    }

    /// In whose name it acts: a person in its own, a back end in that of `by` or in its own.
    pub(super) async fn author(&self, node: &Node, by: Option<&UserId>) -> Result<Author, Problem> {
        match (self, by) {
            (Self::Person(person), None) => Ok(own_name(&person.visitor)),
            (Self::Person(person), Some(by)) if *by == person.visitor.key.user => {
                Ok(own_name(&person.visitor))
            }
            (Self::Person(_), Some(_)) => Err(Problem::forbidden("only a back end acts in another's name")),
            (Self::BackEnd(back_end), None) => back_end.author(),
            (Self::BackEnd(_), Some(by)) => {
                let user = node.store.user(&self.user_key(by)).await?;
                let user = user.ok_or_else(|| Problem::not_found(format!("there is no user {by}")))?;
                Ok(Author {
                    id: by.clone(),
                    name: user.name,
                })
            }
        }
    }

    /// Into a chat: a person by its own right, a back end as staff in the name of `by` or its own.
    pub(super) async fn enter(
        &self,
        node: &Node,
        chat: &ChatId,
        by: Option<&UserId>,
    ) -> Result<CanEnter, Problem> {
        let author = self.author(node, by).await?;
        let visitor = match self {
            Self::Person(person) => person.visitor.clone(),
            Self::BackEnd(back_end) => Visitor {
                key: UserKey {
                    tenant: back_end.tenant.clone(),
                    user: author.id,
                },
                name: author.name,
                role: Role::Agent,
            },
        };
        let (visitor, standing) = match self {
            Self::Person(_) => {
                let known = node.standing(&visitor.key, Some(chat), None).await?;
                (as_known(&visitor, known.role), known.standing)
            }
            // The application itself.
            Self::BackEnd(_) => {
                let standing = node.store.standing(&visitor.key, Some(chat)).await?;
                (visitor, standing)
            }
        };
        let door = Door {
            chat_exists: standing.chat.is_some(),
            is_member: standing.member,
        };
        grant::enter(&visitor, chat, door).map_err(|cause| Problem::new(cause, ""))
    }

    /// The person that it is, if it is one.
    pub(super) fn person(&self) -> Option<&UserKey> {
        match self {
            Self::BackEnd(_) => None,
            Self::Person(person) => Some(&person.visitor.key),
        }
    }

    /// The key of a chat of its tenant.
    pub(super) fn room(&self, chat: ChatId) -> RoomKey {
        RoomKey {
            tenant: self.tenant().clone(),
            chat,
        }
    }
}

fn own_name(visitor: &Visitor) -> Author {
    Author {
        id: visitor.key.user.clone(),
        name: Arc::clone(&visitor.name),
    }
}
