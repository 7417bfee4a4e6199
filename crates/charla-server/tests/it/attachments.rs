//! Files of messages, with a directory: over real sockets, on both stores.

use std::path::Path;

use charla_server::settings::{Settings, StoreUrl};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serving::{Client, Reply, Serving};

mod bucket;
mod care;
mod crash;
mod ranges;
mod refused;
mod whole;

/// Takes files in a folder beside the store.
fn with_directory(settings: &mut Settings) {
    settings.attachments.directory = Some(settings.store.path.join("attachments"));
}

async fn serving(url: Option<StoreUrl>) -> Serving {
    Serving::start_with(|settings| {
        with_directory(settings);
        settings.store.url = url;
    })
    .await
}

/// Asks where a file may be put.
async fn attach(client: &mut Client, name: &str, media_type: &str, bytes: usize) -> Value {
    let frame = json!({"type": "attach", "ref": 1, "chat": "5", "name": name, "media_type": media_type, "bytes": bytes});
    client.ask(&frame, "upload").await
}

/// Puts a file where it may be put.
async fn put(serving: &Serving, upload: &Value, bytes: &[u8]) -> Reply {
    let kind = format!(
        "content-type: {}",
        upload["headers"]["content-type"].as_str().unwrap()
    );
    serving
        .http("PUT", upload["url"].as_str().unwrap(), &[&kind], bytes)
        .await
}

/// Asks, and puts; the file's id.
async fn uploaded(
    serving: &Serving,
    client: &mut Client,
    name: &str,
    media_type: &str,
    bytes: &[u8],
) -> Value {
    let upload = attach(client, name, media_type, bytes.len()).await;
    assert_eq!(put(serving, &upload, bytes).await.status, 204);
    upload["id"].clone()
}

fn send(ids: &[&Value]) -> Value {
    json!({"type": "send", "ref": 2, "chat": "5", "id": Uuid::now_v7(), "text": "", "attachments": ids})
}

fn download(id: &Value) -> Value {
    json!({"type": "download", "ref": 3, "chat": "5", "id": id})
}

/// Fetches a file that the client may read.
async fn fetched(serving: &Serving, client: &mut Client, id: &Value) -> Reply {
    let found = client.ask(&download(id), "download").await;
    serving
        .http("GET", found["url"].as_str().unwrap(), &[], b"")
        .await
}

/// The files of a directory, at any depth.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}
