//! The address of a PostgreSQL database: whole for the driver, without its password for people.

use std::fmt;

use secrecy::SecretString;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What stands for a password wherever it would be shown.
const HIDDEN: &str = "(hidden)";

/// An address that the driver understands.
#[derive(Clone)]
pub struct StoreUrl {
    text: SecretString,
    shown: String,
    has_password: bool,
}

impl StoreUrl {
    /// Reads `postgres://user@host:port/database?option=value`; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return None;
        }
        let config: Config = text.parse().ok()?;
        let has_password = config.get_password().is_some();
        let shown = if has_password {
            without_password(&config)
        } else {
            text.to_owned()
        };
        Some(Self {
            text: text.to_owned().into(),
            shown,
            has_password,
        })
    }

    /// The whole address.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.text
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether there is a password in it.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.has_password
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// An address with a password in it, told from what was understood of it: text that is only cut might be cut wrong.
fn without_password(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        })
        .collect();
    let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
    format!(
        "postgres://{}:{HIDDEN}@{}{}{}/{}",
        config.get_user().unwrap_or_default(),
        hosts.join(","),
        if ports.is_empty() { "" } else { ":" },
        ports.join(","),
        config.get_dbname().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for text in [
            "postgres://ana:s3cret@db/charla",
            "postgresql://ana:s3cret@db:5432,other/charla?target_session_attrs=any",
            "postgres://ana@db/charla?password=s3cret&connect_timeout=3",
            "postgres://ana:s3cret%40@db/charla",
            "postgres://ana@db/charla?%70assword=s3cret",
        ] {
            let url = StoreUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(url.has_password());
            assert!(!format!("{url:?} {}", url.shown()).contains("s3cret"), "{url:?}");
        }
        let url = StoreUrl::parse("postgres:///charla?host=/run/postgresql").expect("an address");
        assert!(!url.has_password());
        assert_eq!(url.shown(), "postgres:///charla?host=/run/postgresql");
    }

    #[test]
    fn other_addresses_are_none() {
        for text in [
            "",
            "charla",
            "mysql://ana@db/charla",
            "host=db user=ana",
            "postgres://db:99999/x",
            "postgres://db/x?sslmode=perhaps",
        ] {
            assert!(StoreUrl::parse(text).is_none(), "{text}");
        }
    }
}
