//! TLS at the front door: a certificate and a key from two files, read again when they change, without touching who is connected.
//!
//! A pair that cannot be used (halves that do not fit, a date that is over, a file that is being written) leaves the former one in
//! place. Handshakes are as many as [`HANDSHAKES_MAX`] at a time, and the door ends each in its time.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use charla_wire::Timestamp;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use x509_parser::parse_x509_certificate;

use super::socket::Socket;
use crate::node::Node;

/// Handshakes under way at a time: more than honest clients have after a restart, and a bound on what unfinished ones keep.
const HANDSHAKES_MAX: usize = 16_384;
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Where certificate and key stand.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
}

/// Why a certificate and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificates.
    #[error("`server.tls_cert_file` {}: {said}", path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        said: String,
    },
    /// The file with the key. What stands in it is never said.
    #[error("`server.tls_key_file` {}: {said}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        said: String,
    },
    /// One does not belong to the other, or is of a kind that TLS has no use for.
    #[error("`server.tls_cert_file` and `server.tls_key_file` do not fit: {0}")]
    Pair(rustls::Error),
    /// Every client would refuse it.
    #[error("the certificate ended on {0}")]
    Over(Timestamp),
}

/// What looking at the files came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reloaded {
    /// They are as they were.
    Same,
    /// New handshakes get what stands there now.
    New {
        /// When the certificate ends.
        ends: Timestamp,
    },
}

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    used: ArcSwap<Used>,
    // Of what the files held when they were last looked at, good or not: a fault is said once.
    seen: Mutex<[u8; 32]>,
    underway: Semaphore,
}

struct Used {
    config: Arc<ServerConfig>,
    ends: Timestamp,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads both files. A certificate that is over is taken at the start: refusing to serve would help nobody.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        Self::with_room(files, HANDSHAKES_MAX)
    }

    fn with_room(files: TlsFiles, handshakes: usize) -> Result<Self, TlsError> {
        let (bytes, seen) = files.read()?;
        let used = files.parse(&bytes)?;
        Ok(Self {
            files,
            used: ArcSwap::from_pointee(used),
            seen: Mutex::new(seen),
            underway: Semaphore::new(handshakes),
        })
    }

    /// Looks at the files again.
    ///
    /// # Errors
    /// [`TlsError`]: then the former pair stays, and the same fault is not said again.
    pub(crate) fn reload(&self, now: Timestamp) -> Result<Reloaded, TlsError> {
        let mut seen = self.seen.lock();
        let (bytes, found) = self.files.read()?;
        if std::mem::replace(&mut *seen, found) == found {
            return Ok(Reloaded::Same);
        }
        let new = self.files.parse(&bytes)?;
        if new.ends <= now {
            return Err(TlsError::Over(new.ends));
        }
        let ends = new.ends;
        self.used.store(Arc::new(new));
        Ok(Reloaded::New { ends })
    }

    /// When the certificate in use ends.
    pub(crate) fn ends(&self) -> Timestamp {
        self.used.load().ends
    }

    /// Shakes hands. The caller ends it in its time.
    ///
    /// # Errors
    /// Too many do so at once; the socket's own; what is wrong with the peer's words.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Socket> {
        let Ok(_underway) = self.underway.try_acquire() else {
            return Err(io::Error::other("too many handshakes of TLS at once"));
        };
        let config = Arc::clone(&self.used.load().config);
        let (stream, session) = TlsAcceptor::from(config).accept(stream).await?.into_inner();
        Ok(Socket::encrypted(stream, session))
    }
}

impl TlsFiles {
    /// Both files' bytes, and a fingerprint of them.
    fn read(&self) -> Result<([Vec<u8>; 2], [u8; 32]), TlsError> {
        let certificate = std::fs::read(&self.certificate).map_err(|error| self.bad_certificate(&error))?;
        let key = std::fs::read(&self.key).map_err(|error| self.bad_key(&error))?;
        let mut digest = Sha256::new();
        digest.update(certificate.len().to_be_bytes());
        digest.update(&certificate);
        digest.update(&key);
        Ok(([certificate, key], digest.finalize().into()))
    }

    fn bad_certificate(&self, said: &dyn fmt::Display) -> TlsError {
        TlsError::Certificate {
            path: self.certificate.clone(),
            said: said.to_string(),
        }
    }

    fn bad_key(&self, said: &dyn fmt::Display) -> TlsError {
        TlsError::Key {
            path: self.key.clone(),
            said: said.to_string(),
        }
    }

    fn parse(&self, [certificate, key]: &[Vec<u8>; 2]) -> Result<Used, TlsError> {
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| self.bad_certificate(&error))?;
        let Some(own) = chain.first() else {
            return Err(self.bad_certificate(&"there is no certificate in it"));
        };
        let (_, parsed) = parse_x509_certificate(own).map_err(|error| self.bad_certificate(&error))?;
        let seconds = parsed.validity().not_after.timestamp();
        let ends = Timestamp::from_millis(seconds.saturating_mul(1000));
        // The reader's error may quote what it found.
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|_| self.bad_key(&"there is no private key in it"))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring speaks TLS 1.2 and 1.3")
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Used {
            config: Arc::new(config),
            ends,
        })
    }
}

impl Node {
    /// Looks at the files of the certificate, if there is one, and says in the log what came of it.
    pub fn reload_certificates(&self) {
        let Some(tls) = &self.tls else { return };
        let now = (self.clock)();
        match tls.reload(now) {
            Ok(Reloaded::Same) => {}
            Ok(Reloaded::New { ends }) => tracing::info!(%ends, "another certificate is used from now on"),
            Err(error) => {
                tracing::error!(%error, "the certificate could not be renewed: the former one stays");
            }
        }
        self.metrics.certificate_days_left(days(now, tls.ends()));
    }
}

/// Days from one moment to another, as a fraction.
fn days(from: Timestamp, to: Timestamp) -> f64 {
    const DAY: f64 = 86_400_000.0;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a figure for people: days, from milliseconds"
    )]
    let between = (to.as_millis() - from.as_millis()) as f64;
    between / DAY
}

/// Looks at the files again and again.
pub(crate) async fn follow_certificates(node: Arc<Node>) {
    if node.tls.is_none() {
        return;
    }
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        node.reload_certificates();
    }
}
