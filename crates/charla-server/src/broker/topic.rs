//! What nodes subscribe to: [`Topic`], and its name on the bus.

use charla_core::{NodeId, RoomKey, UserKey};
use charla_wire::{ChatId, TenantId, UserId};

use crate::happening::Happening;

/// What a happening is filed under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A chat.
    Room(RoomKey),
    /// A person.
    User(UserKey),
    /// What every node has to know.
    Everybody,
    /// The lists of chats of a tenant's people.
    Tenant(TenantId),
    /// One node.
    Node(NodeId),
}

impl Topic {
    /// Where a happening belongs.
    #[must_use]
    pub fn of(happening: &Happening) -> Self {
        match happening {
            Happening::Room { room, .. } => Self::Room(room.clone()),
            Happening::User { user, .. } | Happening::Disconnect { user, .. } => Self::User(user.clone()),
            Happening::TokenRevoked { .. }
            | Happening::Forget(_)
            | Happening::Limits
            | Happening::Loops { .. }
            | Happening::Node { to: None, .. } => Self::Everybody,
            Happening::Presence { room, .. } => Self::Room(room.clone()),
            Happening::Connections { user, .. } => Self::User(user.clone()),
            Happening::Moved(moved) => Self::Tenant(moved.room.tenant.clone()),
            Happening::Node { to: Some(node), .. } => Self::Node(*node),
        }
    }

    /// Its name: different topics have different names, because no tenant's id has a colon in it and everything
    /// after the tenant's is the other id.
    #[must_use]
    pub fn name(&self, prefix: &str) -> String {
        match self {
            Self::Room(room) => format!("{prefix}:room:{}:{}", room.tenant, room.chat),
            Self::User(user) => format!("{prefix}:user:{}:{}", user.tenant, user.user),
            Self::Everybody => format!("{prefix}:all"),
            Self::Tenant(tenant) => format!("{prefix}:tenant:{tenant}"),
            Self::Node(node) => format!("{prefix}:node:{node}"),
        }
    }

    /// The topic of a name; `None` for names of others.
    #[must_use]
    pub fn parse(name: &str, prefix: &str) -> Option<Self> {
        let rest = name.strip_prefix(prefix)?.strip_prefix(':')?;
        if rest == "all" {
            return Some(Self::Everybody);
        }
        let (kind, ids) = rest.split_once(':')?;
        match kind {
            "tenant" => return TenantId::parse(ids).ok().map(Self::Tenant),
            "node" => return NodeId::try_parse(ids).ok().map(Self::Node),
            _ => {}
        }
        let (tenant, id) = ids.split_once(':')?;
        let tenant = TenantId::parse(tenant).ok()?;
        match kind {
            "room" => Some(Self::Room(RoomKey {
                tenant,
                chat: ChatId::parse(id).ok()?,
            })),
            "user" => Some(Self::User(UserKey {
                tenant,
                user: UserId::parse(id).ok()?,
            })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(tenant: &str, chat: &str) -> Topic {
        Topic::Room(RoomKey {
            tenant: TenantId::parse(tenant).unwrap(),
            chat: ChatId::parse(chat).unwrap(),
        })
    }

    fn user(tenant: &str, user: &str) -> Topic {
        Topic::User(UserKey {
            tenant: TenantId::parse(tenant).unwrap(),
            user: UserId::parse(user).unwrap(),
        })
    }

    #[test]
    fn names_are_different_and_read_back() {
        let topics = [
            room("a", "5"),
            room("b", "5"),
            room("a-b", "5"),
            room("a", "b-5"),
            user("a", "5"),
            user("a", "b:5"),
            user("a", "::"),
            user("room", "a:5"),
            user("tenant", "a"),
            Topic::Everybody,
            Topic::Tenant(TenantId::parse("a").unwrap()),
            Topic::Tenant(TenantId::parse("room").unwrap()),
            Topic::Node(NodeId::from_u128(1)),
        ];
        for (place, topic) in topics.iter().enumerate() {
            let name = topic.name("charla");
            assert_eq!(Topic::parse(&name, "charla").as_ref(), Some(topic), "{name}");
            for other in topics.iter().skip(place + 1) {
                assert_ne!(name, other.name("charla"));
            }
        }
        for foreign in [
            "",
            "charla",
            "charla:",
            "charla:room:a",
            "other:all",
            "charla2:all",
            "charla:canary:1",
            "charla:tenant:a:5",
            "charla:node:1:5",
        ] {
            assert_eq!(Topic::parse(foreign, "charla"), None, "{foreign}");
        }
    }
}
