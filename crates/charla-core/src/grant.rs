//! Proof that someone may: [`CanEnter`] can be had only from [`enter`], and is needed for whatever is
//! done in a chat, so that nothing is checked twice or forgotten.

use std::sync::Arc;

use charla_wire::{Cause, ChatId};
use uuid::Uuid;

use crate::key::{RoomKey, UserKey};
use crate::message::{Author, Draft};

/// What a user may do beyond the chats that it is a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Enters the chats it is a member of.
    Member,
    /// Support staff: enters every chat of the tenant, edits and deletes any message, closes chats.
    Agent,
}

impl Role {
    /// `member` or `agent`, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Agent => "agent",
        }
    }
}

/// Whom a connection was let in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Tenant and user.
    pub key: UserKey,
    /// The name for people.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
}

/// What is known of a chat at its door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// Whether the tenant has such a chat.
    pub chat_exists: bool,
    /// Whether the visitor is a member of it.
    pub is_member: bool,
}

/// Proof that a visitor may enter a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanEnter {
    room: RoomKey,
    author: Author,
    role: Role,
}

/// May this visitor enter this chat?
///
/// # Errors
/// `chat_not_found` or `not_a_member`.
pub fn enter(visitor: &Visitor, chat: &ChatId, door: Door) -> Result<CanEnter, Cause> {
    if !door.chat_exists {
        return Err(Cause::ChatNotFound);
    }
    if visitor.role != Role::Agent && !door.is_member {
        return Err(Cause::NotAMember);
    }
    Ok(CanEnter {
        room: RoomKey {
            tenant: visitor.key.tenant.clone(),
            chat: chat.clone(),
        },
        author: Author {
            id: visitor.key.user.clone(),
            name: Arc::clone(&visitor.name),
        },
        role: visitor.role,
    })
}

impl CanEnter {
    /// Which chat.
    #[must_use]
    pub const fn room(&self) -> &RoomKey {
        &self.room
    }

    /// Who, as others see it.
    #[must_use]
    pub const fn author(&self) -> &Author {
        &self.author
    }

    /// As what.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether it may change what others wrote.
    #[must_use]
    pub fn changes_any(&self) -> bool {
        self.role == Role::Agent
    }

    /// A message of its own, ready for the store.
    #[must_use]
    pub fn draft(&self, id: Uuid, text: &str, data: Option<&str>) -> Draft {
        Draft {
            room: self.room.clone(),
            id,
            author: self.author.clone(),
            text: text.into(),
            data: data.map(Into::into),
            attachments: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::{TenantId, UserId};

    use super::*;

    #[test]
    fn who_enters_what() {
        let visitor = |role| Visitor {
            key: UserKey {
                tenant: TenantId::parse("demo").unwrap(),
                user: UserId::parse("42").unwrap(),
            },
            name: "Ana".into(),
            role,
        };
        let chat = ChatId::parse("5").unwrap();
        let cases = [
            (Role::Member, true, true, None),
            (Role::Member, true, false, Some(Cause::NotAMember)),
            (Role::Member, false, false, Some(Cause::ChatNotFound)),
            (Role::Agent, true, false, None),
            (Role::Agent, false, false, Some(Cause::ChatNotFound)),
        ];
        for (role, chat_exists, is_member, refused) in cases {
            let door = Door {
                chat_exists,
                is_member,
            };
            assert_eq!(
                enter(&visitor(role), &chat, door).err(),
                refused,
                "{role:?} {door:?}"
            );
        }
    }
}
