//! How many: connections of the node, of an address and of a user, counted while they last.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use charla_core::UserKey;
use charla_wire::Cause;
use parking_lot::Mutex;

use crate::settings::{LimitSettings, WhenFull};

/// Counts by key; a key that counts nothing is forgotten.
#[derive(Debug)]
struct Counts<K>(Mutex<HashMap<K, usize>>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn take(&self, key: &K, max: usize) -> bool {
        let mut counts = self.0.lock();
        let count = counts.entry(key.clone()).or_default();
        let free = *count < max;
        *count += usize::from(free);
        free
    }

    fn give_back(&self, key: &K) {
        let mut counts = self.0.lock();
        if let Some(count) = counts.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(key);
            }
        }
    }
}

/// The node's door counters.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    node: Counts<()>,
    addresses: Counts<IpAddr>,
    users: Counts<UserKey>,
}

/// A counted place, given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
    user: Option<UserKey>,
}

impl Admission {
    /// Counts a connection from `address`.
    ///
    /// # Errors
    /// `overloaded` when the node is full, `too_many_connections` when the address is.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, limits: &LimitSettings) -> Result<Place, Cause> {
        if !self.node.take(&(), limits.connections) {
            return Err(Cause::Overloaded);
        }
        if !self.addresses.take(&address, limits.connections_per_address) {
            self.node.give_back(&());
            return Err(Cause::TooManyConnections);
        }
        Ok(Place {
            admission: Arc::clone(self),
            address,
            user: None,
        })
    }
}

impl Place {
    /// Counts the connection as this user's too.
    ///
    /// # Errors
    /// `too_many_connections` when the user has as many as one may, and none is to make room.
    pub fn of_user(&mut self, user: &UserKey, limits: &LimitSettings) -> Result<(), Cause> {
        let max = match limits.when_user_full {
            WhenFull::Refuse => limits.connections_per_user,
            WhenFull::ReplaceOldest => usize::MAX,
        };
        if !self.admission.users.take(user, max) {
            return Err(Cause::TooManyConnections);
        }
        self.user = Some(user.clone());
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.node.give_back(&());
        self.admission.addresses.give_back(&self.address);
        if let Some(user) = &self.user {
            self.admission.users.give_back(user);
        }
    }
}
