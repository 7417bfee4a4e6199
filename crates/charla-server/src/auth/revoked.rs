//! Access tokens taken back before their time, by `jti`, tenant by tenant.
//!
//! The store is the truth; this is its copy in memory, asked at each handshake and each tick of a live
//! connection. Revocations are never undone, so a copy only ever grows by more and shrinks by expiry.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use charla_wire::{Cause, TenantId, Timestamp};
use parking_lot::RwLock;

use super::identity::Refusal;
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// How often the store is asked for what others have revoked: a command line, another node. A revoked token
/// has to be out within 2 s.
const RELOAD_EVERY: Duration = Duration::from_secs(1);
/// Revocations in force that are kept, some 20 MB. Beyond, revoking is refused: forgetting one would let a stolen token in.
const REVOKED_MAX: usize = 200_000;

/// The revocations in force.
pub struct Revoked {
    store: Arc<dyn Store>,
    clock: Clock,
    set: RwLock<Set>,
}

#[derive(Default)]
struct Set {
    by_tenant: HashMap<TenantId, HashMap<Box<str>, Timestamp>>,
    len: usize,
    changes: u64,
}

impl Revoked {
    /// Reads the revocations in force.
    pub(super) async fn load(store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        let revoked = Self {
            store,
            clock,
            set: RwLock::default(),
        };
        revoked.reload().await?;
        Ok(revoked)
    }

    /// Keeps asking the store, until the last owner lets go.
    pub(super) fn keep_fresh(this: &Arc<Self>) {
        let revoked: Weak<Self> = Arc::downgrade(this);
        tokio::spawn(async move {
            let mut answers = true;
            loop {
                tokio::time::sleep(RELOAD_EVERY).await;
                let Some(this) = revoked.upgrade() else { return };
                let outcome = this.reload().await;
                if let (true, Err(error)) = (answers, &outcome) {
                    tracing::warn!(%error, "the store does not tell which tokens are revoked");
                }
                answers = outcome.is_ok();
            }
        });
    }

    /// Refuses the token with this id until `until`, when it would have ended anyway.
    ///
    /// # Errors
    /// The store's, or `overloaded` at [`REVOKED_MAX`]; the token is not revoked then.
    pub async fn revoke(&self, tenant: &TenantId, jti: &str, until: Timestamp) -> Result<(), Refusal> {
        if self.set.read().len >= REVOKED_MAX {
            self.set.write().forget((self.clock)());
        }
        if self.set.read().len >= REVOKED_MAX {
            return Err(Refusal::new(
                Cause::Overloaded,
                "too many revoked tokens in force",
            ));
        }
        self.store.revoke_token(tenant, jti, until).await?;
        self.set.write().insert(tenant, jti, until);
        Ok(())
    }

    /// Whether a token with this id is refused.
    #[must_use]
    pub fn is_revoked(&self, tenant: &TenantId, jti: &str) -> bool {
        let set = self.set.read();
        set.by_tenant
            .get(tenant)
            .is_some_and(|of_tenant| of_tenant.contains_key(jti))
    }

    /// A number that grows whenever a token is found revoked that was not before.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.set.read().changes
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let stored = self.store.revoked_tokens().await?;
        let mut set = self.set.write();
        set.forget((self.clock)());
        for (tenant, jti, until) in stored {
            set.insert(&tenant, &jti, until);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Revoked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revoked")
            .field("len", &self.set.read().len)
            .finish_non_exhaustive()
    }
}

impl Set {
    fn insert(&mut self, tenant: &TenantId, jti: &str, until: Timestamp) {
        if !self.by_tenant.contains_key(tenant) {
            self.by_tenant.insert(tenant.clone(), HashMap::new());
        }
        let Some(of_tenant) = self.by_tenant.get_mut(tenant) else {
            return;
        };
        if let Some(known) = of_tenant.get_mut(jti) {
            *known = until.max(*known);
        } else {
            of_tenant.insert(jti.into(), until);
            self.len += 1;
            self.changes += 1;
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.by_tenant.retain(|_, of_tenant| {
            of_tenant.retain(|_, until| *until > now);
            !of_tenant.is_empty()
        });
        self.len = self.by_tenant.values().map(HashMap::len).sum();
    }
}
