//! Where the database is and who we are there; and what to do about a server that does not let us in.

use std::fs;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::SqlState;

use super::fault::{self, Fault};
use crate::settings::{StoreSettings, StoreUrl};
use crate::store::StoreError;
use crate::to_postgres::Way;

/// A network that swallows what is sent is noticed after this long.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// A connection that nobody uses is looked after this often.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The way to the address in the settings, with the password where it belongs.
pub(super) fn way(url: &StoreUrl, settings: &StoreSettings) -> Result<Way, StoreError> {
    let refused = |what: String| Err(StoreError::Internal(what));
    let Ok(mut config) = url.text().expose_secret().parse::<Config>() else {
        return refused(
            "`store.url` is no address of PostgreSQL, such as postgres://charla@db.example.org/charla".into(),
        );
    };
    if let Some(path) = &settings.password_file {
        let password = fs::read_to_string(path).map_err(|error| {
            StoreError::Internal(format!(
                "`store.password_file`: {} cannot be read: {error}",
                path.display()
            ))
        })?;
        config.password(password.trim_end_matches(['\r', '\n']));
    }
    config.tcp_user_timeout(UNACKNOWLEDGED);
    config.keepalives_idle(KEEPALIVE);
    if config.get_application_name().is_none() {
        config.application_name("charla");
    }
    if config.get_target_session_attrs() == TargetSessionAttrs::Any {
        // Of several hosts the one that writes; a standby alone is refused at once and not at the first write.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Way::new(config, settings.tls, settings.ca_file.as_deref())
        .or_else(|why| refused(format!("`store.ca_file` cannot be used: {why}")))
}

/// What a caller is told about a connection that was not made, with what to do about it.
pub(super) fn told(fault: Fault, config: &Config) -> StoreError {
    let Fault::Postgres(error) = fault else {
        return fault.told();
    };
    let advice = advice(&error, config);
    StoreError::Unavailable(format!("{}; {advice}", fault::words(&error)))
}

fn advice(error: &tokio_postgres::Error, config: &Config) -> String {
    let user = config.get_user().unwrap_or("?");
    let database = config.get_dbname().unwrap_or(user);
    let Some(code) = error.code() else {
        let text = fault::words(error);
        return if text.contains("password missing") {
            "give the password in `store.password_file` or CHARLA_STORE_URL".into()
        } else if text.contains("does not allow writes") {
            "this server is a standby: name the primary in `store.url`".into()
        } else if text.contains("does not support TLS") {
            "set `ssl = on` in its postgresql.conf, or `store.tls` to \"off\" where nobody else is on the way"
                .into()
        } else if text.contains("certificate") {
            "name who signed its certificate in `store.ca_file`, and the host in `store.url` as the certificate does".into()
        } else {
            format!("is PostgreSQL running at {}? `pg_isready` tells", places(config))
        };
    };
    if *code == SqlState::INVALID_PASSWORD {
        format!("check the password of {user} (`store.password_file` or CHARLA_STORE_URL)")
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        if error
            .as_db_error()
            .is_some_and(|said| said.message().ends_with("no encryption"))
        {
            return "it lets nobody in without TLS: set `store.tls` to \"verify-full\"".into();
        }
        format!("let {user} in: `createuser {user}` if there is none, and a line in pg_hba.conf")
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        format!("make it: `createdb --owner={user} --encoding=UTF8 --template=template0 {database}`")
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        "lower `store.connections` or raise max_connections in postgresql.conf".into()
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        "it is starting or stopping: try again".into()
    } else {
        format!("the server at {} said so", places(config))
    }
}

fn places(config: &Config) -> String {
    let ports = config.get_ports();
    let places = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
        }
    });
    places.collect::<Vec<_>>().join(" or ")
}
