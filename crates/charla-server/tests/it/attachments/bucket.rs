//! Files in a bucket: a server of S3 behind a check of signatures, neither of our making; and signatures beside those of Amazon's
//! own client.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use charla_server::settings::Settings;
use serde_json::{Value, json};

use super::{attach, download, send};
use crate::serving::{Reply, Serving, http, until};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A server of S3 with one bucket; killed when dropped.
struct S3 {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for S3 {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl S3 {
    fn start() -> Self {
        Self::at(tempfile::tempdir().unwrap(), 0)
    }

    fn at(folder: tempfile::TempDir, port: u16) -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = std::env::var_os("CHARLA_TOOLS_NODE")
            .map_or_else(|| own.join("../../target/tools/node"), PathBuf::from);
        let mut child = Command::new("node")
            .arg(own.join("tests/it/attachments/s3.cjs"))
            .arg(tools.join("node_modules"))
            .arg(folder.path())
            .args([&port.to_string(), "charla", KEY, SECRET])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().parse();
        let address = address.unwrap_or_else(|_| panic!("no S3: {line:?}: `cargo xtask test` installs it"));
        Self {
            child,
            address,
            folder,
        }
    }

    /// Ends it; where it was, and what it had.
    fn end(mut self) -> (tempfile::TempDir, u16) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let port = self.address.port();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (folder, port)
    }
}

fn with_bucket(settings: &mut Settings, address: SocketAddr, secret: &str) {
    let s3 = &mut settings.attachments.s3;
    s3.endpoint = Some(format!("http://{address}"));
    s3.bucket = Some("charla".into());
    s3.access_key_id = Some(KEY.into());
    s3.secret = Some(secret.into());
}

/// The path and query of an absolute address.
fn path(url: &Value, address: SocketAddr) -> String {
    let url = url.as_str().unwrap();
    let path = url.strip_prefix(&format!("http://{address}"));
    path.unwrap_or_else(|| panic!("elsewhere: {url}")).to_owned()
}

/// Puts a file where it may be put, with the lines that were named.
async fn put(s3: &S3, upload: &Value, bytes: &[u8]) -> Reply {
    let lines = upload["headers"].as_object().unwrap();
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap()))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    http(
        s3.address,
        "PUT",
        &path(&upload["url"], s3.address),
        &lines,
        bytes,
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_the_whole_way_through_a_bucket() {
    let s3 = S3::start();
    let serving = Serving::start_with(|settings| with_bucket(settings, s3.address, SECRET)).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    let upload = attach(&mut ana, "año \"1\".txt", "text/plain", 4).await;
    let id = &upload["id"];
    assert_eq!(
        ana.ask(&send(&[id]), "error").await["cause"],
        "attachment_not_found"
    );
    // Length and type are signed.
    assert_eq!(put(&s3, &upload, b"12345").await.status, 403);
    let mut other = upload.clone();
    other["headers"]["content-type"] = json!("text/html");
    assert_eq!(put(&s3, &other, b"1234").await.status, 403);
    let mut moved = upload.clone();
    moved["url"] = json!(upload["url"].as_str().unwrap().replace("/demo/", "/acme/"));
    assert_eq!(put(&s3, &moved, b"1234").await.status, 403);
    assert_eq!(put(&s3, &upload, b"1234").await.status, 200);
    let said = send(&[id]);
    assert_eq!(ana.ask(&said, "ack").await["seq"], 1);
    assert_eq!(luis.next_of("message").await["attachments"][0]["id"], *id);
    let found = luis.ask(&download(id), "download").await;
    let address = path(&found["url"], s3.address);
    let got = http(s3.address, "GET", &address, &[], b"").await;
    assert_eq!((got.status, &*got.body), (200, &b"1234"[..]));
    assert_eq!(got.header("content-type"), Some("text/plain"));
    let how = got.header("content-disposition").unwrap();
    assert!(how.starts_with("attachment; filename=\"a_o _1_.txt\""), "{how}");
    let bent = address.replace("X-Amz-Expires=600", "X-Amz-Expires=6000");
    assert_ne!(bent, address);
    assert_eq!(http(s3.address, "GET", &bent, &[], b"").await.status, 403);
    ana.ask(&json!({"type": "delete", "ref": 6, "chat": "5", "seq": 1}), "ack")
        .await;
    // By the node itself: this server of S3 does not bear two that delete the same at once.
    until("the bytes are deleted", || async {
        http(s3.address, "GET", &address, &[], b"").await.status == 404
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_away_or_refuses_is_said_to_be_away() {
    let s3 = S3::start();
    let serving = Serving::start_with(|settings| with_bucket(settings, s3.address, SECRET)).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let upload = attach(&mut ana, "a.txt", "text/plain", 4).await;
    assert_eq!(put(&s3, &upload, b"1234").await.status, 200);
    let refusing = Serving::start_with(|settings| {
        with_bucket(settings, s3.address, "another secret, which nobody knows");
    })
    .await;
    let mut eve = refusing.connect("ana", "/ws/chat/5/").await;
    let never = attach(&mut eve, "a.txt", "text/plain", 4).await;
    assert_eq!(put(&s3, &never, b"1234").await.status, 403);
    let refused = eve.ask(&send(&[&never["id"]]), "error").await;
    assert_eq!(refused["cause"], "attachment_storage_unavailable");
    let (folder, port) = s3.end();
    let said = send(&[&upload["id"]]);
    let refused = ana.ask(&said, "error").await;
    assert_eq!(
        (&refused["cause"], &refused["retry"]),
        (&json!("attachment_storage_unavailable"), &json!("backoff"))
    );
    let words = json!({"type": "send", "ref": 9, "id": uuid::Uuid::now_v7(), "text": "words go on"});
    assert_eq!(ana.ask(&words, "ack").await["seq"], 1);
    let _s3 = S3::at(folder, port);
    assert_eq!(
        ana.ask(&said, "ack").await["seq"],
        2,
        "the same send, once it is back"
    );
}

/// The same address as botocore makes, at the same second.
#[tokio::test]
async fn an_address_is_the_one_that_amazons_client_makes() {
    let serving = Serving::start_with(|settings| {
        with_bucket(settings, ([127, 0, 0, 1], 9).into(), SECRET);
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let upload = attach(&mut ana, "a b.txt", "text/plain", 4).await;
    let mut urls = vec![json!({
        "url": upload["url"], "method": "PUT", "headers": upload["headers"], "length": "4",
    })];
    serving
        .node()
        .store
        .uploaded(&charla_server::store::attachments::AttachmentKey {
            tenant: crate::serving::tenant_id("demo"),
            id: upload["id"].as_str().unwrap().parse().unwrap(),
        })
        .await
        .unwrap();
    let found = ana.ask(&download(&upload["id"]), "download").await;
    urls.push(json!({"url": found["url"], "method": "GET", "headers": {}}));
    let asked = json!({"key": KEY, "secret": SECRET, "urls": urls}).to_string();
    let signed: Vec<[String; 2]> = crate::python::run("attachments/sign.py", &[&asked]);
    assert_eq!(signed.len(), 2);
    for [ours, theirs] in signed {
        assert_eq!(ours, theirs);
    }
}
