//! `[webhooks]` and `[[webhooks.endpoints]]`: what the application is told over HTTP, where, and how long it is tried.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charla_wire::TenantId;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::problem::{Fault, Place, Problem};
use super::rule::Rule;
use super::secrets::{Vault, Way};
use super::slot::Raw;
use super::source::ForeignEntry;
use crate::store::webhooks::{EventKind, Kinds};

/// The list of endpoints; it can be written in the file only.
pub(super) const ENDPOINTS: &str = "webhooks.endpoints";

/// The fields of one entry of [`ENDPOINTS`].
pub(super) const ENDPOINT_FIELDS: [&str; 7] = [
    "tenant",
    "url",
    "events",
    "secret_file",
    "secret_env",
    "old_secret_file",
    "old_secret_env",
];

/// What secrets begin with (Standard Webhooks, "signing secret serialization").
const ENCODED: &str = "whsec_";
/// Bytes of a secret, by the same.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The names of all events.
const EVENT_NAMES: &[&str] = &[
    "message.created",
    "message.edited",
    "message.deleted",
    "member.joined",
    "member.left",
    "chat.closed",
    "chat.reopened",
    "connection.closed",
];

/// `[webhooks]`
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The endpoints of the file.
    pub endpoints: Vec<WebhookEndpointSettings>,
    /// Rows that may wait for a tenant's endpoints: what comes beyond is lost, and counted.
    pub outbox_max: usize,
    /// Requests on their way to one endpoint at once, of one node.
    pub concurrency: usize,
    /// From the request to the end of the answer's head.
    pub timeout: Duration,
    /// How often something is tried before it is given up.
    pub attempts: u32,
    /// The wait after the first failure; four times as long after each further one.
    pub retry_min: Duration,
    /// The longest wait.
    pub retry_max: Duration,
}

/// `[[webhooks.endpoints]]`
#[derive(Debug, Clone)]
pub struct WebhookEndpointSettings {
    /// Whose events it gets.
    pub tenant: TenantId,
    /// Where they go.
    pub url: String,
    /// Which.
    pub events: Kinds,
    /// What they are signed with.
    pub secret: SecretString,
    /// What they are signed with too, while the receiver changes.
    pub old_secret: Option<SecretString>,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            outbox_max: 100_000,
            concurrency: 8,
            timeout: Duration::from_secs(10),
            attempts: 12,
            retry_min: Duration::from_secs(5),
            retry_max: Duration::from_secs(4 * 3600),
        }
    }
}

impl WebhookEndpointSettings {
    /// Its id: the same on every node whose file has it, and after every start.
    #[must_use]
    pub fn id(&self) -> Arc<str> {
        let mut hash = Sha256::new();
        hash.update(self.tenant.as_str());
        hash.update([0]);
        hash.update(&self.url);
        let digits = hash.finalize();
        let digits: String = digits.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("file_{digits}").into()
    }
}

/// The bytes of a secret as Standard Webhooks writes them; `None` for anything else.
pub(crate) fn secret_bytes(secret: &SecretString) -> Option<Vec<u8>> {
    let encoded = secret.expose_secret().strip_prefix(ENCODED)?;
    let bytes = STANDARD.decode(encoded).ok()?;
    SECRET_BYTES.contains(&bytes.len()).then_some(bytes)
}

/// Bytes as such a secret.
pub(crate) fn secret_of(bytes: &[u8]) -> SecretString {
    format!("{ENCODED}{}", STANDARD.encode(bytes)).into()
}

/// Whether webhooks can be sent there: http or https, a host, and nothing that should be secret.
pub(crate) fn is_endpoint(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        is_http
            && uri
                .authority()
                .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
    })
}

impl Vault<'_> {
    /// Every entry of `[[webhooks.endpoints]]`.
    pub(super) fn webhook_endpoints(&mut self, entries: &[ForeignEntry]) -> Vec<WebhookEndpointSettings> {
        entries
            .iter()
            .filter_map(|entry| self.webhook_endpoint(entry))
            .collect()
    }

    fn webhook_endpoint(&mut self, entry: &ForeignEntry) -> Option<WebhookEndpointSettings> {
        let tenant = self.needed(entry, "tenant", Rule::Tenant, |text| TenantId::parse(text).ok());
        let url = self.needed(entry, "url", Rule::Endpoint, |text| {
            is_endpoint(text).then(|| text.to_owned())
        });
        let events = self.events(entry);
        let secret = self.way(entry, ["secret_file", "secret_env"]);
        let old_secret = self.way(entry, ["old_secret_file", "old_secret_env"]);
        let Some(secret) = secret? else {
            let any = ["secret_file", "secret_env"].map(|name| format!("{ENDPOINTS}.{name}"));
            let key = ENDPOINTS.to_owned();
            return self.faulty(
                &entry.place,
                Fault::Needs {
                    key,
                    any: any.to_vec(),
                },
            );
        };
        Some(WebhookEndpointSettings {
            tenant: tenant?,
            url: url?,
            events: events?,
            secret,
            old_secret: old_secret?,
        })
    }

    fn faulty<T>(&mut self, place: &Place, fault: Fault) -> Option<T> {
        self.problems.push(Problem::new(place, fault));
        None
    }

    fn needed<T>(
        &mut self,
        entry: &ForeignEntry,
        name: &str,
        rule: Rule,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let key = format!("{ENDPOINTS}.{name}");
        let Some((raw, place)) = field(entry, name) else {
            let any = vec![key];
            let key = ENDPOINTS.to_owned();
            return self.faulty(&entry.place, Fault::Needs { key, any });
        };
        let read = raw.text().and_then(read);
        let given = Some(raw.shown());
        read.or_else(|| self.faulty(&place, Fault::NotAllowed { key, given, rule }))
    }

    fn events(&mut self, entry: &ForeignEntry) -> Option<Kinds> {
        let Some((raw, place)) = field(entry, "events") else {
            return Some(Kinds::all());
        };
        let names = raw.texts().unwrap_or_default();
        let kinds: Option<Vec<_>> = names.iter().map(|name| EventKind::named(name)).collect();
        let kinds = kinds.filter(|kinds| !kinds.is_empty());
        kinds.map(|kinds| Kinds::of(&kinds)).or_else(|| {
            let fault = Fault::NotAllowed {
                key: format!("{ENDPOINTS}.events"),
                given: Some(raw.shown()),
                rule: Rule::Choice(EVENT_NAMES),
            };
            self.faulty(&place, fault)
        })
    }

    /// A secret in a file or in a variable: `None` when it is none, `Some(None)` when it is not there.
    fn way(&mut self, entry: &ForeignEntry, [file, env]: [&str; 2]) -> Option<Option<SecretString>> {
        let keys = [file, env].map(|name| format!("{ENDPOINTS}.{name}"));
        let (name, way, (raw, place)) = match (field(entry, file), field(entry, env)) {
            (None, None) => return Some(None),
            (Some(found), None) => (file, Way::File, found),
            (None, Some(found)) => (env, Way::Variable, found),
            (Some(_), Some((_, place))) => {
                return self.faulty(&place, Fault::OneOf { keys: keys.to_vec() });
            }
        };
        let key = format!("{ENDPOINTS}.{name}");
        let secret = self.secret(&key, way, &raw, &place)?;
        if secret_bytes(&secret).is_some() {
            return Some(Some(secret));
        }
        let (given, rule) = (None, Rule::WebhookSecret);
        self.faulty(&place, Fault::NotAllowed { key, given, rule })
    }
}

fn field(entry: &ForeignEntry, name: &str) -> Option<(Raw, Place)> {
    let found = entry.fields.iter().find(|(field, _, _)| field == name);
    found.map(|(_, value, place)| (Raw::Toml(value.clone()), place.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, load};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const GOOD: &str = "tenant = \"acme\"\nurl = \"https://app.example.org/hooks\"\nsecret_env = \"HOOK\"\n";

    fn loaded(fields: &str, secret: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("charla.toml");
        std::fs::write(&path, format!("[[webhooks.endpoints]]\n{fields}")).unwrap();
        let variables = [("HOOK".to_owned(), secret.to_owned())];
        match load(Some(&path), variables.into_iter(), &[]) {
            Ok(loaded) => Ok(loaded.settings),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn an_endpoint_is_read() {
        let all = loaded(GOOD, SECRET).unwrap().webhooks.endpoints;
        assert_eq!((all.len(), all[0].events), (1, Kinds::all()));
        assert_eq!(all[0].id().len(), "file_".len() + 16);
        let some = loaded(&format!("{GOOD}events = [\"chat.closed\"]"), SECRET).unwrap();
        assert_eq!(some.webhooks.endpoints[0].events.names(), ["chat.closed"]);
        assert_eq!(EVENT_NAMES, EventKind::ALL.map(EventKind::name));
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said_and_its_secret_is_not() {
        for (fields, secret, why) in [
            (GOOD.replace("https:", "ftp:"), SECRET, "http"),
            (
                GOOD.replace("//app", "//user:pass@app"),
                SECRET,
                "webhooks.endpoints.url",
            ),
            (GOOD.replace("acme", "../x"), SECRET, "webhooks.endpoints.tenant"),
            (
                GOOD.replace("tenant = \"acme\"", ""),
                SECRET,
                "needs `webhooks.endpoints.tenant`",
            ),
            (
                format!("{GOOD}events = [\"message.sent\"]"),
                SECRET,
                "message.created",
            ),
            (format!("{GOOD}secret_file = \"x\""), SECRET, "secret_env"),
            (
                GOOD.replace("secret_env", "old_secret_env"),
                SECRET,
                "needs `webhooks.endpoints.secret_file`",
            ),
            (GOOD.to_owned(), "whsec_c2hvcnQ= and no more", "whsec_"),
            (GOOD.to_owned(), "a word that is no such secret", "whsec_"),
        ] {
            let said = loaded(&fields, secret).unwrap_err();
            assert!(said.contains(why), "{why}: {said}");
            assert!(
                !said.contains("no more") && !said.contains("no such secret"),
                "{said}"
            );
        }
    }
}
