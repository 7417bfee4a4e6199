//! The application is asked over HTTP: what is sent and signed, and what is no answer.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An application that answers by hand.
struct Application {
    url: String,
    /// What is answered: status and body; `None`: nothing until it is something else.
    says: watch::Sender<Option<(u16, String)>>,
    /// What came: headers in lower case, and the body.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Application {
    async fn start(says: &Value) -> Self {
        Self::start_with(says, None).await
    }

    /// Over TLS, with a certificate.
    async fn start_with(says: &Value, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let application = Self {
            url: format!(
                "{}://{}/internal/charla/authority/",
                if tls.is_some() { "https" } else { "http" },
                listener.local_addr().unwrap()
            ),
            says: watch::Sender::new(Some((200, says.to_string()))),
            asked: Arc::default(),
        };
        let (says, asked) = (application.says.subscribe(), Arc::clone(&application.asked));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (says, asked) = (says.clone(), Arc::clone(&asked));
                match tls.clone() {
                    None => drop(tokio::spawn(answer(socket, says, asked))),
                    Some(tls) => drop(tokio::spawn(async move {
                        if let Ok(socket) = tls.accept(socket).await {
                            answer(socket, says, asked).await;
                        }
                    })),
                }
            }
        });
        application
    }

    fn says(&self, status: u16, body: &str) {
        self.says.send_replace(Some((status, body.to_owned())));
    }

    fn toml(&self, more: &str) -> String {
        format!(
            "[authority]\nkind = \"http\"\nurl = \"{}\"\nsecret = \"what both of them know\"\n{more}",
            self.url
        )
    }
}

async fn answer(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    mut says: watch::Receiver<Option<(u16, String)>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
) {
    let mut read = Vec::new();
    loop {
        let (head, length) = loop {
            let text = String::from_utf8(read.clone()).unwrap();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.unwrap().parse().unwrap();
                if body.len() >= length {
                    break (head, length);
                }
            }
            if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let body_at = head.len() + 4;
        let body = String::from_utf8(read[body_at..body_at + length].to_vec()).unwrap();
        read.drain(..body_at + length);
        asked.lock().push((head, body));
        let said = says.wait_for(Option::is_some).await.map(|said| said.clone());
        let Ok(Some((status, body))) = said else { return };
        let reply = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if socket.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_question_is_answered() {
    let yes = json!({"allowed": true, "name": "Ana", "title": "Cinco", "role": "member"});
    let application = Application::start(&yes).await;
    let serving = serve(&application.toml("")).await;
    let (_, welcome, subscribed) = enter(&serving, "north", "42", "5").await;
    assert_eq!(welcome["user"]["name"], "Ana");
    assert_eq!(subscribed["title"], "Cinco");
    let asked = application.asked.lock().clone();
    assert_eq!(asked.len(), 1, "handshake and subscription are one question");
    let (head, body) = &asked[0];
    assert_eq!(
        serde_json::from_str::<Value>(body).unwrap(),
        json!({"tenant": "north", "user": "42", "chat": "5"})
    );
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "post /internal/charla/authority/ http/1.1");
    assert!(lines.contains(&"content-type: application/json"));
    // The signature has both cases.
    let header = |name: &str| {
        lines
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap()
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(b"what both of them know").unwrap();
    mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), signature.to_ascii_lowercase());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_question_names_its_trace_and_no_other_does() {
    let application = Application::start(&json!({"allowed": true})).await;
    let traced = "[telemetry]\nendpoint = \"http://127.0.0.1:9\"\nsample_ratio = 1\n";
    let serving = serve(&application.toml(traced)).await;
    enter(&serving, "north", "42", "5").await;
    let serving = serve(&application.toml("")).await;
    enter(&serving, "north", "42", "5").await;
    let asked = application.asked.lock().clone();
    let named = |(head, _): &(String, String)| head.contains("\r\ntraceparent: 00-");
    assert_eq!(asked.iter().map(named).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_has_its_cause() {
    let application = Application::start(&json!({"allowed": false})).await;
    let serving = serve(&application.toml("cache_allow = \"0s\"\ncache_deny = \"0s\"")).await;
    for (says, refusal) in [
        (json!({"allowed": false}), (4403, "not_a_member")),
        (json!({"allowed": false, "role": "agent"}), (4403, "not_a_member")),
        (
            json!({"allowed": true, "chat_exists": false}),
            (4404, "chat_not_found"),
        ),
        (
            json!({"allowed": true, "tenant_exists": false}),
            (4404, "tenant_not_found"),
        ),
        (
            json!({"allowed": true, "user_exists": false}),
            (4403, "not_a_member"),
        ),
    ] {
        application.says(200, &says.to_string());
        let (code, cause) = refused(&serving, "north", "42", "5").await;
        assert_eq!((code, &*cause), refusal, "{says}");
        assert!(!knows_tenant(&serving, "north").await);
    }
    application.says(
        200,
        &json!({"allowed": true, "role": "agent", "closed": true}).to_string(),
    );
    let (_, _, subscribed) = enter(&serving, "north", "42", "5").await;
    assert_eq!(
        (&subscribed["role"], &subscribed["state"]),
        (&json!("agent"), &json!("closed"))
    );
    let asked = application.asked.lock().clone();
    application.says(
        200,
        &json!({"allowed": false, "user_exists": true, "name": "Ana"}).to_string(),
    );
    let mut lobby = knock(&serving, "south", "42", "/ws/").await;
    assert_eq!(lobby.next_of("welcome").await["user"]["name"], "Ana");
    let (_, body) = application.asked.lock()[asked.len()].clone();
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["chat"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_no_answer() {
    let application = Application::start(&json!({"allowed": true})).await;
    let serving = serve(&application.toml("cache_allow = \"0s\"")).await;
    let long = json!({"allowed": true, "name": "a".repeat(20_000)}).to_string();
    for (status, body) in [
        (200, ""),
        (200, "true"),
        (200, "{}"),
        (200, r#"{"allowed": "yes"}"#),
        (200, r#"{"allowed": true, "rol": "agent"}"#),
        (200, r#"{"allowed": true, "role": "boss"}"#),
        (200, "<h1>Welcome</h1>"),
        (200, &*long),
        (201, r#"{"allowed": true}"#),
        (302, r#"{"allowed": true}"#),
        (403, r#"{"allowed": true}"#),
        (404, r#"{"allowed": true}"#),
        (500, "Server Error (500)"),
    ] {
        application.says(status, body);
        let (code, cause) = refused(&serving, "north", "42", "5").await;
        assert_eq!(
            (code, &*cause),
            (1013, "authority_unavailable"),
            "{status} {body}"
        );
    }
    // An id that makes the application stumble keeps nobody else out.
    application.says(200, r#"{"allowed": true}"#);
    enter(&serving, "north", "42", "5").await;
    assert_eq!(questions(&serving, "spared").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_is_silent_or_gone_is_left_alone() {
    let application = Application::start(&json!({"allowed": true})).await;
    let serving = serve(&application.toml("timeout = \"100ms\"")).await;
    for says in [None, Some((502, "Bad Gateway".to_owned()))] {
        application.says.send_replace(says);
        let spared = questions(&serving, "spared").await;
        until("it is left alone", || async {
            let (code, cause) = refused(&serving, "north", "42", "5").await;
            assert_eq!((code, &*cause), (1013, "authority_unavailable"));
            questions(&serving, "spared").await > spared
        })
        .await;
        application.says(200, r#"{"allowed": true}"#);
        until("it is found again", || async {
            let mut ana = knock(&serving, "north", "43", "/ws/chat/5/").await;
            let is_in = ana.is_welcome().await;
            forget(&serving, "demo", &json!({})).await;
            is_in
        })
        .await;
        assert_eq!(readyz(&serving).await, "ready");
        // What was found out counts for a while: other people are asked about next.
        forget(&serving, "north", &json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_the_same_are_one_question() {
    let application = Application::start(&json!({"allowed": true})).await;
    application.says.send_replace(None);
    let serving = serve(&application.toml("timeout = \"60s\"")).await;
    let clients = (0..8).map(|_| enter(&serving, "north", "42", "5"));
    let release = async {
        until("all of them ask", || async {
            questions(&serving, "shared").await == 7
        })
        .await;
        application.says(200, r#"{"allowed": true}"#);
    };
    let (clients, ()) = futures_util::future::join(futures_util::future::join_all(clients), release).await;
    assert_eq!(clients.len(), 8);
    assert_eq!(application.asked.lock().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_of_ones_own_is_believed_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::broker_contract::Authority::new(folder.path());
    let (certificate, key) = authority.signed("application", "127.0.0.1", |_| {});
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate).unwrap()],
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let application = Application::start_with(&json!({"allowed": true, "title": "Cinco"}), Some(tls)).await;
    let named = format!("ca_file = \"{}\"\n", authority.file().display());
    let serving = serve(&application.toml(&named)).await;
    let (.., subscribed) = enter(&serving, "north", "42", "5").await;
    assert_eq!(subscribed["title"], "Cinco");
    let serving = serve(&application.toml("")).await;
    let (_, cause) = refused(&serving, "north", "42", "5").await;
    assert_eq!(cause, "authority_unavailable");
}
