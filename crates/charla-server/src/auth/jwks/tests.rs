//! Key sets fetched from a real server on loopback that counts its requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_trust::signature::{Algorithm, SigningKey};
use charla_wire::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::auth::{Identity, Verifier};
use crate::settings::AuthSettings;

const NOW: i64 = 1_795_428_000;
const P256: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/p256.pem"));
const ED25519: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ed25519.pem"));
const RSA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/rsa2048.pem"));

macro_rules! jwk {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/keys/",
            $name,
            ".jwk.json"
        ))
    };
}

/// What the authority answers.
#[derive(Clone)]
enum Answer {
    Text(String),
    Silence,
}

/// An authority on a port of its own.
struct Authority {
    url: String,
    requests: Arc<AtomicUsize>,
    answer: Arc<Mutex<Answer>>,
}

impl Authority {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (requests, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(answer)));
        let authority = Self {
            url,
            requests: Arc::clone(&requests),
            answer: Arc::clone(&answer),
        };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let answer = answer.lock().clone();
                tokio::spawn(serve(socket, answer, Arc::clone(&requests)));
            }
        });
        authority
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock() = answer;
    }

    /// A verifier that knows no other key, and fetches with these pauses.
    fn verifier(&self, refetch_after: Duration, timeout: Duration) -> Verifier {
        let settings = AuthSettings {
            jwks_url: Some(self.url.clone()),
            ..AuthSettings::default()
        };
        let mut jwks = Jwks::new(&self.url, settings.jwks_max_age).unwrap();
        jwks.refetch_after = refetch_after;
        jwks.timeout = timeout;
        Verifier::with_jwks(&settings, &"the server's own".into(), Some(jwks)).unwrap()
    }

    fn patient(&self) -> Verifier {
        self.verifier(REFETCH_AFTER, FETCH_TIMEOUT)
    }

    /// Fetches whenever it is asked to.
    fn eager(&self) -> Verifier {
        self.verifier(Duration::ZERO, FETCH_TIMEOUT)
    }
}

async fn serve(mut socket: TcpStream, answer: Answer, requests: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    match answer {
        Answer::Text(text) => drop(socket.write_all(text.as_bytes()).await),
        Answer::Silence => std::future::pending().await,
    }
}

fn http(status: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Text(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn set(keys: &[Value]) -> Answer {
    http("200 OK", &json!({ "keys": keys }).to_string())
}

/// The public half as an authority publishes it, without `alg`.
fn public(jwk: &str, kid: &str) -> Value {
    let mut jwk: Value = serde_json::from_str(jwk).unwrap();
    jwk["kid"] = kid.into();
    jwk
}

fn ed(kid: &str) -> Value {
    public(jwk!("ed25519"), kid)
}

fn signed(pem: &str, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = SigningKey::from_pem(algorithm, pem).unwrap();
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token that lets Ana in.
fn token(pem: &str, algorithm: Algorithm, kid: &str) -> String {
    let header = json!({"alg": algorithm.name(), "kid": kid});
    signed(
        pem,
        algorithm,
        &header,
        &json!({"exp": NOW + 300, "user_id": "ana"}),
    )
}

fn by_ed(kid: &str) -> String {
    token(ED25519, Algorithm::EdDsa, kid)
}

async fn verify(verifier: &Verifier, token: &str) -> Result<Identity, Refusal> {
    verifier.verify(token, Timestamp::from_millis(NOW * 1000)).await
}

#[tokio::test]
async fn keys_are_fetched_once_when_first_needed() {
    use Algorithm::{EdDsa, Es256, Rs256};
    let keys = [
        public(jwk!("rsa2048"), "rsa"),
        public(jwk!("p256"), "ec"),
        ed("ed"),
    ];
    let authority = Authority::start(set(&keys)).await;
    let verifier = authority.patient();
    assert_eq!(authority.requests(), 0);
    for (pem, algorithm, kid) in [(RSA, Rs256, "rsa"), (P256, Es256, "ec"), (ED25519, EdDsa, "ed")] {
        let identity = verify(&verifier, &token(pem, algorithm, kid)).await.unwrap();
        assert_eq!(identity.user.as_str(), "ana");
    }
    let confused = verify(&verifier, &token(ED25519, EdDsa, "ec")).await.unwrap_err();
    assert_eq!(
        confused,
        Refusal::invalid("signed with EdDSA, key \"ec\" is for ES256")
    );
    assert_eq!(authority.requests(), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_costs_the_authority_one_request() {
    let authority = Authority::start(set(&[ed("known")])).await;
    let verifier = Arc::new(authority.patient());
    let flood: Vec<_> = (0..200)
        .map(|number| {
            let verifier = Arc::clone(&verifier);
            tokio::spawn(async move { verify(&verifier, &by_ed(&format!("unknown-{number}"))).await })
        })
        .collect();
    let mut causes = Vec::new();
    for attempt in flood {
        causes.push(attempt.await.unwrap().unwrap_err().cause);
    }
    assert_eq!(authority.requests(), 1);
    // One of them was looked for in the set that came; of the others nobody can be sure before the next look.
    let sure = causes
        .iter()
        .filter(|cause| **cause == Cause::TokenInvalid)
        .count();
    let unsure = causes
        .iter()
        .filter(|cause| **cause == Cause::AuthorityUnavailable)
        .count();
    assert_eq!((sure, unsure), (1, 199));
    assert!(verify(&verifier, &by_ed("known")).await.is_ok());
}

#[tokio::test]
async fn an_unknown_key_id_stays_unknown_until_the_next_look() {
    let authority = Authority::start(set(&[ed("old")])).await;
    let verifier = authority.patient();
    for _ in 0..3 {
        let refusal = verify(&verifier, &by_ed("typo")).await.unwrap_err();
        assert_eq!(refusal, Refusal::invalid("no key has the id \"typo\""));
    }
    let refusal = verify(&verifier, &by_ed("new")).await.unwrap_err();
    assert_eq!(refusal.cause, Cause::AuthorityUnavailable);
    assert!(
        refusal
            .detail
            .starts_with("key \"new\" is unknown; the key set is asked again in "),
        "{refusal}"
    );
    assert_eq!(authority.requests(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_by_its_id() {
    let authority = Authority::start(set(&[ed("old")])).await;
    let verifier = authority.eager();
    assert!(verify(&verifier, &by_ed("old")).await.is_ok());
    authority.answers(set(&[ed("new")]));
    assert!(verify(&verifier, &by_ed("new")).await.is_ok());
    assert_eq!(authority.requests(), 2);
    let gone = verify(&verifier, &by_ed("old")).await.unwrap_err();
    assert_eq!(gone, Refusal::invalid("no key has the id \"old\""));
}

#[tokio::test]
async fn the_last_good_set_goes_on_while_the_authority_fails() {
    let authority = Authority::start(set(&[ed("known")])).await;
    let verifier = authority.verifier(Duration::ZERO, Duration::from_millis(200));
    assert!(verify(&verifier, &by_ed("known")).await.is_ok());
    let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(BODY_MAX));
    for failure in [
        http("500 Internal Server Error", ""),
        http("200 OK", "<!doctype html>"),
        http("200 OK", r#"{"keys":[]}"#),
        http("200 OK", &long),
        Answer::Text("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".into()),
        Answer::Text(String::new()),
        Answer::Silence,
    ] {
        let before = authority.requests();
        authority.answers(failure);
        let refusal = verify(&verifier, &by_ed("other")).await.unwrap_err();
        assert_eq!(refusal.cause, Cause::AuthorityUnavailable);
        assert_eq!(
            refusal.detail,
            "key \"other\" is unknown; the key set cannot be fetched"
        );
        assert!(authority.requests() > before);
        assert!(verify(&verifier, &by_ed("known")).await.is_ok());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Authority::start(set(&[ed("theirs")])).await;
    let location = format!("302 Found\r\nlocation: {}", elsewhere.url);
    let authority = Authority::start(http(&location, "")).await;
    let refusal = verify(&authority.patient(), &by_ed("theirs")).await.unwrap_err();
    assert_eq!(refusal.cause, Cause::AuthorityUnavailable);
    assert_eq!((authority.requests(), elsewhere.requests()), (1, 0));
}

#[tokio::test]
async fn no_header_leads_to_a_request() {
    let authority = Authority::start(set(&[ed("known")])).await;
    let elsewhere = Authority::start(set(&[ed("theirs")])).await;
    let verifier = authority.eager();
    let header = json!({"alg": "EdDSA", "kid": "theirs", "jku": elsewhere.url});
    let claims = json!({"exp": NOW + 300, "user_id": "ana", "iss": elsewhere.url});
    let token = signed(ED25519, Algorithm::EdDsa, &header, &claims);
    assert_eq!(
        verify(&verifier, &token).await,
        Err(Refusal::invalid("a header with `jku` is not accepted"))
    );
    assert_eq!((authority.requests(), elsewhere.requests()), (0, 0));
}

#[tokio::test]
async fn a_set_is_fetched_before_anybody_asks() {
    let authority = Authority::start(set(&[ed("known")])).await;
    let verifier = authority.patient();
    verifier.keep_fresh();
    while authority.requests() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(verify(&verifier, &by_ed("known")).await.is_ok());
    assert_eq!(authority.requests(), 1);
}

#[tokio::test]
async fn an_authority_that_never_answered_is_not_the_tokens_fault() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", gone.local_addr().unwrap());
    drop(gone);
    let settings = AuthSettings {
        jwks_url: Some(url),
        ..AuthSettings::default()
    };
    let verifier = Verifier::new(&settings, &"the server's own".into()).unwrap();
    for header in [json!({"alg": "EdDSA", "kid": "known"}), json!({"alg": "EdDSA"})] {
        let claims = json!({"exp": NOW + 300, "user_id": "ana"});
        let token = signed(ED25519, Algorithm::EdDsa, &header, &claims);
        assert_eq!(
            verify(&verifier, &token).await.unwrap_err().cause,
            Cause::AuthorityUnavailable
        );
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    for good in [
        "https://id.example.org/jwks.json",
        "http://127.0.0.1:8080/jwks",
        "http://[::1]/jwks",
        "http://localhost:1/",
    ] {
        assert!(allowed(good).is_ok(), "{good}");
    }
    for (bad, error) in [
        ("http://id.example.org/jwks", JwksUrlError::Plain),
        ("http://127.0.0.1.example.org/", JwksUrlError::Plain),
        ("http://localhost@example.org/", JwksUrlError::UserInfo),
        ("ftp://127.0.0.1/", JwksUrlError::NotAbsolute),
        ("/jwks.json", JwksUrlError::NotAbsolute),
        ("", JwksUrlError::NotAbsolute),
    ] {
        assert_eq!(allowed(bad), Err(error), "{bad}");
    }
}
