//! The certificate of a place, whatever is wrong with it, and what a browser would say of it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use charla_trust::tls::{self, Onlooker};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::evidence::{Answer, TlsSeen};
use crate::probe::answer::sample;
use crate::probe::certificate;
use crate::probe::place::{Place, Secure, Wire};

/// Where systems keep the authorities that they believe: Debian, Fedora, SUSE, Alpine, macOS and FreeBSD.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Bytes of an answer that are kept to see what it is.
const FIRST_BYTES: usize = 128;

/// Who is believed: the authorities of browsers, of this machine, and of a file.
pub struct Trust {
    roots: Arc<RootCertStore>,
    /// Certificates that are believed as they stand, authority or not.
    own: Vec<CertificateDer<'static>>,
    provider: CryptoProvider,
}

/// A file of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificates in {} cannot be used: {said}", .file.display())]
pub struct TrustError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub said: String,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}

impl Trust {
    /// The authorities that browsers and this machine believe, and those in a PEM file.
    ///
    /// # Errors
    /// [`TrustError`] when that file cannot be used; a bundle of the system that cannot be is passed over.
    pub fn load(ca_file: Option<&Path>) -> Result<Arc<Self>, TrustError> {
        let mut roots = tls::browsers();
        let mut own = Vec::new();
        let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let bundle = given
            .into_iter()
            .chain(BUNDLES.iter().map(PathBuf::from))
            .find(|path| path.is_file());
        if let Some(certificates) = bundle.and_then(|path| pem(&path).ok()) {
            roots.add_parsable_certificates(certificates.iter().cloned());
            own.extend(certificates);
        }
        if let Some(file) = ca_file {
            let unusable = |said: String| TrustError {
                file: file.to_owned(),
                said,
            };
            let certificates = pem(file).map_err(|error| unusable(error.to_string()))?;
            if certificates.is_empty() {
                return Err(unusable("there is none in it".to_owned()));
            }
            roots.add_parsable_certificates(certificates.iter().cloned());
            own.extend(certificates);
        }
        Ok(Arc::new(Self {
            roots: Arc::new(roots),
            own,
            provider: tls::provider(),
        }))
    }

    /// Who vouches for this chain at a time, whatever name it is for.
    fn vouched(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let found = verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, others, now, algorithms);
        match found {
            Err(error) if self.own.iter().any(|own| own.as_ref() == leaf.as_ref()) => {
                // Believed as it stands; only its time can speak against it.
                let dates =
                    certificate::dates(leaf).map(|(from, to)| (from..=to).contains(&(now.as_secs() as f64)));
                match dates {
                    Some(true) => Ok(()),
                    Some(false) => Err(CertificateError::Expired.into()),
                    None => Err(error),
                }
            }
            other => other,
        }
    }

    /// Whether the chain leads to somebody believed at any time of the leaf's life.
    pub(crate) fn trusts(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((leaf, others)) = chain.split_first() else {
            return false;
        };
        let Some((from, to)) = certificate::dates(leaf) else {
            return false;
        };
        let moments = [UnixTime::now(), moment(from + 1.0), moment(to - 1.0)];
        moments
            .into_iter()
            .any(|now| self.vouched(leaf, others, now).is_ok())
    }

    /// An authority that this machine believes has this organisation in its name.
    pub(crate) fn knows(&self, organisation: &str) -> bool {
        let wanted = organisation.as_bytes();
        !wanted.is_empty()
            && self.roots.roots.iter().any(|root| {
                root.subject
                    .as_ref()
                    .windows(wanted.len())
                    .any(|part| part == wanted)
            })
    }
}

fn moment(seconds: f64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

/// What a TLS handshake showed.
pub(crate) struct Spoken {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Why a browser would not go on.
    pub(crate) refused: Option<Error>,
    pub(crate) alpn: Option<String>,
    pub(crate) version: Option<String>,
}

/// Notes what a browser would have said.
struct Recorder {
    trust: Arc<Trust>,
    seen: Mutex<(Vec<CertificateDer<'static>>, Option<Error>)>,
}

impl Onlooker for Recorder {
    fn see(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) {
        let vouched = self.trust.vouched(leaf, others, now);
        let named = || verify_server_name(&ParsedCertificate::try_from(leaf)?, name);
        let refused = vouched.and_then(|()| named()).err();
        let chain = std::iter::once(leaf)
            .chain(others)
            .map(|one| one.clone().into_owned())
            .collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (chain, refused);
    }
}

/// Speaks TLS as a WebSocket does, with whoever is there.
///
/// # Errors
/// The library's words.
pub(crate) async fn speak(wire: Wire, secure: &Secure) -> Result<(Wire, Spoken), String> {
    let (result, spoken) = shake(wire, secure, &[b"http/1.1"]).await;
    let stream = result.map_err(|error| error.to_string())?;
    Ok((Box::new(stream), spoken))
}

type Shaken<S> = (io::Result<tokio_rustls::client::TlsStream<S>>, Spoken);

async fn shake<S: AsyncRead + AsyncWrite + Unpin>(wire: S, secure: &Secure, alpn: &[&[u8]]) -> Shaken<S> {
    let recorder = Arc::new(Recorder {
        trust: Arc::clone(&secure.trust),
        seen: Mutex::default(),
    });
    let mut spoken = Spoken {
        chain: Vec::new(),
        refused: None,
        alpn: None,
        version: None,
    };
    let result = shake_with(wire, secure, alpn, Arc::clone(&recorder)).await;
    let seen = std::mem::take(&mut *recorder.seen.lock().unwrap_or_else(PoisonError::into_inner));
    (spoken.chain, spoken.refused) = seen;
    if let Ok(stream) = &result {
        let (_, session) = stream.get_ref();
        spoken.alpn = session
            .alpn_protocol()
            .map(|chosen| String::from_utf8_lossy(chosen).into_owned());
        spoken.version = session
            .protocol_version()
            .and_then(|version| version.as_str())
            .map(str::to_owned);
    }
    (result, spoken)
}

async fn shake_with<S: AsyncRead + AsyncWrite + Unpin>(
    wire: S,
    secure: &Secure,
    alpn: &[&[u8]],
    recorder: Arc<Recorder>,
) -> io::Result<tokio_rustls::client::TlsStream<S>> {
    let name = ServerName::try_from(secure.name.clone()).map_err(io::Error::other)?;
    let mut config = tls::anybody_shown_to(recorder);
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config)).connect(name, wire).await
}

/// Looks at the certificate of a place that is spoken to by TLS, or at what answers there instead.
pub async fn look(place: &Place, secure: &Secure, within: Duration) -> TlsSeen {
    let deadline = Instant::now() + within;
    let mut seen = TlsSeen {
        asked: secure.name.clone(),
        ..TlsSeen::default()
    };
    let wire = match place.plain().reach(deadline).await {
        Ok(wire) => wire,
        Err(answer) => {
            seen.error = Some(unreached(&answer));
            return seen;
        }
    };
    let first = Arc::new(Mutex::new(Vec::new()));
    let overheard = Overheard {
        wire,
        first: Arc::clone(&first),
    };
    // HTTP/2 is offered here and not in a WebSocket's own handshake: it shows what a proxy would choose.
    let shaken = timeout_at(deadline, shake(overheard, secure, &[b"h2", b"http/1.1"])).await;
    let first = std::mem::take(&mut *first.lock().unwrap_or_else(PoisonError::into_inner));
    let Ok((result, spoken)) = shaken else {
        seen.error = Some("no answer in time".to_owned());
        return seen;
    };
    // A handshake record or an alert (RFC 8446, section 5.1), of version 3.x.
    seen.spoke_tls = matches!(first.as_slice(), [0x15 | 0x16, 0x03, ..]);
    if !seen.spoke_tls && !first.is_empty() {
        seen.instead = Some(sample(&first));
    } else if first.is_empty() {
        seen.instead = plainly(place, deadline).await;
    }
    seen.error = spoken.refused.as_ref().map(ToString::to_string);
    if let Err(error) = &result {
        seen.error = Some(error.to_string());
    }
    seen.alpn = spoken.alpn;
    seen.version = spoken.version;
    seen.trusted = secure.trust.trusts(&spoken.chain);
    seen.chain_length = spoken.chain.len();
    if let Some(leaf) = spoken.chain.first() {
        let name = ServerName::try_from(secure.name.as_str());
        let parsed = ParsedCertificate::try_from(leaf);
        seen.name_matches =
            matches!((name, parsed), (Ok(name), Ok(leaf)) if verify_server_name(&leaf, &name).is_ok());
        certificate::describe(&spoken.chain, &secure.trust, &mut seen);
    }
    seen
}

/// Looks whether a place that answered plain HTTP by hanging up, or by what is no HTTP, speaks TLS.
pub async fn behind(place: &Place, name: &str, answer: &Answer, within: Duration) -> Option<TlsSeen> {
    if place.tls.is_some() || !matches!(answer, Answer::HungUp { .. } | Answer::NotHttp(_)) {
        return None;
    }
    let secure = Secure {
        name: name.to_owned(),
        trust: Trust::load(None).ok()?,
    };
    let seen = look(place, &secure, within).await;
    seen.spoke_tls.then_some(seen)
}

fn unreached(answer: &Answer) -> String {
    match answer {
        Answer::Unreachable(words) => words.clone(),
        Answer::Refused => "connection refused".to_owned(),
        Answer::Upgraded { .. }
        | Answer::Http { .. }
        | Answer::Silent
        | Answer::NoConnection
        | Answer::HungUp { .. }
        | Answer::NotHttp(_)
        | Answer::Tls(_)
        | Answer::Untried => "no connection in time".to_owned(),
    }
}

/// What a place that hangs up on TLS says to plain HTTP: the first line of it.
async fn plainly(place: &Place, deadline: Instant) -> Option<String> {
    let mut wire = place.plain().reach(deadline).await.ok()?;
    let ask = async {
        wire.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut bytes = [0; FIRST_BYTES];
        let size = wire.read(&mut bytes).await?;
        io::Result::Ok(bytes.get(..size).unwrap_or_default().to_vec())
    };
    let bytes = timeout_at(deadline, ask).await.ok()?.ok()?;
    bytes.starts_with(b"HTTP/").then(|| sample(&bytes))
}

/// Keeps the first bytes that come: rustls does not say what it read instead of TLS.
struct Overheard {
    wire: Wire,
    first: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Overheard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.wire).poll_read(context, buffer);
        let new = buffer.filled().get(before..).unwrap_or_default();
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let room = FIRST_BYTES.saturating_sub(first.len());
        first.extend_from_slice(new.get(..room.min(new.len())).unwrap_or_default());
        polled
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}
