//! The way to a server of the bus: TCP, and TLS over it where the address asks for that.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use charla_trust::tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error, InvalidMessage};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::BrokerSetupError;
use super::ended::Ended;
use crate::settings::{BrokerPlace, BrokerSettings, BrokerUrl};

/// From the address to a connection that is let in.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What comes in.
pub(crate) type Reading = Box<dyn AsyncRead + Send + Unpin>;
/// What goes out.
pub(crate) type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// How connections are made.
#[derive(Clone)]
pub(crate) struct Wire {
    tls: Option<Arc<ClientConfig>>,
    always: bool,
}

impl Wire {
    /// As the settings have it; `on_demand`: able to speak TLS also where the address does not ask for it.
    pub(crate) fn new(
        url: &BrokerUrl,
        settings: &BrokerSettings,
        on_demand: bool,
    ) -> Result<Self, BrokerSetupError> {
        let tls = (url.is_tls() || on_demand)
            .then(|| config(settings))
            .transpose()?;
        Ok(Self {
            tls,
            always: url.is_tls(),
        })
    }

    /// Whether every connection has to be encrypted.
    pub(crate) const fn is_tls(&self) -> bool {
        self.always
    }

    /// A connection in the clear.
    pub(crate) async fn tcp(place: &BrokerPlace) -> Result<TcpStream, Ended> {
        let connected = async {
            let socket = TcpStream::connect((place.host.as_str(), place.port)).await?;
            socket.set_nodelay(true)?;
            Ok(socket)
        };
        connected.await.map_err(|error| Ended::Unreachable {
            at: place.to_string(),
            error,
        })
    }

    /// A connection as the address asks for.
    pub(crate) async fn open(&self, place: &BrokerPlace) -> Result<(Reading, Writing), Ended> {
        let socket = Self::tcp(place).await?;
        if self.always {
            self.secured(socket, place).await
        } else {
            Ok(in_the_clear(socket))
        }
    }

    /// TLS over a connection.
    pub(crate) async fn secured(
        &self,
        socket: TcpStream,
        place: &BrokerPlace,
    ) -> Result<(Reading, Writing), Ended> {
        let failed = |said: String, advice| Ended::Tls {
            at: place.to_string(),
            said,
            advice,
        };
        let Some(config) = &self.tls else {
            return Err(failed(
                "the server wants TLS".into(),
                "begin `broker.url` with tls://",
            ));
        };
        let Ok(name) = ServerName::try_from(place.host.clone()) else {
            return Err(failed(
                "no certificate can have this name".into(),
                "correct the name in `broker.url`",
            ));
        };
        let connector = TlsConnector::from(Arc::clone(config));
        match connector.connect(name, socket).await {
            Ok(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                Ok((Box::new(reading), Box::new(writing)))
            }
            Err(error) => {
                let (said, advice) = told(&error);
                Err(failed(said, advice))
            }
        }
    }
}

/// The two halves of a connection without TLS.
pub(crate) fn in_the_clear(socket: TcpStream) -> (Reading, Writing) {
    let (reading, writing) = socket.into_split();
    (Box::new(reading), Box::new(writing))
}

/// Lets nothing take longer than connecting may.
pub(crate) async fn in_time<T>(
    place: &BrokerPlace,
    step: impl Future<Output = Result<T, Ended>>,
) -> Result<T, Ended> {
    timeout(CONNECT_WITHIN, step).await.unwrap_or_else(|_| {
        Err(Ended::Slow {
            at: place.to_string(),
            within: CONNECT_WITHIN,
        })
    })
}

/// The password that the settings give, from its file or the address.
pub(crate) fn password(
    url: &BrokerUrl,
    settings: &BrokerSettings,
) -> Result<Option<SecretString>, BrokerSetupError> {
    match &settings.password_file {
        Some(path) => secret("broker.password_file", path).map(Some),
        None => Ok(url.password().cloned()),
    }
}

/// A file with a secret; a line end at its end is cut.
pub(crate) fn secret(key: &'static str, path: &std::path::Path) -> Result<SecretString, BrokerSetupError> {
    let text = std::fs::read_to_string(path).map_err(|error| unusable(key, path, error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn unusable(key: &'static str, path: &std::path::Path, said: String) -> BrokerSetupError {
    let path = path.display().to_string();
    BrokerSetupError::File { key, path, said }
}

fn config(settings: &BrokerSettings) -> Result<Arc<ClientConfig>, BrokerSetupError> {
    let ca_file = settings.ca_file.as_deref();
    let config = tls::authorities(ca_file).map_err(|said| {
        let path = ca_file.unwrap_or_else(|| std::path::Path::new(""));
        unusable("broker.ca_file", path, said)
    })?;
    let config = match (&settings.cert_file, &settings.key_file) {
        (Some(path), Some(key_path)) => {
            let chain = tls::certificates(path).map_err(|said| unusable("broker.cert_file", path, said))?;
            let key = PrivateKeyDer::from_pem_file(key_path)
                .map_err(|error| unusable("broker.key_file", key_path, error.to_string()))?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(|error| unusable("broker.key_file", key_path, error.to_string()))?
        }
        (None, _) | (_, None) => config.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// What is wrong with the server's certificate or its TLS, and what to do about it.
fn told(error: &io::Error) -> (String, &'static str) {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return (
            format!("no TLS: {error}"),
            "is this the port for TLS, and does the server speak TLS?",
        );
    };
    let advice = if let Error::InvalidMessage(InvalidMessage::InvalidContentType) = tls {
        "is this the port for TLS, and does the server speak TLS?"
    } else if let Error::InvalidCertificate(certificate) = tls {
        certificate_advice(certificate)
    } else if let Error::AlertReceived(_) = tls {
        "the server may want a certificate: `broker.cert_file` and `broker.key_file`"
    } else {
        "the server's log may say more"
    };
    (format!("{tls}"), advice)
}

fn certificate_advice(error: &CertificateError) -> &'static str {
    if matches!(
        error,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    ) {
        "renew the bus' certificate"
    } else if matches!(
        error,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
    ) {
        "set the clocks"
    } else if matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        "write a name into `broker.url` that the certificate has"
    } else {
        // What `openssl req -x509` makes calls itself an authority, which is refused as the server's own.
        "name the file with the authority that signed it in `broker.ca_file`"
    }
}
