//! `[retention]` and `[[retention.tenants]]`: how long messages are kept, of everybody and of one tenant otherwise.

use std::collections::HashMap;

use charla_wire::TenantId;

use super::problem::{Fault, Problem};
use super::rule::Rule;
use super::slot::{Raw, Slot};
use super::source::ForeignEntry;

/// The list of tenants with a rule of their own; it can be written in the file only.
pub(super) const TENANTS: &str = "retention.tenants";
/// The fields of one of its entries.
pub(super) const FIELDS: [&str; 3] = ["tenant", "days", "messages"];
/// Up to a hundred years.
pub(super) const DAYS: Rule = Rule::Count { min: 0, max: 36_500 };
/// Up to more than anybody scrolls through.
pub(super) const MESSAGES: Rule = Rule::Count {
    min: 0,
    max: 1_000_000_000,
};

/// How long messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// In days; 0: for ever.
    pub days: usize,
    /// In messages of each chat; 0: all.
    pub messages: usize,
}

impl Kept {
    /// Whether anything ever goes.
    #[must_use]
    pub const fn ends(self) -> bool {
        self.days > 0 || self.messages > 0
    }
}

/// `[retention]`
#[derive(Debug, Clone, Default)]
pub struct RetentionSettings {
    /// Of those who are not named.
    pub every: Kept,
    /// Of those who are.
    pub tenants: HashMap<TenantId, Kept>,
}

impl RetentionSettings {
    /// What holds for a tenant.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> Kept {
        self.tenants.get(tenant).copied().unwrap_or(self.every)
    }

    /// Whether anybody's messages ever go.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.every.ends() || self.tenants.values().any(|kept| kept.ends())
    }

    /// Takes the entries of the list, once what holds for everybody is known.
    pub(super) fn settle(&mut self, entries: &[ForeignEntry], problems: &mut Vec<Problem>) {
        for entry in entries {
            let mut named: Option<TenantId> = None;
            let mut kept = self.every;
            for (field, value, place) in &entry.fields {
                let raw = Raw::Toml(value.clone());
                let (taken, rule) = match field.as_str() {
                    "tenant" => (Slot::take(&mut named, &raw, Rule::Tenant), Rule::Tenant),
                    "days" => (kept.days.take(&raw, DAYS), DAYS),
                    _ => (kept.messages.take(&raw, MESSAGES), MESSAGES),
                };
                if taken.is_none() {
                    let fault = Fault::NotAllowed {
                        key: format!("{TENANTS}.{field}"),
                        given: Some(raw.shown()),
                        rule,
                    };
                    problems.push(Problem::new(place, fault));
                }
            }
            let Some(tenant) = named else {
                if !entry.fields.iter().any(|(field, ..)| field == "tenant") {
                    let (key, any) = (TENANTS.to_owned(), vec![format!("{TENANTS}.tenant")]);
                    problems.push(Problem::new(&entry.place, Fault::Needs { key, any }));
                }
                continue;
            };
            self.tenants.insert(tenant, kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::TenantId;

    use super::Kept;
    use crate::settings::tests::loaded;

    #[test]
    fn a_tenant_has_a_rule_of_its_own_and_the_rest_of_everybodys() {
        let text =
            "[retention]\ndays = 90\nmessages = 1000\n[[retention.tenants]]\ntenant = \"acme\"\ndays = 365\n";
        let retention = loaded(text).unwrap().retention;
        let of = |id: &str| retention.of(&TenantId::parse(id).unwrap());
        let kept = |days, messages| Kept { days, messages };
        assert_eq!((of("acme"), of("demo")), (kept(365, 1000), kept(90, 1000)));
        assert!(!loaded("").unwrap().retention.ends());
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said() {
        for (entry, why) in [
            ("days = 3", "needs `retention.tenants.tenant`"),
            ("tenant = \"../x\"", "retention.tenants.tenant"),
            ("tenant = \"acme\"\ndays = -1", "retention.tenants.days"),
            (
                "tenant = \"acme\"\nday = 1",
                "did you mean `retention.tenants.days`",
            ),
        ] {
            let said = loaded(&format!("[[retention.tenants]]\n{entry}\n")).unwrap_err();
            assert!(said.contains(why), "{why}: {said}");
        }
    }
}
