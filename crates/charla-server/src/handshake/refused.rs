//! Somebody whom a gate turned away: why, and for how long it is useless to come again.

use charla_core::Millis;
use charla_wire::{Cause, TenantId, UserId};

use crate::admission::Full;
use crate::auth;
use crate::limits::Wait;
use crate::node::Node;
use crate::store::StoreError;

/// Somebody whom a gate turned away.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub cause: Cause,
    /// In words for developers.
    pub detail: String,
    /// Whose chats were meant, as far as known.
    pub tenant: Option<TenantId>,
    /// Who it was, as far as proved.
    pub user: Option<UserId>,
    /// How long it is useless to come again, where that is known.
    pub wait: Option<Millis>,
}

impl Refused {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            tenant: None,
            user: None,
            wait: None,
        }
    }

    /// There is no place; `tenant` is whose it would have been, where that is known.
    pub(super) fn full(node: &Node, tenant: Option<&TenantId>, full: Full) -> Self {
        node.note_limit(full.limit, tenant);
        Self::new(full.cause, full.to_string())
    }

    /// Too often; `tenant` likewise.
    pub(super) fn too_fast(node: &Node, tenant: Option<&TenantId>, (limit, wait): Wait) -> Self {
        node.note_limit(limit, tenant);
        Self {
            wait: Some(wait),
            ..Self::new(Cause::RateLimited, limit.to_string())
        }
    }
}

impl From<auth::Refusal> for Refused {
    fn from(refusal: auth::Refusal) -> Self {
        Self::new(refusal.cause, refusal.detail)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let refusal = crate::join::unavailable(error);
        Self::new(refusal.cause, refusal.detail)
    }
}
