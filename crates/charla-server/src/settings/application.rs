//! `[application]`: where the application's own database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::Opts;
use secrecy::SecretString;

use super::StoreUrl;

/// `[application]`
#[derive(Debug, Clone)]
pub struct ApplicationSettings {
    /// The database; `None`: nothing is asked of it.
    pub database_url: Option<ApplicationUrl>,
    /// The file with the password for it, read at the start.
    pub password_file: Option<PathBuf>,
    /// Whether connections are encrypted, and who is believed; `None`: as the address says.
    pub tls: Option<DatabaseTls>,
    /// Authorities in PEM that may have signed its certificate, besides those that browsers believe.
    pub ca_file: Option<PathBuf>,
    /// Connections of this node.
    pub connections: usize,
    /// How long a query may take; and how long to wait for a connection.
    pub timeout: Duration,
    /// The schema to look in, besides `public`: [`crate::application::TENANT_SCHEMA`] or a name; PostgreSQL only.
    pub schema: Option<String>,
}

impl Default for ApplicationSettings {
    fn default() -> Self {
        Self {
            database_url: None,
            password_file: None,
            tls: None,
            ca_file: None,
            connections: 8,
            timeout: Duration::from_secs(2),
            schema: None,
        }
    }
}

/// How connections to a database are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseTls {
    /// Not at all.
    Off,
    /// The server's certificate is not looked at: whoever stands in between is not noticed.
    Require,
    /// The certificate is signed by somebody who is believed, for this name.
    VerifyFull,
}

/// A kind of database, which says how its SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// The address of a database of one of three kinds.
#[derive(Debug, Clone)]
pub enum ApplicationUrl {
    /// `postgres://` or `postgresql://`.
    Postgres(StoreUrl),
    /// `mysql://`, MariaDB too.
    Mysql(MysqlUrl),
    /// `sqlite:///` and the path of a file.
    Sqlite(PathBuf),
}

impl ApplicationUrl {
    /// Reads an address; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            let absolute = path.starts_with('/') && path.len() > 1;
            return absolute.then(|| Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("mysql://") {
            return MysqlUrl::parse(text).map(Self::Mysql);
        }
        StoreUrl::parse(text).map(Self::Postgres)
    }

    /// What it leads to.
    #[must_use]
    pub const fn kind(&self) -> DatabaseKind {
        match self {
            Self::Postgres(_) => DatabaseKind::Postgres,
            Self::Mysql(_) => DatabaseKind::Mysql,
            Self::Sqlite(_) => DatabaseKind::Sqlite,
        }
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Postgres(url) => url.shown().to_owned(),
            Self::Mysql(url) => url.shown().to_owned(),
            Self::Sqlite(path) => format!("sqlite://{}", Path::display(path)),
        }
    }

    /// Whether there is a password in it.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        match self {
            Self::Postgres(url) => url.has_password(),
            Self::Mysql(url) => url.has_password(),
            Self::Sqlite(_) => false,
        }
    }
}

/// An address of MySQL that the driver understands.
#[derive(Clone)]
pub struct MysqlUrl {
    text: SecretString,
    shown: String,
    has_password: bool,
}

impl MysqlUrl {
    /// Reads `mysql://user@host:port/database?option=value`; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let opts = Opts::from_url(text).ok()?;
        let name = opts.db_name().filter(|name| !name.is_empty())?;
        let has_password = opts.pass().is_some_and(|password| !password.is_empty());
        let shown = if has_password {
            let user = opts.user().unwrap_or_default();
            let (host, port) = (opts.ip_or_hostname(), opts.tcp_port());
            format!("mysql://{user}:(hidden)@{host}:{port}/{name}")
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

impl fmt::Debug for MysqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_address() {
        for (text, kind) in [
            ("postgres://ana@db/app", DatabaseKind::Postgres),
            ("postgresql:///app?host=/run/postgresql", DatabaseKind::Postgres),
            ("mysql://ana@db:3306/app", DatabaseKind::Mysql),
            (
                "mysql://ana@localhost/app?socket=/run/mysqld/mysqld.sock",
                DatabaseKind::Mysql,
            ),
            ("sqlite:///srv/app/db.sqlite3", DatabaseKind::Sqlite),
        ] {
            assert_eq!(
                ApplicationUrl::parse(text).map(|url| url.kind()),
                Some(kind),
                "{text}"
            );
        }
        for text in [
            "",
            "app",
            "sqlite://db.sqlite3",
            "sqlite:///",
            "mysql://",
            "mysql://ana@db",
            "mariadb://a/b",
        ] {
            assert!(ApplicationUrl::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for text in [
            "mysql://ana:s3cret@db/app",
            "mysql://ana:s3cr%65t@db:3307/app?tcp_keepalive=1000",
            "postgres://ana:s3cret@db/app",
        ] {
            let url = ApplicationUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(url.has_password());
            let told = format!("{url:?} {}", url.shown());
            assert!(!told.contains("s3cr"), "{told}");
        }
    }
}
