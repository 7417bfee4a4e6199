//! A bus behind TLS, and the certificates that are not believed.

use std::path::{Path, PathBuf};

use charla_server::settings::{BrokerSettings, BrokerUrl};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::{Ear, Health, Stage, is_refused, keeps_the_contract};
use crate::bus::{Program, free_port};

/// An authority that signs for the tests.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// Writes its certificate into a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for a name, and its key.
    pub(crate) fn signed(
        &self,
        file: &str,
        name: &str,
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        // Of the name that everybody has by default, OpenSSL thinks that it signed itself.
        params.distinguished_name.push(DnType::CommonName, name);
        adjust(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (
            self.folder.join(format!("{file}.pem")),
            self.folder.join(format!("{file}.key")),
        );
        std::fs::write(&paths.0, certificate.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    /// What has a Redis speak TLS on a port, each option begun by `before`.
    pub(crate) fn options(&self, before: &str, port: u16) -> [String; 5] {
        let (certificate, key) = self.signed(&format!("server-{port}"), "127.0.0.1", |_| {});
        [
            format!("{before}tls-port {port}"),
            format!("{before}tls-auth-clients no"),
            format!("{before}tls-cert-file {}", certificate.display()),
            format!("{before}tls-key-file {}", key.display()),
            format!("{before}tls-ca-cert-file {}", self.file().display()),
        ]
    }
}

fn redis(
    authority: &Authority,
    name: &str,
    clients: &str,
    adjust: impl FnOnce(&mut CertificateParams),
) -> Program {
    let port = free_port();
    let (certificate, key) = authority.signed(&format!("server-{port}"), name, adjust);
    let options = format!(
        "--port 0 --tls-port {port} --bind 127.0.0.1 --dir {} --tls-auth-clients {clients} \
         --tls-cert-file {} --tls-key-file {} --tls-ca-cert-file {}",
        authority.folder.display(),
        certificate.display(),
        key.display(),
        authority.file().display()
    );
    tokio::task::block_in_place(|| Program::start("redis-server", port, &options))
}

fn url(program: &Program, host: &str) -> BrokerUrl {
    BrokerUrl::parse(&format!("rediss://{host}:{}", program.port)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_over_tls_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let program = redis(&authority, "localhost", "no", |_| {});
    let stage = Stage {
        url: url(&program, "localhost"),
        programs: vec![program],
        settings: BrokerSettings {
            ca_file: Some(authority.file()),
            ..BrokerSettings::default()
        },
        _folder: folder,
    };
    keeps_the_contract(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_believed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let believing = BrokerSettings {
        ca_file: Some(authority.file()),
        ..BrokerSettings::default()
    };
    let good = redis(&authority, "localhost", "no", |_| {});
    is_refused(&url(&good, "localhost"), &BrokerSettings::default(), "tls").await;
    is_refused(&url(&good, "127.0.0.1"), &believing, "tls").await;
    let expired = redis(&authority, "localhost", "no", |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    is_refused(&url(&expired, "localhost"), &believing, "tls").await;
    let clear = BrokerUrl::parse(&format!("redis://localhost:{}", good.port)).unwrap();
    is_refused(&clear, &believing, "broken").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_asks_for_a_certificate_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let program = redis(&authority, "localhost", "yes", |_| {});
    let mut settings = BrokerSettings {
        ca_file: Some(authority.file()),
        ..BrokerSettings::default()
    };
    is_refused(&url(&program, "localhost"), &settings, "tls").await;
    let (certificate, key) = authority.signed("client", "charla", |_| {});
    (settings.cert_file, settings.key_file) = (Some(certificate), Some(key));
    let ear = Ear::open_at(&url(&program, "localhost"), &settings);
    ear.is(Health::Alive).await;
}
