//! Tenants' own figures for `[limits]`, and where each figure comes from: [`LimitSources`].
//!
//! A figure for a tenant goes over one for all, whoever gave which; among those for the same, the API's goes over the file's.

use std::collections::BTreeMap;

use charla_wire::TenantId;
use serde_json::Value as Json;

use super::keys::{self, KEYS, Key};
use super::limits::OF_THE_NODE;
use super::load::{Loaded, Shown, refused};
use super::near::nearest;
use super::problem::{Fault, Place, Problem};
use super::relations;
use super::rule::Rule;
use super::slot::Raw;
use super::source::Given;
use super::{LimitSettings, Settings};

/// The table of the file below which tenants have theirs.
pub(super) const TENANT_LIMITS: &str = "limits.tenants";
/// What stands in front of a limit's name.
const PREFIX: &str = "limits.";

/// A figure that was given for a limit.
#[derive(Debug, Clone)]
pub struct GivenLimit(Given);

/// Where the figures of [`Settings::limits`] come from, and those of tenants.
#[derive(Debug, Clone, Default)]
pub struct LimitSources {
    places: BTreeMap<&'static str, Place>,
    tenants: BTreeMap<TenantId, Vec<GivenLimit>>,
}

/// A limit as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitValue {
    /// Its name in `[limits]`.
    pub name: &'static str,
    /// Its value: a number, or text with a unit.
    pub value: Json,
    /// What it means.
    pub meaning: &'static str,
    /// Whether tenants can have one of their own.
    pub of_tenants: bool,
}

/// The tenant of a table's name.
pub(super) fn tenant(name: &str) -> Result<TenantId, Fault> {
    TenantId::parse(name).map_err(|_| Fault::NotAllowed {
        key: TENANT_LIMITS.into(),
        given: Some(format!("{name:?}")),
        rule: Rule::Tenant,
    })
}

/// The key that a name in a tenant's table stands for.
pub(super) fn key_of_tenant(tenant: &str, name: &str) -> Result<&'static Key, Fault> {
    let path = format!("{TENANT_LIMITS}.{tenant}.{name}");
    match keys::find(&format!("{PREFIX}{name}")) {
        Some(key) if OF_THE_NODE.contains(&key.path) => Err(Fault::OfTheNode { key: path }),
        Some(key) => Ok(key),
        None => {
            let known = limit_keys().filter(|key| !OF_THE_NODE.contains(&key.path));
            let near = nearest(name, known.map(Key::name));
            let near = near.map(|near| format!("{TENANT_LIMITS}.{tenant}.{near}"));
            Err(Fault::UnknownKey { key: path, near })
        }
    }
}

fn limit_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.section() == "limits")
}

/// Limits among settings that are otherwise the defaults: slots are places in settings.
fn alone(limits: &LimitSettings) -> Settings {
    Settings {
        limits: limits.clone(),
        ..Settings::default()
    }
}

impl GivenLimit {
    /// A figure that the API was given: a number, or text as in the file.
    ///
    /// # Errors
    /// [`Problem`]: there is no such limit, a tenant has none of its own, or the value is not allowed.
    pub fn read(name: &str, value: &Json, tenant: Option<&TenantId>) -> Result<Self, Box<Problem>> {
        let place = Place::Api;
        let told = |fault| Box::new(Problem::new(&place, fault));
        let key = match tenant {
            Some(tenant) => key_of_tenant(tenant.as_str(), name).map_err(told)?,
            None => keys::find(&format!("{PREFIX}{name}")).ok_or_else(|| {
                let near = nearest(name, limit_keys().map(Key::name));
                told(Fault::UnknownKey {
                    key: format!("{PREFIX}{name}"),
                    near: near.map(|near| format!("{PREFIX}{near}")),
                })
            })?,
        };
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                value.to_string()
            }
        };
        let given = Given {
            key,
            raw: Raw::Text(text),
            place: place.clone(),
        };
        let mut scratch = Settings::default();
        let taken = key
            .slot
            .and_then(|slot| slot(&mut scratch).take(&given.raw, key.rule));
        taken.ok_or_else(|| told(refused(&given)))?;
        Ok(Self(given))
    }

    /// The limit's name in `[limits]`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.key.name()
    }

    /// Where it was given.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.0.place
    }

    /// The value as text; reads back as the same.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.0.raw.text()
    }
}

impl LimitSources {
    /// What the sources gave; figures that are not allowed become problems.
    pub(super) fn new(loaded: &Loaded, given: Vec<(TenantId, Given)>, problems: &mut Vec<Problem>) -> Self {
        let places = limit_keys().map(|key| (key.path, loaded.place(key.path)));
        let mut sources = Self {
            places: places.filter(|(_, place)| *place != Place::Default).collect(),
            tenants: BTreeMap::new(),
        };
        for (tenant, given) in given {
            let mut scratch = Settings::default();
            let slot = given.key.slot;
            if slot
                .and_then(|slot| slot(&mut scratch).take(&given.raw, given.key.rule))
                .is_none()
            {
                problems.push(Problem::new(&given.place, refused(&given)));
                continue;
            }
            sources.tenants.entry(tenant).or_default().push(GivenLimit(given));
        }
        for own in sources.tenants.values() {
            let limits = LimitSettings::with(&loaded.settings.limits, own);
            problems.extend(limits.problems(&|key| sources.place(key, own)));
        }
        sources
    }

    /// Tenants' own figures.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &[GivenLimit])> {
        self.tenants
            .iter()
            .map(|(tenant, given)| (tenant, given.as_slice()))
    }

    /// Where the figure of a limit comes from, where `own` goes over those for all; by its path.
    pub(super) fn place(&self, path: &str, own: &[GivenLimit]) -> Place {
        let own = own.iter().rev().find(|given| given.0.key.path == path);
        own.map(GivenLimit::place)
            .or_else(|| self.places.get(path))
            .cloned()
            .unwrap_or(Place::Default)
    }

    /// The same by its name in `[limits]`.
    #[must_use]
    pub fn place_of(&self, name: &str, own: &[GivenLimit]) -> Place {
        self.place(&format!("{PREFIX}{name}"), own)
    }

    /// Lines of `charla config show`.
    pub(super) fn shown(&self) -> impl Iterator<Item = Shown> {
        self.tenants.iter().flat_map(|(tenant, given)| {
            given.iter().map(move |GivenLimit(given)| {
                let mut scratch = Settings::default();
                let value = given.key.slot.and_then(|slot| {
                    slot(&mut scratch).take(&given.raw, given.key.rule)?;
                    slot(&mut scratch).print(given.key.rule)
                });
                Shown {
                    key: format!("{TENANT_LIMITS}.{tenant}.{}", given.key.name()),
                    value,
                    place: given.place.clone(),
                }
            })
        })
    }
}

impl LimitSettings {
    /// These, with what was given over them.
    #[must_use]
    pub fn with(&self, given: &[GivenLimit]) -> Self {
        let mut settings = alone(self);
        for GivenLimit(given) in given {
            if let Some(slot) = given.key.slot {
                // What is not allowed was found when it was read.
                let _ = slot(&mut settings).take(&given.raw, given.key.rule);
            }
        }
        settings.limits
    }

    /// What contradicts itself, told at the place of each.
    #[must_use]
    pub fn problems(&self, place: &dyn Fn(&'static str) -> Place) -> Vec<Problem> {
        relations::check_limits(&alone(self), place)
    }

    /// All of them, in the order of the file.
    #[must_use]
    pub fn values(&self) -> Vec<LimitValue> {
        let mut settings = alone(self);
        let keys = limit_keys();
        keys.filter_map(|key| {
            let printed = key.slot?(&mut settings).print(key.rule)?;
            // What is printed is a number or quoted text, which JSON writes alike.
            let value = serde_json::from_str(&printed).ok()?;
            Some(LimitValue {
                name: key.name(),
                value,
                meaning: key.doc,
                of_tenants: !OF_THE_NODE.contains(&key.path),
            })
        })
        .collect()
    }
}
