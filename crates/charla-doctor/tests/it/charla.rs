//! What is read in a `charla.toml`, and what a Charla server says of itself; its answers are played by a plain socket, as the
//! server's own tests fix them.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use charla_doctor::evidence::KeyCheck;
use charla_doctor::plan::Wanted;
use charla_doctor::probe::charla::{config, look};
use charla_doctor::token::{self, Given};
use charla_doctor::verdict::Certainty;
use charla_trust::signature::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const WITHIN: Duration = Duration::from_secs(5);
const SECRET: &str = "a secret of the tests, long enough for HS256";

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": algorithm.name(), "typ": "JWT"});
    let message = format!("{}.{}", part(header), part(claims.clone()));
    let key = SigningKey::from_secret(algorithm, SECRET.as_bytes()).unwrap();
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn check(config: &config::Config, algorithm: Algorithm) -> KeyCheck {
    let token = signed(algorithm, &json!({"exp": 1}));
    token::look(Some(&Given::plain("--token", &token)), &config.keys, None, 0.0).key
}

#[test]
fn a_file_and_variables_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charla.toml");
    fs::write(folder.path().join("db-password"), "pa:ss\n").unwrap();
    fs::write(folder.path().join("key"), format!("{SECRET}\n")).unwrap();
    let text = "[server]\nlisten = \"127.0.0.1:9001\"\n[store]\nurl = \"postgres://charla@db/charla\"\npassword_file = \"db-password\"\n\
        [broker]\nurl = \"redis://bus:6379/1\"\npassword_file = \"db-password\"\n\
        [[auth.keys]]\nalgorithm = \"HS256\"\nsecret_file = \"key\"\n[[auth.keys]]\nalgorithm = \"RS256\"\npublic_key_file = \"none.pem\"\n";
    fs::write(&path, text).unwrap();
    let read = config::read(&path, &BTreeMap::new()).unwrap();
    assert_eq!(read.listen.as_deref(), Some("127.0.0.1:9001"));
    assert_eq!(read.store, "postgres://charla@db/charla?password=pa%3Ass");
    assert_eq!(read.broker.as_deref(), Some("redis://:pa%3Ass@bus:6379/1"));
    assert_eq!(check(&read, Algorithm::Hs256), KeyCheck::Right);
    assert_eq!(check(&read, Algorithm::Hs512), KeyCheck::WrongAlgorithm);
    assert_eq!(read.faults.len(), 1, "{:?}", read.faults);

    let variables = BTreeMap::from([
        ("CHARLA_SERVER_LISTEN".to_owned(), "0.0.0.0:80".to_owned()),
        ("DJANGO_SECRET_KEY".to_owned(), SECRET.to_owned()),
    ]);
    fs::write(&path, "[auth]\nsecret_env = \"DJANGO_SECRET_KEY\"\n").unwrap();
    let read = config::read(&path, &variables).unwrap();
    assert_eq!(read.listen.as_deref(), Some("0.0.0.0:80"));
    assert_eq!(
        read.store,
        folder.path().join("charla-data/charla.db").display().to_string()
    );
    assert_eq!(check(&read, Algorithm::Hs256), KeyCheck::Right);
    assert!(config::read(&path, &BTreeMap::new()).unwrap().keys.is_empty());

    fs::write(&path, "[auth]\nsecret = hush").unwrap();
    let error = config::read(&path, &variables).err().unwrap().to_string();
    assert!(error.contains("line 2") && !error.contains("hush"), "{error}");
}

/// Answers every request alike, and hands back what was asked.
async fn server(status: &str, body: &str) -> (String, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let (asked, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            asked
                .send(String::from_utf8_lossy(&head[..read]).into_owned())
                .await
                .unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (format!("ws://{address}"), receiver)
}

#[tokio::test]
async fn a_refusal_in_the_servers_own_words() {
    let body = r#"{"ok":false,"cause":"not_a_member","detail":"luis is no member of chat 5","server_time":"2026-11-22T21:51:59.000Z"}"#;
    let (at, mut asked) = server("403 Forbidden", body).await;
    let url = format!("{at}/ws/chat/5/?tenant=demo&token=a.b.c");
    let seen = look(&url, None, None, WITHIN).await.unwrap();
    let preflight = seen.preflight.unwrap();
    assert_eq!((preflight.status, preflight.ok), (403, false));
    assert_eq!(preflight.cause.as_deref(), Some("not_a_member"));
    assert_eq!(preflight.detail, "luis is no member of chat 5");
    assert_eq!(preflight.server_time, Some(1_795_384_319.0));
    assert_eq!(seen.ready, None);
    let heads = [asked.recv().await.unwrap(), asked.recv().await.unwrap()];
    let preflight = heads
        .iter()
        .find(|head| head.starts_with("GET /ws/chat/5/?tenant=demo "))
        .unwrap();
    assert!(
        preflight.to_lowercase().contains("authorization: bearer a.b.c"),
        "{preflight}"
    );
}

#[tokio::test]
async fn other_servers_are_none() {
    for (status, body) in [
        ("404 Not Found", "<html>Not Found</html>"),
        ("200 OK", "{\"ok\":true}"),
        ("403 Forbidden", "{\"ok\":false,\"cause\":\"because\"}"),
        ("200 OK", "alive"),
    ] {
        let (at, _asked) = server(status, body).await;
        assert_eq!(
            look(&format!("{at}/ws/chat/5/"), None, None, WITHIN).await,
            None,
            "{body}"
        );
    }
    let (at, _asked) = server("503 Service Unavailable", "store_unavailable: the disk is full\n").await;
    let seen = look(&format!("{at}/ws/"), None, Some(&at), WITHIN).await.unwrap();
    assert_eq!(
        seen.ready,
        Some((503, "store_unavailable: the disk is full".into()))
    );
    assert_eq!(look("ws://127.0.0.1:1/ws/", None, None, WITHIN).await, None);
}

#[tokio::test]
async fn a_whole_run_tells_the_servers_own_words() {
    let body = r#"{"ok":false,"cause":"not_a_member","detail":"luis is no member of chat 5","server_time":"2026-11-22T21:51:59.000Z"}"#;
    let (at, mut asked) = server("403 Forbidden", body).await;
    // Nobody counts the requests.
    tokio::spawn(async move { while asked.recv().await.is_some() {} });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charla.toml");
    fs::write(
        &path,
        format!("[[auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n"),
    )
    .unwrap();
    let claims = json!({"token_type": "access", "exp": 1_795_384_619, "user_id": "luis"});
    let token = signed(Algorithm::Hs256, &claims);
    let wanted = Wanted {
        url: Some(format!("{at}/ws/chat/5/?token={token}")),
        config: Some(path),
        ..Wanted::default()
    };
    let evidence = charla_doctor::probe::look(&wanted, &|_| ()).await;
    let seen = evidence.token.as_ref().unwrap();
    assert_eq!(
        (seen.key, seen.server_time),
        (KeyCheck::Right, Some(1_795_384_319.0))
    );
    let written = format!("{evidence:?}");
    for secret in [SECRET, token.rsplit_once('.').unwrap().1] {
        assert!(!written.contains(secret), "{written}");
    }
    let verdict = charla_doctor::verdict::judge(&evidence);
    let (cause, finding) = verdict.cause.unwrap();
    assert_eq!(
        (cause.id(), finding.certainty),
        ("not_a_member", Certainty::Certain),
        "{finding:?}"
    );
    assert!(
        finding.sentence.en.contains("luis is no member of chat 5"),
        "{finding:?}"
    );
}
