//! How much goes on in each tenant now, and what its limits refused lately: [`Tenants`].

use std::collections::{BTreeMap, HashMap};

use charla_core::{Limit, Millis};
use charla_wire::TenantId;
use serde::{Deserialize, Serialize};

/// Tenants that a node tells apart at once; those beyond are counted for the node alone. Some 200 bytes each.
const TENANTS_MAX: usize = 10_000;
/// Slots that are told apart, and how long each is: of a minute, and of an hour.
const SLOTS: usize = 12;
const OF_A_MINUTE: Millis = 5_000;
const OF_AN_HOUR: Millis = 300_000;

/// What happened in the last minute, to five seconds; or in the last hour, to five minutes.
#[derive(Debug, Clone)]
pub struct Recent {
    slots: [u32; SLOTS],
    slot: Millis,
    at: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(OF_A_MINUTE)
    }
}

impl Recent {
    const fn new(slot: Millis) -> Self {
        Self {
            slots: [0; SLOTS],
            slot,
            at: 0,
        }
    }

    /// One more.
    pub fn add(&mut self, now: Millis) {
        self.turn(now);
        let slot = usize::try_from(self.at).unwrap_or(0) % SLOTS;
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = slot.saturating_add(1);
        }
    }

    /// How many lately.
    pub fn count(&mut self, now: Millis) -> u64 {
        self.turn(now);
        self.slots.iter().map(|count| u64::from(*count)).sum()
    }

    fn turn(&mut self, now: Millis) {
        let to = now / self.slot;
        let steps = to.saturating_sub(self.at).min(SLOTS as u64);
        for step in 0..steps {
            let slot = usize::try_from(to - step).unwrap_or(0) % SLOTS;
            if let Some(slot) = self.slots.get_mut(slot) {
                *slot = 0;
            }
        }
        self.at = self.at.max(to);
    }
}

/// A tenant's own figures, of one node or of several together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFigures {
    /// Whose.
    pub tenant: TenantId,
    /// Clients connected now.
    pub connections: u64,
    /// Messages stored in the last minute.
    pub messages: u64,
    /// How much of a limit is used up now on the node where it is the most, by the limit's key.
    #[serde(default)]
    pub used: BTreeMap<String, u64>,
    /// How often a limit refused something in the last hour, by its key.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
}

impl TenantFigures {
    /// A tenant where nothing goes on.
    #[must_use]
    pub const fn quiet(tenant: TenantId) -> Self {
        Self {
            tenant,
            connections: 0,
            messages: 0,
            used: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Adds those of another node. Limits hold on each node alone, so what is used of one is that of the fullest.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.messages += other.messages;
        for (key, used) in &other.used {
            let known = self.used.entry(key.clone()).or_default();
            *known = (*known).max(*used);
        }
        for (key, refused) in &other.refused {
            *self.refused.entry(key.clone()).or_default() += refused;
        }
    }
}

#[derive(Debug, Default)]
struct Tenant {
    connections: u64,
    messages: Recent,
    // Only those that refused something: some 80 bytes each, seventeen at most.
    refused: Vec<(Limit, Recent)>,
}

impl Tenant {
    fn refused(&mut self, now: Millis) -> BTreeMap<String, u64> {
        let counts = self.refused.iter_mut();
        counts
            .map(|(limit, recent)| (limit.key().to_owned(), recent.count(now)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn is_quiet(&mut self, now: Millis) -> bool {
        self.refused.retain_mut(|(_, recent)| recent.count(now) > 0);
        self.connections == 0 && self.messages.count(now) == 0 && self.refused.is_empty()
    }
}

/// All tenants of this node with something going on.
#[derive(Debug, Default)]
pub struct Tenants {
    by_id: HashMap<TenantId, Tenant>,
}

impl Tenants {
    fn of(&mut self, tenant: &TenantId) -> Option<&mut Tenant> {
        if self.by_id.len() >= TENANTS_MAX && !self.by_id.contains_key(tenant) {
            return None;
        }
        Some(self.by_id.entry(tenant.clone()).or_default())
    }

    /// A connection begins.
    pub fn opened(&mut self, tenant: &TenantId) {
        if let Some(tenant) = self.of(tenant) {
            tenant.connections += 1;
        }
    }

    /// A connection has ended.
    pub fn closed(&mut self, tenant: &TenantId) {
        if let Some(tenant) = self.by_id.get_mut(tenant) {
            tenant.connections = tenant.connections.saturating_sub(1);
        }
    }

    /// A message was stored.
    pub fn message(&mut self, tenant: &TenantId, now: Millis) {
        if let Some(tenant) = self.of(tenant) {
            tenant.messages.add(now);
        }
    }

    /// Something of a tenant's was refused because a limit was reached.
    pub fn refused(&mut self, tenant: &TenantId, limit: Limit, now: Millis) {
        let Some(tenant) = self.of(tenant) else { return };
        match tenant.refused.iter_mut().find(|(known, _)| *known == limit) {
            Some((_, recent)) => recent.add(now),
            None => {
                let mut recent = Recent::new(OF_AN_HOUR);
                recent.add(now);
                tenant.refused.push((limit, recent));
            }
        }
    }

    /// Those with the most connections, then the most messages; and how many there are. Forgets the quiet ones.
    pub fn busiest(&mut self, most: usize, now: Millis) -> (Vec<TenantFigures>, usize) {
        self.by_id.retain(|_, tenant| !tenant.is_quiet(now));
        let figures = self.by_id.iter_mut().map(|(id, tenant)| TenantFigures {
            connections: tenant.connections,
            messages: tenant.messages.count(now),
            refused: tenant.refused(now),
            ..TenantFigures::quiet(id.clone())
        });
        let mut figures: Vec<TenantFigures> = figures.collect();
        sort(&mut figures);
        let all = figures.len();
        figures.truncate(most);
        (figures, all)
    }
}

/// The busiest first.
pub fn sort(figures: &mut [TenantFigures]) {
    figures.sort_by(|a, b| {
        let busy = |one: &TenantFigures| (one.connections, one.messages);
        busy(b).cmp(&busy(a)).then_with(|| a.tenant.cmp(&b.tenant))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_passes() {
        let mut recent = Recent::default();
        recent.add(1_000);
        recent.add(7_000);
        assert_eq!(recent.count(59_999), 2);
        assert_eq!(recent.count(60_000), 1, "the first slot is over");
        assert_eq!(recent.count(65_000), 0);
        recent.add(10_000_000);
        assert_eq!(recent.count(10_000_000), 1);
    }

    #[test]
    fn what_was_refused_is_told_for_an_hour_and_adds_up() {
        let mut tenants = Tenants::default();
        let acme = TenantId::parse("acme").unwrap();
        for (limit, now) in [
            (Limit::Sends, 0),
            (Limit::Sends, 700_000),
            (Limit::Subscriptions, 700_000),
        ] {
            tenants.refused(&acme, limit, now);
        }
        let told = |tenants: &mut Tenants, now| {
            let told = tenants.busiest(1, now).0.pop()?.refused;
            Some(told.into_iter().collect::<Vec<_>>())
        };
        let both = [
            ("sends_per_second".to_owned(), 2),
            ("subscriptions".to_owned(), 1),
        ];
        assert_eq!(told(&mut tenants, 3_599_999).unwrap(), both);
        assert_eq!(told(&mut tenants, 3_600_000).unwrap()[0].1, 1);
        assert_eq!(told(&mut tenants, 4_200_000), None, "quiet for an hour");

        let mut one = TenantFigures::quiet(acme.clone());
        one.used.insert("connections_per_tenant".into(), 3);
        let mut other = TenantFigures::quiet(acme);
        other.used.insert("connections_per_tenant".into(), 2);
        other.refused.insert("subscriptions".into(), 4);
        one.add(&other);
        one.add(&other);
        assert_eq!(one.used["connections_per_tenant"], 3, "each node for itself");
        assert_eq!(one.refused["subscriptions"], 8);
    }

    #[test]
    fn the_quiet_are_forgotten_and_the_many_have_a_bound() {
        let mut tenants = Tenants::default();
        let id = |n: usize| TenantId::parse(&format!("t{n}")).unwrap();
        for n in 0..TENANTS_MAX + 5 {
            tenants.message(&id(n), 0);
        }
        tenants.opened(&id(7));
        let (busiest, all) = tenants.busiest(2, 1);
        assert_eq!((busiest.len(), all), (2, TENANTS_MAX));
        assert_eq!((busiest[0].tenant.clone(), busiest[0].connections), (id(7), 1));
        assert_eq!(tenants.busiest(2, 60_000).1, 1, "who is connected stays");
        tenants.closed(&id(7));
        assert_eq!(tenants.busiest(2, 60_000).1, 0);
    }
}
