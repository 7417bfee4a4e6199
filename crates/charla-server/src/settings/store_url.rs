//! The address of a PostgreSQL database: whole for the driver, without its password for people.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What stands for a password wherever it would be shown.
const HIDDEN: &str = "(hidden)";

/// What this machine is called, by whatever name.
const LOCAL: &str = "localhost";
/// PostgreSQL's own.
const DEFAULT_PORT: u16 = 5432;

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) if matches!(name.as_str(), "127.0.0.1" | "::1" | "[::1]") => LOCAL.to_owned(),
        Host::Tcp(name) => name.to_ascii_lowercase(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

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

    /// Whether another address leads to the same database, whoever one is there: host by host, port by port. `localhost` is
    /// the same as its addresses; a socket is not, since nobody can tell from its name whose it is.
    #[must_use]
    pub fn is_same_database(&self, other: &Self) -> bool {
        let place = |url: &Self| {
            let config: Config = url.text.expose_secret().parse().ok()?;
            let hosts: Vec<String> = config.get_hosts().iter().map(host_name).collect();
            let hosts = if hosts.is_empty() {
                vec![LOCAL.to_owned()]
            } else {
                hosts
            };
            let ports = match config.get_ports() {
                [] => vec![DEFAULT_PORT; hosts.len()],
                [one] => vec![*one; hosts.len()],
                several => several.to_vec(),
            };
            let name = config.get_dbname().or(config.get_user())?.to_owned();
            Some((hosts, ports, name))
        };
        place(self).is_some_and(|own| place(other) == Some(own))
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
    fn a_database_has_many_addresses() {
        let url = |text| StoreUrl::parse(text).unwrap();
        let ours = url("postgres://charla@127.0.0.1/app");
        for same in [
            "postgres://django:pw@localhost:5432/app",
            "postgresql://x@[::1]/app?application_name=y",
        ] {
            assert!(ours.is_same_database(&url(same)), "{same}");
        }
        for other in [
            "postgres://charla@127.0.0.1/charla",
            "postgres://charla@127.0.0.1:5433/app",
            "postgres://charla@db/app",
            "postgres:///app?host=/run/postgresql&user=charla",
        ] {
            assert!(!ours.is_same_database(&url(other)), "{other}");
        }
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
