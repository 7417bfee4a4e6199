//! Who is believed at the other end of TLS, where we are the client.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, WantsVerifier,
};

/// The certificates of a file in PEM; at least one.
///
/// # Errors
/// Why the file cannot be used.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_file_iter(path).and_then(|found| found.collect());
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(found)
}

/// The authorities that browsers believe.
#[must_use]
pub fn browsers() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots
}

/// Believes the authorities that browsers believe, and those of a file.
///
/// # Errors
/// Why the file cannot be used.
pub fn authorities(ca_file: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let mut roots = browsers();
    for certificate in ca_file.map(certificates).transpose()?.unwrap_or_default() {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(believing(roots))
}

/// Believes these.
#[must_use]
pub fn believing(roots: RootCertStore) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    begun().with_root_certificates(roots)
}

/// Believes anybody: nobody who only listens learns anything, and whoever stands in between is not noticed.
#[must_use]
pub fn anybody() -> ClientConfig {
    anybody_shown_to(Arc::new(Nobody))
}

/// Believes anybody, once an onlooker has seen the certificates.
#[must_use]
pub fn anybody_shown_to(onlooker: Arc<dyn Onlooker>) -> ClientConfig {
    let provider = Arc::new(provider());
    begun()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody { provider, onlooker }))
        .with_no_client_auth()
}

/// What all cryptography of TLS is done with.
#[must_use]
pub fn provider() -> CryptoProvider {
    ring::default_provider()
}

fn begun() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
}

/// Sees who is there, and cannot turn anybody away.
pub trait Onlooker: Send + Sync {
    /// Called once a handshake, before the other side has proven that the certificate is its own.
    fn see(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    );
}

struct Nobody;

impl Onlooker for Nobody {
    fn see(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: &ServerName<'_>, _: UnixTime) {}
}

/// Looks at no certificate, but has its holder sign.
struct Anybody {
    provider: Arc<CryptoProvider>,
    onlooker: Arc<dyn Onlooker>,
}

impl fmt::Debug for Anybody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anybody")
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.onlooker.see(leaf, others, name, now);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
