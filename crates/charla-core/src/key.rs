//! Keys that name a chat or a user: each carries its tenant, so a look-up cannot cross tenants.

use std::fmt;

use charla_wire::{ChatId, TenantId, UserId};

/// A chat of a tenant.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RoomKey {
    /// Whose chat it is.
    pub tenant: TenantId,
    /// The chat, unique within the tenant.
    pub chat: ChatId,
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.chat)
    }
}

/// A user of a tenant.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct UserKey {
    /// Whose user it is.
    pub tenant: TenantId,
    /// The user, unique within the tenant.
    pub user: UserId,
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.user)
    }
}
