//! The settings of this start: defaults, the file, `CHARLA_*` variables, flags, each over the one before.
//!
//! Every problem is reported at once. What comes out is checked: nothing behind this door checks again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::authority;
use super::bridge::Entries;
use super::keys::{BRIDGE_EVENTS, BRIDGE_GROUPS, FOREIGN_KEYS, KEYS, Key, SECRETS, Secret};
use super::problem::{Fault, Place, Problem};
use super::relations;
use super::retention;
use super::rule::Rule;
use super::secrets::{ALGORITHMS, Vault, Way};
use super::slot::Raw;
use super::source::{ForeignEntry, Given, Layer, read_file, read_flags, read_variables};
use super::tenant_limits::LimitSources;
use super::webhooks::ENDPOINTS;
use super::{ApplicationUrl, BrokerUrl, KeyMaterial, KeySettings, RedisUrl, Settings, StoreUrl};

/// Settings that passed, and where each value came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub settings: Settings,
    places: HashMap<&'static str, Place>,
    foreign_places: Vec<Place>,
    /// The entries of the bridge's lists, as they are shown.
    entries: Vec<Shown>,
}

/// One line of `charla config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key.
    pub key: String,
    /// Its value in TOML, `(hidden)` for secrets; `None` while it has none.
    pub value: Option<String>,
    /// Where it came from.
    pub place: Place,
}

/// What stands for a secret wherever it would be shown.
const HIDDEN: &str = "(hidden)";

/// Reads and checks everything.
///
/// `variables` is the environment; `flags` are pairs of key and value.
///
/// # Errors
/// Every [`Problem`] that was found, in the order of the sources.
pub fn load(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
    flags: &[(String, String)],
) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Vec::new();
    let variables: HashMap<_, _> = variables.collect();
    let mut from_file = file.map_or_else(Layer::default, |path| read_file(path, &mut problems));
    let from_variables = read_variables(
        variables
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
        &mut problems,
    );
    let from_flags = read_flags(flags, &mut problems);

    let mut loaded = Loaded {
        settings: Settings::default(),
        places: HashMap::new(),
        foreign_places: Vec::new(),
        entries: Vec::new(),
    };
    let mut vault = Vault {
        folder: file.and_then(Path::parent).unwrap_or_else(|| Path::new("")),
        variables: &variables,
        problems: &mut problems,
    };
    let foreign = vault.foreign_keys(&from_file.take_list(FOREIGN_KEYS));
    (loaded.settings.auth.keys, loaded.foreign_places) = foreign.into_iter().unzip();
    loaded.settings.webhooks.endpoints = vault.webhook_endpoints(&from_file.take_list(ENDPOINTS));
    let mut entries = Entries {
        problems: vault.problems,
    };
    let (groups, events) = (
        from_file.take_list(BRIDGE_GROUPS),
        from_file.take_list(BRIDGE_EVENTS),
    );
    loaded.settings.bridge.groups = entries.groups(&groups);
    loaded.settings.bridge.events = entries.events(&events);
    loaded.entries = shown_entries(BRIDGE_GROUPS, &groups);
    loaded.entries.extend(shown_entries(BRIDGE_EVENTS, &events));
    let kept_otherwise = from_file.take_list(retention::TENANTS);
    let mut tenants = Vec::new();
    for mut layer in [from_file, from_variables, from_flags] {
        tenants.append(&mut layer.tenants);
        loaded.apply(&layer, &mut vault);
    }
    loaded.settings.retention.settle(&kept_otherwise, vault.problems);
    loaded.settings.limit_sources = LimitSources::new(&loaded, tenants, vault.problems);
    authority::settle(&mut loaded, &mut vault);
    loaded.settings.store.history.schema = loaded.settings.application.schema.clone();
    relations::check(&loaded, &mut problems);
    if problems.is_empty() {
        Ok(loaded)
    } else {
        Err(problems)
    }
}

impl Loaded {
    fn apply(&mut self, layer: &Layer, vault: &mut Vault<'_>) {
        let mut secrets: Vec<&Given> = Vec::new();
        for given in &layer.given {
            match given.key.slot {
                Some(slot) => {
                    let raw = match (given.key.rule, given.raw.text()) {
                        (Rule::Path, Some(text)) if !text.is_empty() => {
                            Raw::Text(vault.path(text, &given.place).display().to_string())
                        }
                        _ => given.raw.clone(),
                    };
                    if shows_password(given) {
                        let key = given.key.path.into();
                        vault
                            .problems
                            .push(Problem::new(&given.place, Fault::PasswordShown { key }));
                    } else if slot(&mut self.settings).take(&raw, given.key.rule).is_some() {
                        self.places.insert(given.key.path, given.place.clone());
                    } else {
                        vault.problems.push(Problem::new(&given.place, refused(given)));
                    }
                }
                None => secrets.push(given),
            }
        }
        for secret in &SECRETS {
            let ways = secrets
                .iter()
                .copied()
                .filter(|given| secret.is_given_by(given.key));
            self.apply_secret(secret, &ways.collect::<Vec<_>>(), vault);
        }
    }

    fn apply_secret(&mut self, secret: &Secret, given: &[&Given], vault: &mut Vault<'_>) {
        match given {
            [] => {}
            [only] => {
                let way = Way::of(only.key.rule);
                if let Some(text) = vault.secret(only.key.path, way, &only.raw, &only.place) {
                    *(secret.slot)(&mut self.settings) = Some(text);
                    self.places.insert(secret.path, only.place.clone());
                }
            }
            [.., last] => {
                let ways = KEYS.iter().filter(|key| secret.is_given_by(key));
                let keys = ways.map(|key| key.path.to_owned()).collect();
                vault
                    .problems
                    .push(Problem::new(&last.place, Fault::OneOf { keys }));
            }
        }
    }

    /// Where the value of a key came from.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        self.places.get(key).cloned().unwrap_or(Place::Default)
    }

    /// Every value with where it came from, in the order of the default file.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let mut settings = self.settings.clone();
        let mut lines: Vec<Shown> = KEYS
            .iter()
            .filter(|key| !key.gives_secret() || SECRETS.iter().any(|secret| secret.path == key.path))
            .map(|key| Shown {
                key: key.path.to_owned(),
                value: printed(key, &mut settings),
                place: self.place(key.path),
            })
            .collect();
        let after = |lines: &[Shown], section: &str| {
            let last = lines.iter().rposition(|line| line.key.starts_with(section));
            last.map_or(0, |at| at + 1)
        };
        let keys = self.settings.auth.keys.iter().zip(&self.foreign_places);
        let foreign = keys.enumerate().map(|(index, (key, place))| Shown {
            key: format!("{FOREIGN_KEYS}[{index}]"),
            value: Some(describe(key)),
            place: place.clone(),
        });
        let at = after(&lines, "auth.");
        lines.splice(at..at, foreign);
        let at = after(&lines, "bridge.");
        lines.splice(at..at, self.entries.iter().cloned());
        let at = after(&lines, "limits.");
        lines.splice(at..at, self.settings.limit_sources.shown());
        lines
    }

    /// The files that keys name and that cannot be read: what a start would stop at.
    #[must_use]
    pub fn unreadable_files(&self) -> Vec<Problem> {
        let mut settings = self.settings.clone();
        let named = KEYS
            .iter()
            .filter(|key| key.rule == Rule::Path && key.path.ends_with("_file"));
        let unreadable = named.filter_map(|key| {
            let path = key.slot?(&mut settings).path()?.to_owned();
            let error = std::fs::read(&path).err()?.to_string();
            let place = self.place(key.path);
            let key = key.path.to_owned();
            Some(Problem::new(&place, Fault::KeyFile { key, path, error }))
        });
        unreadable.collect()
    }

    /// The keys beside `[limits]` whose values are others in `new`; what is hidden is not compared.
    #[must_use]
    pub fn differs_in(&self, new: &Self) -> Vec<String> {
        let plain = |loaded: &Self| -> BTreeMap<String, Option<String>> {
            let lines = loaded.shown().into_iter();
            lines
                .filter(|line| !line.key.starts_with("limits."))
                .map(|line| (line.key, line.value))
                .collect()
        };
        let (old, new) = (plain(self), plain(new));
        let mut keys: Vec<String> = old
            .iter()
            .chain(&new)
            .filter(|(key, _)| old.get(*key) != new.get(*key))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// The entries of a list that holds no secret, each as one line of TOML.
fn shown_entries(list: &str, entries: &[ForeignEntry]) -> Vec<Shown> {
    let shown = |(index, entry): (usize, &ForeignEntry)| {
        let fields = entry
            .fields
            .iter()
            .map(|(name, value, _)| format!("{name} = {}", Raw::Toml(value.clone()).shown()));
        Shown {
            key: format!("{list}[{index}]"),
            value: Some(format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))),
            place: entry.place.clone(),
        }
    };
    entries.iter().enumerate().map(shown).collect()
}

/// Whether an address has a password in it outside of the environment: files and command lines are read by others.
fn shows_password(given: &Given) -> bool {
    if matches!(given.place, Place::Variable(_)) {
        return false;
    }
    if given.key.rule == Rule::BridgeHosts {
        let hosts = given.raw.texts().unwrap_or_default();
        let mut hosts = hosts.iter().filter_map(|text| RedisUrl::parse(text));
        return hosts.any(|host| host.url.password().is_some());
    }
    let Some(text) = given.raw.text() else {
        return false;
    };
    if given.key.rule == Rule::BrokerUrl {
        return BrokerUrl::parse(text).is_some_and(|url| url.password().is_some());
    }
    if given.key.rule == Rule::RedisUrl {
        return RedisUrl::parse(text).is_some_and(|url| url.url.password().is_some());
    }
    if given.key.rule == Rule::ApplicationUrl {
        return ApplicationUrl::parse(text).is_some_and(|url| url.has_password());
    }
    given.key.rule == Rule::StoreUrl && StoreUrl::parse(text).is_some_and(|url| url.has_password())
}

pub(super) fn refused(given: &Given) -> Fault {
    if given.key.rule == Rule::BrokerUrl
        && let Some(Err(error)) = given.raw.text().map(BrokerUrl::read)
    {
        let key = given.key.path.into();
        return Fault::BrokerUrl { key, error };
    }
    Fault::NotAllowed {
        key: given.key.path.into(),
        // An address that is not understood may still have a password in it.
        given: (!matches!(
            given.key.rule,
            Rule::StoreUrl | Rule::BrokerUrl | Rule::ApplicationUrl | Rule::BridgeHosts | Rule::RedisUrl
        ))
        .then(|| given.raw.shown()),
        rule: given.key.rule,
    }
}

fn printed(key: &Key, settings: &mut Settings) -> Option<String> {
    match key.slot {
        Some(slot) => slot(settings).print(key.rule),
        None => {
            let secret = SECRETS.iter().find(|secret| secret.is_given_by(key))?;
            (secret.slot)(settings).as_ref().map(|_| HIDDEN.to_owned())
        }
    }
}

fn describe(key: &KeySettings) -> String {
    let algorithm = ALGORITHMS
        .into_iter()
        .find(|(_, algorithm)| *algorithm == key.algorithm)
        .map_or("", |(word, _)| word);
    let mut text = format!("{{ algorithm = \"{algorithm}\"");
    if let Some(kid) = &key.kid {
        text.push_str(&format!(", kid = {kid:?}"));
    }
    if let Some(tenant) = &key.tenant {
        text.push_str(&format!(", tenant = \"{tenant}\""));
    }
    text.push_str(match key.material {
        KeyMaterial::Secret(_) => ", secret = (hidden) }",
        KeyMaterial::PublicPem(_) => ", public_key = (in PEM) }",
    });
    text
}
