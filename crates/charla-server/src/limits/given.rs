//! What the API was given over the settings: figures by tenant, each a value of its own in the store.

use std::collections::BTreeMap;

use charla_wire::TenantId;
use serde_json::Value as Json;

use crate::settings::GivenLimit;

/// What stands in front of the names of the store's values that are limits. No tenant's id has a colon in it.
pub(super) const PREFIX: &str = "limits:";

/// Figures for all and for tenants.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    all: Vec<GivenLimit>,
    tenants: BTreeMap<TenantId, Vec<GivenLimit>>,
}

impl Given {
    /// As the store has it. What this program does not know, because a newer one wrote it, is left there and not used.
    pub(super) fn read(values: &[(String, String)]) -> Self {
        let mut given = Self::default();
        for (name, value) in values {
            if given.read_one(name, value).is_none() {
                tracing::warn!(name, "a limit in the store is not known here, and not used");
            }
        }
        given
    }

    fn read_one(&mut self, name: &str, value: &str) -> Option<()> {
        let (tenant, limit) = name.strip_prefix(PREFIX)?.split_once(':')?;
        let tenant = match tenant {
            "" => None,
            tenant => Some(TenantId::parse(tenant).ok()?),
        };
        let value = Json::String(value.to_owned());
        let limit = GivenLimit::read(limit, &value, tenant.as_ref()).ok()?;
        self.put(tenant.as_ref(), limit);
        Some(())
    }

    /// Those for all, or a tenant's own.
    pub(super) fn of(&self, tenant: Option<&TenantId>) -> &[GivenLimit] {
        match tenant {
            None => &self.all,
            Some(tenant) => self.tenants.get(tenant).map_or(&[], Vec::as_slice),
        }
    }

    /// Those who have any.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.tenants.keys()
    }

    /// Sets one.
    pub(super) fn put(&mut self, tenant: Option<&TenantId>, limit: GivenLimit) {
        self.remove(tenant, limit.name());
        match tenant {
            None => self.all.push(limit),
            Some(tenant) => self.tenants.entry(tenant.clone()).or_default().push(limit),
        }
    }

    /// Takes one away.
    pub(super) fn remove(&mut self, tenant: Option<&TenantId>, name: &str) {
        let others = |given: &GivenLimit| given.name() != name;
        match tenant {
            None => self.all.retain(others),
            Some(tenant) => {
                if let Some(own) = self.tenants.get_mut(tenant) {
                    own.retain(others);
                    if own.is_empty() {
                        self.tenants.remove(tenant);
                    }
                }
            }
        }
    }

    /// Those for all, and those of each tenant, that hold by themselves.
    pub(super) fn sound(&self, holds: impl Fn(Self) -> bool) -> Self {
        let mut sound = Self {
            all: self.all.clone(),
            tenants: BTreeMap::new(),
        };
        if !holds(sound.clone()) {
            sound.all.clear();
        }
        let alone = |(tenant, own): (&TenantId, &Vec<GivenLimit>)| Self {
            all: sound.all.clone(),
            tenants: BTreeMap::from([(tenant.clone(), own.clone())]),
        };
        let tenants = self.tenants.iter().map(alone).filter(|one| holds(one.clone()));
        let tenants = tenants.flat_map(|one| one.tenants).collect();
        Self { tenants, ..sound }
    }

    /// The name under which the store has one.
    pub(super) fn name(tenant: Option<&TenantId>, name: &str) -> String {
        format!("{PREFIX}{}:{name}", tenant.map_or("", TenantId::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_is_not_known_is_not_used() {
        let acme = TenantId::parse("acme").unwrap();
        let name = |tenant: Option<&TenantId>, name: &str| Given::name(tenant, name);
        let values = [
            (name(None, "subscriptions"), "7".to_owned()),
            (name(Some(&acme), "text_bytes"), "8KiB".to_owned()),
            (name(Some(&acme), "connections"), "8".to_owned()),
            (name(Some(&acme), "of_tomorrow"), "8".to_owned()),
            (name(None, "send_burst"), "many".to_owned()),
            ("limits:none".to_owned(), "8".to_owned()),
        ];
        let mut given = Given::read(&values);
        let names = |given: &[GivenLimit]| -> Vec<&str> { given.iter().map(GivenLimit::name).collect() };
        assert_eq!(names(given.of(None)), ["subscriptions"]);
        assert_eq!(names(given.of(Some(&acme))), ["text_bytes"]);
        given.remove(Some(&acme), "text_bytes");
        assert_eq!(given.tenants().count(), 0);
    }
}
