//! TLS as this client speaks it: which authorities it believes, and which cause a failure has.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charla_wire::Cause;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, Error, InvalidMessage, RootCertStore};

/// A file of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificates in {} cannot be used: {said}", .file.display())]
pub struct AuthorityError {
    file: PathBuf,
    said: String,
}

/// Believes the authorities that browsers believe.
pub(crate) fn built_in() -> Arc<ClientConfig> {
    with_roots(browsers_roots())
}

/// Believes the authorities in a PEM file besides.
pub(crate) fn with_file(file: &Path) -> Result<Arc<ClientConfig>, AuthorityError> {
    let unusable = |said: String| AuthorityError {
        file: file.to_owned(),
        said,
    };
    let mut roots = browsers_roots();
    let mut found = 0;
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(unusable("there is none in it".into()));
    }
    Ok(with_roots(roots))
}

fn browsers_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots
}

fn with_roots(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A WebSocket's handshake is HTTP/1.1; a proxy that is offered HTTP/2 may choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The cause of a failed TLS handshake, where it tells one.
pub(crate) fn cause(error: &io::Error) -> Option<Cause> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    if let Error::InvalidCertificate(certificate) = error {
        return certificate_cause(certificate);
    }
    if let Error::InvalidMessage(InvalidMessage::InvalidContentType) = error {
        // An answer that is no TLS record at all: plain HTTP.
        return Some(Cause::TlsOnPlainPort);
    }
    None
}

fn certificate_cause(error: &CertificateError) -> Option<Cause> {
    if matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    ) {
        Some(Cause::TlsExpired)
    } else if matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        Some(Cause::TlsWrongHost)
    } else if matches!(
        error,
        CertificateError::UnknownIssuer | CertificateError::Other(_)
    ) {
        // Signed by itself, by an authority of one's own, or an intermediate one is missing: the first is by far the
        // most frequent, and its fix names the authority's file. What `openssl req -x509` makes calls itself an
        // authority, which comes as one of the others.
        Some(Cause::TlsSelfSigned)
    } else {
        None
    }
}
