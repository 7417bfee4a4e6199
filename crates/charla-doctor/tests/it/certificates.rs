//! The TLS probe against certificates with every fault, and against peers that speak none.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use charla_doctor::evidence::{Answer, Shape, TlsSeen};
use charla_doctor::probe::ask::Ask;
use charla_doctor::probe::handshake::{self, Patience};
use charla_doctor::probe::place::{Place, Secure};
use charla_doctor::probe::tls::{self, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::peer::{Does, Then, peer, serve};

const PATIENCE: Patience = Patience {
    answer_within: Duration::from_secs(2),
    watch_for: Duration::from_millis(50),
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Lab of Chats");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn root() -> Authority {
    CertifiedIssuer::self_signed(params("Root"), KeyPair::generate().unwrap()).unwrap()
}

fn below(root: &Authority) -> Authority {
    CertifiedIssuer::signed_by(params("Intermediate"), KeyPair::generate().unwrap(), root).unwrap()
}

/// A leaf for a name, with its key.
fn leaf(
    by: &Authority,
    name: &str,
    adjust: impl FnOnce(&mut CertificateParams),
) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    adjust(&mut params);
    let certificate = params.signed_by(&key, by).unwrap();
    (certificate.der().clone(), key)
}

/// Listens with a chain, and opens every WebSocket within.
async fn listen(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Place {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    serve(&mut stream, Does::Upgrades("", Vec::new(), Then::Lives)).await;
                }
            });
        }
    });
    Place::tcp("127.0.0.1", port)
}

fn trust(root: &Authority) -> Arc<Trust> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(root.pem().as_bytes()).unwrap();
    Trust::load(Some(file.path())).unwrap()
}

/// What the probe sees there, and how a browser's and another handshake end.
async fn seen(place: &Place, trust: &Arc<Trust>) -> (TlsSeen, Answer, Answer) {
    let secure = Secure {
        name: "chat.test".into(),
        trust: Arc::clone(trust),
    };
    let seen = tls::look(place, &secure, PATIENCE.answer_within).await;
    let place = place.clone().secure("chat.test", trust);
    let ask = Ask {
        target: "/ws/".into(),
        host: "chat.test".into(),
        ..Ask::default()
    };
    let (browser, _) = handshake::try_one(&place, &ask, Shape::Browser, PATIENCE).await;
    let (other, _) = handshake::try_one(&place, &ask, Shape::NoOrigin, PATIENCE).await;
    (seen, browser.answer, other.answer)
}

#[tokio::test]
async fn a_good_chain_is_good() {
    let root = root();
    let middle = below(&root);
    let (certificate, key) = leaf(&middle, "chat.test", |_| {});
    let place = listen(vec![certificate, middle.der().clone()], &key).await;
    let (seen, browser, _) = seen(&place, &trust(&root)).await;
    assert!(
        seen.spoke_tls && seen.trusted && seen.name_matches && !seen.self_signed,
        "{seen:?}"
    );
    assert_eq!((seen.error, seen.chain_length), (None, 2));
    assert_eq!(seen.names, ["chat.test"]);
    assert_eq!(seen.version.as_deref(), Some("TLSv1_3"));
    assert!(browser.is_open(), "{browser:?}");
}

#[tokio::test]
async fn a_missing_intermediate_shows_in_the_issuers_name() {
    let root = root();
    let (certificate, key) = leaf(&below(&root), "chat.test", |_| {});
    let place = listen(vec![certificate], &key).await;
    let (seen, browser, other) = seen(&place, &trust(&root)).await;
    assert!(
        !seen.trusted && !seen.self_signed && !seen.ends_in_root && seen.issuer_known,
        "{seen:?}"
    );
    assert!(matches!(browser, Answer::Tls(words) if words.contains("UnknownIssuer")));
    assert!(
        other.is_open(),
        "what lies behind it is seen all the same: {other:?}"
    );
}

#[tokio::test]
async fn nobody_vouches_for_a_certificate_that_signed_itself() {
    let own = {
        let mut params = CertificateParams::new(vec!["chat.test".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "chat.test");
        params
    };
    let key = KeyPair::generate().unwrap();
    let certificate = own.self_signed(&key).unwrap();
    let place = listen(vec![certificate.der().clone()], &key).await;
    let (seen, browser, _) = seen(&place, &Trust::load(None).unwrap()).await;
    assert!(
        seen.self_signed && seen.ends_in_root && !seen.trusted && seen.name_matches,
        "{seen:?}"
    );
    assert!(seen.subject.contains("chat.test"), "{}", seen.subject);
    assert!(matches!(browser, Answer::Tls(_)));
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_trusted_all_the_same() {
    let root = root();
    let (certificate, key) = leaf(&root, "chat.test", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    });
    let place = listen(vec![certificate], &key).await;
    let (seen, browser, _) = seen(&place, &trust(&root)).await;
    assert!(seen.trusted && seen.name_matches, "{seen:?}");
    assert_eq!(seen.not_after, 1_580_515_200.0);
    assert!(seen.error.is_some() && matches!(browser, Answer::Tls(_)));
}

#[tokio::test]
async fn a_certificate_of_another_name_says_whose_it_is() {
    let root = root();
    let (certificate, key) = leaf(&root, "www.test", |_| {});
    let place = listen(vec![certificate], &key).await;
    let (seen, browser, _) = seen(&place, &trust(&root)).await;
    assert!(seen.trusted && !seen.name_matches, "{seen:?}");
    assert_eq!(
        (seen.names, seen.asked),
        (vec!["www.test".to_owned()], "chat.test".to_owned())
    );
    assert!(matches!(browser, Answer::Tls(_)));
}

#[tokio::test]
async fn a_peer_without_tls_is_told_by_what_it_says() {
    // What uvicorn does with bytes that are no HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let says = Place::tcp("127.0.0.1", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            let mut bytes = [0; 4096];
            let _ = stream.try_read(&mut bytes);
            let answer =
                b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\r\nInvalid HTTP request received.";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                .await
                .unwrap();
        }
    });
    let (seen, browser, _) = seen(&says, &Trust::load(None).unwrap()).await;
    assert_eq!(
        (seen.spoke_tls, seen.instead.as_deref()),
        (false, Some("HTTP/1.1 400 Bad Request"))
    );
    assert!(matches!(browser, Answer::Tls(_)), "{browser:?}");
}

#[tokio::test]
async fn a_peer_that_hangs_up_on_tls_is_asked_plainly() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::tcp("127.0.0.1", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 3];
            if tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first)
                .await
                .is_ok()
                && &first == b"GET"
            {
                let answer = b"HTTP/1.0 404 Not Found\r\n\r\n";
                tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                    .await
                    .unwrap();
            }
        }
    });
    let secure = Secure {
        name: "chat.test".into(),
        trust: Trust::load(None).unwrap(),
    };
    let seen = tls::look(&place, &secure, PATIENCE.answer_within).await;
    assert_eq!(
        (seen.spoke_tls, seen.instead.as_deref()),
        (false, Some("HTTP/1.0 404 Not Found"))
    );
}

#[tokio::test]
async fn a_frozen_peer_is_neither() {
    let address = peer(Does::StaysSilent).await;
    let secure = Secure {
        name: "chat.test".into(),
        trust: Trust::load(None).unwrap(),
    };
    let seen = tls::look(
        &Place::tcp("127.0.0.1", address.port()),
        &secure,
        PATIENCE.watch_for,
    )
    .await;
    assert_eq!((seen.spoke_tls, seen.instead), (false, None));
    assert_eq!(seen.error.as_deref(), Some("no answer in time"));
}

#[test]
fn a_file_without_authorities_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Trust::load(Some(file.path())).unwrap_err();
    assert!(error.to_string().contains(&file.path().display().to_string()));
}
