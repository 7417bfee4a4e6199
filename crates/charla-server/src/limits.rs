//! How much anybody may do at this moment: [`Limits`], the settings' figures with those over them that the API was given.
//!
//! The figures are swapped as a whole: whoever looks sees all of a change or nothing of it. Connections look at their next act.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use charla_core::session::SessionLimits;
use charla_core::{Millis, OutboxLimits, Rate};
use charla_wire::{TenantId, codec};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::settings::{
    GivenLimit, LimitSettings, LimitSources, LimitValue, LivenessSettings, Place, Problem, Settings,
};

mod change;
mod follow;
mod given;
mod shares;

pub(crate) use change::{ChangeError, Wanted};
pub(crate) use follow::follow_limits;
use given::Given;
pub(crate) use shares::{Shares, Wait};

/// A tenant's figures, as each part wants them.
#[derive(Debug)]
pub(crate) struct Effective {
    /// As they are set.
    pub(crate) settings: LimitSettings,
    /// For what is asked over a connection.
    pub(crate) session: SessionLimits,
    /// For what is read from it.
    pub(crate) codec: codec::Limits,
    /// For what waits for it.
    pub(crate) outbox: OutboxLimits,
}

/// A limit as it is shown, with where its figure comes from.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The limit.
    pub(crate) limit: LimitValue,
    /// Where from.
    pub(crate) place: Place,
    /// Whether it was given for the tenant itself.
    pub(crate) own: bool,
}

/// What the file, variables and flags gave.
#[derive(Debug, Clone)]
struct Base {
    limits: LimitSettings,
    sources: LimitSources,
}

/// Everything that was given, and what it comes to.
#[derive(Debug)]
struct Live {
    base: Base,
    over: Given,
    all: Arc<Effective>,
    tenants: HashMap<TenantId, Arc<Effective>>,
}

/// What the store said last.
#[derive(Debug, Default)]
struct Read {
    values: Vec<(String, String)>,
    given: Given,
}

/// The limits of one node.
pub(crate) struct Limits {
    live: ArcSwap<Live>,
    liveness: (Millis, Millis),
    // What the API was given, all of it; one change at a time, each made of the one before.
    read: Mutex<Read>,
    // One look in the store at a time: an older answer must not come after a newer one.
    reading: tokio::sync::Mutex<()>,
    changes: AtomicU64,
    stale: Notify,
    /// What has been used up.
    pub(crate) shares: Shares,
}

/// Whoever asks, as far as attempts are counted: a network gets as many as a machine where a machine has a whole network
/// of addresses (RFC 4291, section 2.5.4).
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_canonical(),
    }
}

impl Limits {
    /// Those of the settings alone.
    pub(crate) fn new(settings: &Settings) -> Self {
        let base = Base {
            limits: settings.limits.clone(),
            sources: settings.limit_sources.clone(),
        };
        let liveness = liveness(&settings.liveness);
        Self {
            live: ArcSwap::from_pointee(Live::new(base, Given::default(), liveness)),
            liveness,
            read: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            changes: AtomicU64::new(0),
            stale: Notify::new(),
            shares: Shares::default(),
        }
    }

    /// The figures for whoever is of no tenant, or of one without its own.
    pub(crate) fn all(&self) -> Arc<Effective> {
        Arc::clone(&self.live.load().all)
    }

    /// A tenant's figures.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<Effective> {
        let live = self.live.load();
        Arc::clone(live.tenants.get(tenant).unwrap_or(&live.all))
    }

    /// How often the figures have changed: whoever keeps some looks again when this moves.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// All figures, those for all or a tenant's, with where each comes from.
    pub(crate) fn shown(&self, tenant: Option<&TenantId>) -> Vec<Shown> {
        let live = self.live.load();
        let (effective, own) = match tenant {
            None => (&live.all, Vec::new()),
            Some(tenant) => (live.tenants.get(tenant).unwrap_or(&live.all), live.own(tenant)),
        };
        let values = effective.settings.values();
        let wanted = values
            .into_iter()
            .filter(|limit| tenant.is_none() || limit.of_tenants);
        wanted
            .map(|limit| Shown {
                own: own.iter().any(|given| given.name() == limit.name),
                place: live.place(&own, limit.name),
                limit,
            })
            .collect()
    }

    /// Tenants that have figures of their own, whoever gave them.
    pub(crate) fn with_own(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> = self.live.load().tenants.keys().cloned().collect();
        tenants.sort();
        tenants
    }

    /// For how many limits a tenant has a figure of its own.
    pub(crate) fn own_count(&self, tenant: &TenantId) -> usize {
        let own = self.live.load().own(tenant);
        let names: std::collections::BTreeSet<&str> = own.iter().map(GivenLimit::name).collect();
        names.len()
    }

    fn swap(&self, live: Live) {
        self.live.store(Arc::new(live));
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

impl Live {
    fn new(base: Base, over: Given, liveness: (Millis, Millis)) -> Self {
        let all = base.limits.with(over.of(None));
        let with_own = base.sources.tenants().map(|(tenant, _)| tenant);
        let tenants: Vec<TenantId> = with_own.chain(over.tenants()).cloned().collect();
        let mut live = Self {
            all: Arc::new(Effective::new(all, liveness)),
            base,
            over,
            tenants: HashMap::new(),
        };
        for tenant in tenants {
            let limits = live.all.settings.with(&live.own(&tenant));
            let effective = Arc::new(Effective::new(limits, liveness));
            live.tenants.insert(tenant, effective);
        }
        live
    }

    /// What was given for a tenant itself; what comes later goes over what comes before.
    fn own(&self, tenant: &TenantId) -> Vec<GivenLimit> {
        let mut in_file = self.base.sources.tenants();
        let in_file = in_file.find(|(id, _)| *id == tenant);
        let mut own = in_file.map_or_else(Vec::new, |(_, given)| given.to_vec());
        own.extend_from_slice(self.over.of(Some(tenant)));
        own
    }

    fn place(&self, own: &[GivenLimit], name: &str) -> Place {
        // A tenant's own, then the API's for all, then the file's for all.
        let mut given = self.over.of(None).to_vec();
        given.extend_from_slice(own);
        self.base.sources.place_of(name, &given)
    }

    /// What contradicts itself, for all or for a tenant.
    fn problems(&self) -> Vec<Problem> {
        let place = |own: &[GivenLimit], path: &str| {
            self.place(own, path.rsplit_once('.').map_or(path, |(_, name)| name))
        };
        let mut problems = self.all.settings.problems(&|path| place(&[], path));
        if problems.is_empty() {
            for (tenant, effective) in &self.tenants {
                let own = self.own(tenant);
                problems.extend(effective.settings.problems(&|path| place(&own, path)));
            }
        }
        problems
    }
}

impl Effective {
    fn new(settings: LimitSettings, (ping_after, pong_within): (Millis, Millis)) -> Self {
        let rate = |per_second, burst| Rate { per_second, burst };
        Self {
            session: SessionLimits {
                sends: rate(settings.sends_per_second, settings.send_burst),
                bytes: settings.bytes(),
                requests: rate(settings.requests_per_second, settings.request_burst),
                pings: rate(
                    settings.pings_per_second,
                    settings.pings_per_second.saturating_mul(4),
                ),
                text_bytes: settings.text_bytes,
                data_bytes: settings.data_bytes,
                subscriptions: settings.subscriptions,
                history_page: settings.history_page,
                ping_after,
                pong_within,
            },
            codec: codec::Limits {
                message_bytes: settings.message_bytes,
                fragments: settings.fragments,
                compression: false,
            },
            outbox: OutboxLimits {
                bytes: settings.outbox_bytes,
                age: crate::node::millis(settings.outbox_age),
            },
            settings,
        }
    }
}

fn liveness(settings: &LivenessSettings) -> (Millis, Millis) {
    let millis = crate::node::millis;
    (millis(settings.ping_after), millis(settings.pong_within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_counts_as_one_machine() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("203.0.113.7"), "203.0.113.7");
        assert_eq!(counted("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
