//! How many: connections of the node, of an address, of a user and of a tenant, counted while they last.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use charla_core::{Limit, UserKey};
use charla_wire::{Cause, TenantId};
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
    tenants: Counts<TenantId>,
}

/// There is no place for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Why, for the client.
    pub cause: Cause,
    /// Which limit is reached.
    pub limit: Limit,
    /// How many that are.
    pub max: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.limit, self.max)
    }
}

impl Full {
    const fn new(limit: Limit, max: usize) -> Self {
        Self {
            cause: Cause::TooManyConnections,
            limit,
            max,
        }
    }
}

/// A counted place, given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
    user: Option<UserKey>,
    in_tenant: bool,
}

impl Admission {
    /// Counts a connection from `address`.
    ///
    /// # Errors
    /// `overloaded` when the node is full, `too_many_connections` when the address is.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, limits: &LimitSettings) -> Result<Place, Full> {
        if !self.node.take(&(), limits.connections) {
            return Err(Full {
                cause: Cause::Overloaded,
                ..Full::new(Limit::Connections, limits.connections)
            });
        }
        let max = limits.connections_per_address;
        if !self.addresses.take(&address, max) {
            self.node.give_back(&());
            return Err(Full::new(Limit::ConnectionsPerAddress, max));
        }
        Ok(Place {
            admission: Arc::clone(self),
            address,
            user: None,
            in_tenant: false,
        })
    }
}

impl Place {
    /// Counts the connection as this user's and tenant's too.
    ///
    /// # Errors
    /// `too_many_connections` when the user has as many as one may, and none is to make room, or the tenant has.
    pub fn of_user(&mut self, user: &UserKey, limits: &LimitSettings) -> Result<(), Full> {
        let max = match limits.when_user_full {
            WhenFull::Refuse => limits.connections_per_user,
            WhenFull::ReplaceOldest => usize::MAX,
        };
        if !self.admission.users.take(user, max) {
            return Err(Full::new(Limit::ConnectionsPerUser, max));
        }
        self.user = Some(user.clone());
        let max = match limits.connections_per_tenant {
            0 => usize::MAX,
            max => max,
        };
        self.in_tenant = self.admission.tenants.take(&user.tenant, max);
        if self.in_tenant {
            Ok(())
        } else {
            Err(Full::new(Limit::ConnectionsPerTenant, max))
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.node.give_back(&());
        self.admission.addresses.give_back(&self.address);
        if let Some(user) = &self.user {
            self.admission.users.give_back(user);
            if self.in_tenant {
                self.admission.tenants.give_back(&user.tenant);
            }
        }
    }
}
