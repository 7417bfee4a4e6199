//! A connection to a PostgreSQL server, ours or the application's: encrypted as the settings say, driven by whoever opened it.

use std::path::Path;
use std::task::{Context, Poll};

use charla_trust::postgres::Tls;
use charla_trust::tls;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};

use crate::settings::DatabaseTls;

/// How to get there.
#[derive(Clone)]
pub(crate) struct Way {
    config: Config,
    tls: Option<Tls>,
}

/// What a connection does by itself: polled until it yields nothing more, it carries what the client asks, and yields what the
/// server says unasked.
pub(crate) type Driver = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> + Send>;

impl Way {
    /// To the places of `config`. Not told otherwise, an address with `sslmode=require` is one where connections are encrypted
    /// and the certificate is not looked at, as everywhere else; any other is not encrypted.
    ///
    /// # Errors
    /// Why the file of authorities cannot be used.
    pub(crate) fn new(
        mut config: Config,
        asked: Option<DatabaseTls>,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        let of_address = (config.get_ssl_mode() == SslMode::Require).then_some(DatabaseTls::Require);
        let tls = match asked.or(of_address) {
            None | Some(DatabaseTls::Off) => None,
            Some(DatabaseTls::Require) => Some(tls::anybody()),
            Some(DatabaseTls::VerifyFull) => Some(believed(ca_file)?.with_no_client_auth()),
        };
        config.ssl_mode(match tls {
            Some(_) => SslMode::Require,
            None => SslMode::Disable,
        });
        Ok(Self {
            config,
            tls: tls.map(Tls::new),
        })
    }

    /// The places, and who we are there.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Connects.
    ///
    /// # Errors
    /// As the driver tells it: nobody there, not let in, nobody to believe.
    pub(crate) async fn open(&self) -> Result<(Client, Driver), Error> {
        match &self.tls {
            Some(tls) => Ok(driven(self.config.connect(tls.clone()).await?)),
            None => Ok(driven(self.config.connect(NoTls).await?)),
        }
    }
}

fn believed(ca_file: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let file = ca_file.map(|file| file.display().to_string()).unwrap_or_default();
    tls::authorities(ca_file).map_err(|said| format!("{file}: {said}"))
}

fn driven<S, T>((client, mut connection): (Client, Connection<S, T>)) -> (Client, Driver)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    (client, Box::new(move |context| connection.poll_message(context)))
}

/// Drives a connection to its end; the error that ended it, if one did.
pub(crate) async fn drive(mut driver: Driver) -> Result<(), Error> {
    while let Some(said) = std::future::poll_fn(&mut driver).await {
        // Notices and notifications that nobody asked for.
        drop(said?);
    }
    Ok(())
}
