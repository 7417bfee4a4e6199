//! How much goes on in each tenant now: [`Tenants`].

use std::collections::HashMap;

use charla_core::Millis;
use charla_wire::TenantId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Tenants that a node tells apart at once; those beyond are counted for the node alone. Some 200 bytes each.
const TENANTS_MAX: usize = 10_000;
/// Slots of a minute, and how long each is.
const SLOTS: usize = 12;
const SLOT: Millis = 5_000;

/// What happened in the last minute, to five seconds.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    slots: [u32; SLOTS],
    at: u64,
}

impl Recent {
    /// One more.
    pub fn add(&mut self, now: Millis) {
        self.turn(now);
        let slot = usize::try_from(self.at).unwrap_or(0) % SLOTS;
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = slot.saturating_add(1);
        }
    }

    /// How many in the last minute.
    pub fn count(&mut self, now: Millis) -> u64 {
        self.turn(now);
        self.slots.iter().map(|count| u64::from(*count)).sum()
    }

    fn turn(&mut self, now: Millis) {
        let to = now / SLOT;
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

/// A tenant's own figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantFigures {
    /// Whose.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Clients connected now.
    pub connections: u64,
    /// Messages stored in the last minute.
    pub messages: u64,
}

#[derive(Debug, Default)]
struct Tenant {
    connections: u64,
    messages: Recent,
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

    /// Those with the most connections, then the most messages; and how many there are. Forgets the quiet ones.
    pub fn busiest(&mut self, most: usize, now: Millis) -> (Vec<TenantFigures>, usize) {
        self.by_id
            .retain(|_, tenant| tenant.connections > 0 || tenant.messages.count(now) > 0);
        let figures = self.by_id.iter_mut().map(|(id, tenant)| TenantFigures {
            tenant: id.clone(),
            connections: tenant.connections,
            messages: tenant.messages.count(now),
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
