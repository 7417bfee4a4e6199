//! Who is connected to this node, by person.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use charla_core::connections::Opened;
use charla_core::{Role, UserKey};
use charla_wire::TenantId;
use parking_lot::Mutex;

use crate::connection::Connection;

/// Connections by person.
#[derive(Debug, Default)]
pub(crate) struct Users {
    by_user: Mutex<HashMap<UserKey, Vec<Arc<Connection>>>>,
    // Those with a list of chats.
    listing: Mutex<HashMap<TenantId, Vec<Arc<Connection>>>>,
    // Of these the staff's: every chat of the tenant stands in it.
    staff: Mutex<HashMap<TenantId, Vec<Arc<Connection>>>>,
}

/// A connection's entry, taken out when dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct Registered {
    users: Arc<Users>,
    connection: Arc<Connection>,
}

impl Users {
    /// Enters a connection.
    pub(crate) fn register(self: &Arc<Self>, connection: &Arc<Connection>) -> Registered {
        let key = &connection.opening.visitor.key;
        put(&self.by_user, key, connection);
        if connection.lists_chats() {
            put(&self.listing, &key.tenant, connection);
        }
        if is_staff(connection) {
            put(&self.staff, &key.tenant, connection);
        }
        Registered {
            users: Arc::clone(self),
            connection: Arc::clone(connection),
        }
    }

    /// A person's connections.
    #[must_use]
    pub(crate) fn connections(&self, user: &UserKey) -> Vec<Arc<Connection>> {
        self.by_user.lock().get(user).cloned().unwrap_or_default()
    }

    /// Those of a person's connections that are not ending.
    #[must_use]
    pub(crate) fn opened(&self, user: &UserKey) -> Vec<Opened> {
        let by_user = self.by_user.lock();
        let connections = by_user.get(user).into_iter().flatten();
        let live = connections.filter(|connection| !connection.is_ending());
        live.map(|connection| Opened {
            at: connection.opening.since,
            id: connection.opening.id,
        })
        .collect()
    }

    /// The people who are connected.
    #[must_use]
    pub(crate) fn keys(&self) -> Vec<UserKey> {
        self.by_user.lock().keys().cloned().collect()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_user.lock().is_empty()
    }

    /// The staff's connections with a list of chats.
    #[must_use]
    pub(crate) fn staff(&self, tenant: &TenantId) -> Vec<Arc<Connection>> {
        self.staff.lock().get(tenant).cloned().unwrap_or_default()
    }

    /// Whether one of the tenant's connections with a list of chats `is_one`.
    #[must_use]
    pub(crate) fn is_listed(&self, tenant: &TenantId, is_one: impl Fn(&Connection) -> bool) -> bool {
        let listing = self.listing.lock();
        let connections = listing.get(tenant).into_iter().flatten();
        connections.into_iter().any(|connection| is_one(connection))
    }

    /// Every connection that `wanted` picks.
    pub(crate) fn all(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<Arc<Connection>> {
        let by_user = self.by_user.lock();
        by_user
            .values()
            .flatten()
            .filter(|connection| wanted(connection))
            .cloned()
            .collect()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let key = &self.connection.opening.visitor.key;
        take(&self.users.by_user, key, &self.connection);
        if self.connection.lists_chats() {
            take(&self.users.listing, &key.tenant, &self.connection);
        }
        if is_staff(&self.connection) {
            take(&self.users.staff, &key.tenant, &self.connection);
        }
    }
}

fn is_staff(connection: &Connection) -> bool {
    connection.opening.visitor.role == Role::Agent && connection.lists_chats()
}

fn put<K: Hash + Eq + Clone>(
    index: &Mutex<HashMap<K, Vec<Arc<Connection>>>>,
    key: &K,
    connection: &Arc<Connection>,
) {
    let mut index = index.lock();
    index.entry(key.clone()).or_default().push(Arc::clone(connection));
}

fn take<K: Hash + Eq>(
    index: &Mutex<HashMap<K, Vec<Arc<Connection>>>>,
    key: &K,
    connection: &Arc<Connection>,
) {
    let mut index = index.lock();
    if let Some(connections) = index.get_mut(key) {
        connections.retain(|other| !Arc::ptr_eq(other, connection));
        if connections.is_empty() {
            index.remove(key);
        }
    }
}
