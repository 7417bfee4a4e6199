//! `[broker]`, and the address of a Redis or Valkey server in it: whole for the connection, without its password for people.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// What stands for a password wherever it would be shown.
const HIDDEN: &str = "(hidden)";
/// The port that Redis registered.
const PORT: u16 = 6379;

/// `[broker]`
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// The Redis or Valkey server between nodes; `None` for one node alone.
    pub url: Option<BrokerUrl>,
    /// The file with the password for it, read at the start.
    pub password_file: Option<PathBuf>,
    /// What the names of its topics begin with.
    pub prefix: String,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            url: None,
            password_file: None,
            prefix: "charla".into(),
        }
    }
}

/// `redis://user@host:port`.
#[derive(Clone)]
pub struct BrokerUrl {
    user: Option<String>,
    password: Option<SecretString>,
    host: String,
    port: u16,
    shown: String,
}

impl BrokerUrl {
    /// Reads `redis://[user[:password]@]host[:port]`; `None` when it is none. A database's number would mean nothing:
    /// what is published is heard in all of them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("redis://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (who, place) = match rest.rsplit_once('@') {
            Some((who, place)) => (Some(who), place),
            None => (None, rest),
        };
        if place.contains(['/', '?', '#']) {
            return None;
        }
        let authority: http::uri::Authority = place.parse().ok()?;
        let after = place.strip_prefix(authority.host())?;
        if authority.host().is_empty() || (!after.is_empty() && authority.port_u16().is_none()) {
            return None;
        }
        let decoded = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .ok()
                .map(|text| text.into_owned())
        };
        let (user, password) = match who.map(|who| who.split_once(':').unwrap_or((who, ""))) {
            Some((user, password)) => (decoded(user)?, decoded(password)?),
            None => (String::new(), String::new()),
        };
        let has_password = !password.is_empty();
        let shown_who = match (user.is_empty(), has_password) {
            (true, false) => String::new(),
            (false, false) => format!("{user}@"),
            (_, true) => format!("{user}:{HIDDEN}@"),
        };
        Some(Self {
            user: Some(user).filter(|user| !user.is_empty()),
            password: has_password.then(|| password.into()),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(PORT),
            shown: format!("redis://{shown_who}{place}"),
        })
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Who we are there; `None`: Redis' `default`.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password in the address, if any.
    #[must_use]
    pub const fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn an_address_is_understood_and_its_password_not_shown() {
        let url = BrokerUrl::parse("redis://ana:s3%40cret@bus.example.org:7000/").unwrap();
        assert_eq!(
            (url.address(), url.user()),
            (("bus.example.org", 7000), Some("ana"))
        );
        assert_eq!(url.password().unwrap().expose_secret(), "s3@cret");
        assert_eq!(format!("{url:?}"), "redis://ana:(hidden)@bus.example.org:7000");
        let url = BrokerUrl::parse("redis://:s3cret@[::1]").unwrap();
        assert_eq!((url.address(), url.user()), (("::1", 6379), None));
        assert!(!format!("{url:?} {}", url.shown()).contains("s3cret"));
        assert!(BrokerUrl::parse("redis://bus").unwrap().password().is_none());
    }

    #[test]
    fn other_addresses_are_none() {
        for text in [
            "",
            "redis://",
            "bus:6379",
            "http://bus",
            "redis://bus/3",
            "redis://bus:99999",
            "redis://bus:",
            "redis://bus?x=1",
            "rediss://bus",
        ] {
            assert!(BrokerUrl::parse(text).is_none(), "{text}");
        }
    }
}
