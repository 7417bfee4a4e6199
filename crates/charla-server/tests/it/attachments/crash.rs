//! `kill -9` between upload and send: what was answered is there.

use serde_json::json;
use uuid::Uuid;

use crate::serving::process::Process;
use crate::serving::profile::{UNLIMITED, app_token};
use crate::serving::{Client, http, with_parameter};

async fn connect(server: &Process) -> Client {
    let token = app_token(&json!({"user_id": "ana", "tenant": "demo", "exp": 4_000_000_000_u64}));
    let path = with_parameter("/ws/chat/5/", "token", &token);
    Client::open(server.address, &path, &["charla.v1"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_comes_back_with_what_was_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), UNLIMITED);
    let mut ana = connect(&server).await;
    let asks = |bytes| json!({"type": "attach", "ref": 1, "name": "a.txt", "media_type": "text/plain", "bytes": bytes});
    let whole = ana.ask(&asks(5), "upload").await;
    let never = ana.ask(&asks(5), "upload").await;
    let url = whole["url"].as_str().unwrap();
    let got = http(
        server.address,
        "PUT",
        url,
        &["content-type: text/plain"],
        b"12345",
    )
    .await;
    assert_eq!(got.status, 204);
    server.kill();
    let server = Process::start(folder.path(), UNLIMITED);
    let mut ana = connect(&server).await;
    let send = |id| json!({"type": "send", "ref": 2, "id": Uuid::now_v7(), "text": "", "attachments": [id]});
    let refused = ana.ask(&send(&never["id"]), "error").await;
    assert_eq!(refused["cause"], "attachment_not_found");
    assert_eq!(ana.ask(&send(&whole["id"]), "ack").await["seq"], 1);
    // The address of before holds over the restart: its key is the store's.
    let url = never["url"].as_str().unwrap();
    let got = http(
        server.address,
        "PUT",
        url,
        &["content-type: text/plain"],
        b"54321",
    )
    .await;
    assert_eq!(got.status, 204);
    assert_eq!(ana.ask(&send(&never["id"]), "ack").await["seq"], 2);
    let download = json!({"type": "download", "ref": 3, "id": whole["id"]});
    let found = ana.ask(&download, "download").await;
    let got = http(server.address, "GET", found["url"].as_str().unwrap(), &[], b"").await;
    assert_eq!(got.body, b"12345");
}
