//! What the authority says, put into the store: [`Node::standing`].
//!
//! Inbox, presence, the REST interface and everything else work on the store's tenants, users, chats and members. These come into
//! being the first time that somebody is let in, and cost a look and nothing more from then on. Whoever is refused loses the
//! membership there; a tenant that the application does not know is never made.

use std::collections::HashSet;
use std::sync::Arc;

use charla_core::session::Refusal;
use charla_core::{Author, Role, RoomKey, UserKey};
use charla_wire::{Cause, ChatId, UserId};
use tokio::task::JoinSet;

use super::{Answer, Authority, Unavailable, Verdict};
use crate::join::{check_user, unavailable};
use crate::node::Node;
use crate::store::{Chat, Standing, StoreError, User, UserChange};

/// In whose name a chat is closed that the application says is closed.
const APPLICATION: &str = "api";

/// What is known of somebody at a chat's door.
pub(crate) struct Known {
    /// By the store.
    pub(crate) standing: Standing,
    /// By the application, where it decides: what the user may do here.
    pub(crate) role: Option<Role>,
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::new(Cause::AuthorityUnavailable, unavailable.detail)
    }
}

impl Node {
    /// Where somebody stands: by the store, or by the authority's answer, which the store then has too. `name` is what a new
    /// user is called if the application does not say.
    ///
    /// # Errors
    /// What the authority refuses, and that it or the store does not answer. Without a foreign authority, the store's failures
    /// alone.
    pub(crate) async fn standing(
        &self,
        user: &UserKey,
        chat: Option<&ChatId>,
        name: Option<&str>,
    ) -> Result<Known, Refusal> {
        if self.authority.is_builtin() {
            let standing = self.store.standing(user, chat).await.map_err(unavailable)?;
            return Ok(Known { standing, role: None });
        }
        let answer = self.authority.ask(&Authority::question(user, chat)).await?;
        let standing = self.store.standing(user, chat).await.map_err(unavailable)?;
        let refuse = |cause| Err(Refusal::new(cause, ""));
        match (answer.verdict, chat) {
            (Verdict::NoTenant, _) => return refuse(Cause::TenantNotFound),
            // Who it is was the question.
            (Verdict::Allow | Verdict::Deny | Verdict::NoChat, None) if !answer.known => {
                let role = Some(Role::Member);
                return Ok(Known { standing, role });
            }
            (Verdict::Allow, _) | (Verdict::Deny | Verdict::NoChat, None) => {}
            (verdict @ (Verdict::Deny | Verdict::NoChat), Some(chat)) => {
                if standing.member {
                    self.shut_out(user, chat).await.map_err(unavailable)?;
                }
                return refuse(cause(verdict));
            }
        }
        check_user(&standing).map_err(|cause| Refusal::new(cause, ""))?;
        let news = News::of(&answer, &standing, chat);
        let standing = if news.is_none() {
            standing
        } else {
            let written = self.write(user, chat, &answer, &news, name).await;
            written.map_err(unavailable)?;
            self.store.standing(user, chat).await.map_err(unavailable)?
        };
        let role = Some(answer.role);
        Ok(Known { standing, role })
    }

    /// Those of a member's chats that it may still enter; the others are no longer its own from now on.
    ///
    /// # Errors
    /// The authority or the store does not answer.
    pub(crate) async fn confirmed(
        &self,
        user: &UserKey,
        chats: Vec<ChatId>,
    ) -> Result<HashSet<ChatId>, Refusal> {
        if self.authority.is_builtin() {
            return Ok(chats.into_iter().collect());
        }
        let mut asked = JoinSet::new();
        for chat in chats {
            let (authority, question) = (
                Arc::clone(&self.authority),
                Authority::question(user, Some(&chat)),
            );
            asked.spawn(async move { (authority.ask(&question).await, chat) });
        }
        let mut confirmed = HashSet::new();
        while let Some(Ok((answer, chat))) = asked.join_next().await {
            match answer?.verdict {
                Verdict::Allow => {
                    confirmed.insert(chat);
                }
                Verdict::Deny | Verdict::NoChat | Verdict::NoTenant => {
                    self.shut_out(user, &chat).await.map_err(unavailable)?;
                }
            }
        }
        Ok(confirmed)
    }

    /// Takes a membership away that the application does not confirm, with its connections in the chat.
    async fn shut_out(&self, user: &UserKey, chat: &ChatId) -> Result<(), StoreError> {
        let room = room(user, chat);
        self.store.remove_member(&room, &user.user).await?;
        self.disconnect(user, Some(chat.clone()), Cause::NotAMember);
        Ok(())
    }

    async fn write(
        &self,
        user: &UserKey,
        chat: Option<&ChatId>,
        answer: &Answer,
        news: &News,
        name: Option<&str>,
    ) -> Result<(), StoreError> {
        if news.tenant {
            let id = &user.tenant;
            self.store.put_tenant(id, id.as_str()).await?;
            tracing::info!(tenant = %id, "a tenant of the application is known from now on");
        }
        if news.user {
            let known = answer.name.as_deref();
            let change = UserChange {
                name: known.or(name.filter(|_| news.new_user)).map(Into::into),
                role: Some(answer.role),
                ..UserChange::default()
            };
            self.store.put_user(user, change).await?;
        }
        let Some(chat) = chat else { return Ok(()) };
        let room = room(user, chat);
        if news.chat {
            self.store.put_chat(&room, answer.title.as_deref()).await?;
        }
        if news.member {
            self.store.put_member(&room, &user.user).await?;
        }
        if let (Some(closed), Ok(id)) = (news.closed, UserId::parse(APPLICATION)) {
            let by = Author {
                id,
                name: APPLICATION.into(),
            };
            if closed {
                self.close_chat(&room, &by, None).await?;
            } else {
                self.reopen_chat(&room, &by).await?;
            }
        }
        Ok(())
    }
}

/// What the authority's verdict refuses with.
pub(super) const fn cause(verdict: Verdict) -> Cause {
    match verdict {
        Verdict::Allow | Verdict::Deny => Cause::NotAMember,
        Verdict::NoChat => Cause::ChatNotFound,
        Verdict::NoTenant => Cause::TenantNotFound,
    }
}

fn room(user: &UserKey, chat: &ChatId) -> RoomKey {
    RoomKey {
        tenant: user.tenant.clone(),
        chat: chat.clone(),
    }
}

/// Where the store does not say what the application says.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a row that may have to be written"
)]
struct News {
    tenant: bool,
    user: bool,
    new_user: bool,
    chat: bool,
    member: bool,
    closed: Option<bool>,
}

impl News {
    fn of(answer: &Answer, standing: &Standing, chat: Option<&ChatId>) -> Self {
        let differs = |told: Option<&Arc<str>>, known: &Arc<str>| told.is_some_and(|told| told != known);
        let user_differs =
            |user: &User| user.role != answer.role || differs(answer.name.as_ref(), &user.name);
        let chat_differs = |chat: &Chat| differs(answer.title.as_ref(), &chat.title);
        let is_closed = standing.chat.as_ref().is_some_and(|chat| chat.closed.is_some());
        Self {
            tenant: standing.tenant.is_none(),
            user: standing.user.as_ref().is_none_or(user_differs),
            new_user: standing.user.is_none(),
            chat: chat.is_some() && standing.chat.as_ref().is_none_or(chat_differs),
            member: chat.is_some() && answer.role != Role::Agent && !standing.member,
            closed: answer
                .closed
                .filter(|closed| chat.is_some() && *closed != is_closed),
        }
    }

    fn is_none(&self) -> bool {
        !(self.tenant || self.user || self.chat || self.member) && self.closed.is_none()
    }
}
