//! `wss://`: certificates that are believed, and the cause of each that is not.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use charla_client::connection::Event;
use charla_client::http::{Question, ask_over};
use charla_client::{Address, ConnectError, Connection, Dialect, Dialer};
use charla_wire::Cause;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::listening::{echo, listen};

/// An authority that signs for the tests.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, as a client is told to believe it.
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(certificate.pem().as_bytes()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// A listener that speaks TLS under a name, and a WebSocket within.
    async fn listen(&self, name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        adjust(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    echo(stream).await;
                }
            }
        })
        .await
    }

    fn believer(&self) -> Dialer {
        Dialer::new().with_authorities(self.file.path()).unwrap()
    }
}

fn at(host: &str, address: SocketAddr) -> Address {
    Address::parse(&format!("wss://{host}:{}/ws/", address.port())).unwrap()
}

async fn refused(dialer: &Dialer, address: &Address) -> ConnectError {
    match Connection::connect_over(dialer, address, Dialect::CharlaV1).await {
        Ok(_) => panic!("{address} was believed"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_where_its_file_is_given() {
    let authority = Authority::new();
    let address = at("localhost", authority.listen("localhost", |_| {}).await);
    let mut client = Connection::connect_over(&authority.believer(), &address, Dialect::CharlaV1)
        .await
        .unwrap();
    let frame = json!({"hola": "wss"});
    client.send_frame(&frame).await.unwrap();
    assert_eq!(client.next().await, Event::Frame(frame));
    client.close().await;
}

#[tokio::test]
async fn each_certificate_that_is_not_believed_has_its_cause() {
    let authority = Authority::new();
    let good = authority.listen("localhost", |_| {}).await;
    let expired = authority
        .listen("localhost", |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
        .await;
    let authority_itself = authority
        .listen("localhost", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        })
        .await;
    let elsewhere = authority.listen("other.example", |_| {}).await;
    let plain = listen(|mut stream| async move {
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        let _ = stream.read(&mut [0; 1024]).await;
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let rows = [
        (Dialer::new(), good, Cause::TlsSelfSigned),
        (Dialer::new(), authority_itself, Cause::TlsSelfSigned),
        (authority.believer(), expired, Cause::TlsExpired),
        (authority.believer(), elsewhere, Cause::TlsWrongHost),
        (authority.believer(), plain, Cause::TlsOnPlainPort),
    ];
    for (dialer, listener, cause) in rows {
        let address = at("localhost", listener);
        let error = refused(&dialer, &address).await;
        assert_eq!(error.cause(), Some(cause), "{error}");
        // The preflight names the same.
        let error = ask_over(&dialer, &address, Question::get("/ws/"))
            .await
            .unwrap_err();
        assert_eq!(error.cause(), Some(cause), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_is_no_bad_certificate() {
    let address = listen(|mut stream| async move { stream.shutdown().await.unwrap() }).await;
    let error = refused(&Dialer::new(), &at("localhost", address)).await;
    assert_eq!(error.cause(), Some(Cause::ProxyClosedSilently), "{error}");
}

#[test]
fn a_file_without_certificates_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Dialer::new().with_authorities(file.path()).unwrap_err();
    assert!(
        error.to_string().contains(file.path().to_str().unwrap()),
        "{error}"
    );
}
