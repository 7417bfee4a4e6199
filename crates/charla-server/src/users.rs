//! Who is connected to this node, by person.

use std::collections::HashMap;
use std::sync::Arc;

use charla_core::UserKey;
use parking_lot::Mutex;

use crate::connection::Connection;

/// Connections by person.
#[derive(Debug, Default)]
pub(crate) struct Users {
    by_user: Mutex<HashMap<UserKey, Vec<Arc<Connection>>>>,
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
        let mut by_user = self.by_user.lock();
        by_user
            .entry(connection.opening.visitor.key.clone())
            .or_default()
            .push(Arc::clone(connection));
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

    /// The oldest of a person's connections, those that are ending left out, as far as there are more than `max`.
    #[must_use]
    pub(crate) fn surplus(&self, user: &UserKey, max: usize) -> Vec<Arc<Connection>> {
        let by_user = self.by_user.lock();
        // In the order in which they came.
        let connections = by_user.get(user).into_iter().flatten();
        let mut live: Vec<_> = connections
            .filter(|connection| !connection.is_ending())
            .cloned()
            .collect();
        live.truncate(live.len().saturating_sub(max));
        live
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
        let mut by_user = self.users.by_user.lock();
        if let Some(connections) = by_user.get_mut(key) {
            connections.retain(|other| !Arc::ptr_eq(other, &self.connection));
            if connections.is_empty() {
                by_user.remove(key);
            }
        }
    }
}
