//! The whole way of a file: asked for, put, sent, heard, read in history, fetched; and all who may not.

use charla_server::settings::StoreUrl;
use serde_json::{Value, json};

use super::{attach, download, fetched, files, put, send, serving, uploaded};
use crate::cluster::Cluster;
use crate::serving::{Client, Reply, Serving, with_parameter};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest";

#[tokio::test]
async fn a_file_goes_the_whole_way_on_sqlite() {
    goes_the_whole_way(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_the_whole_way_on_postgres() {
    let cluster = Cluster::start();
    goes_the_whole_way(Some(cluster.url(&cluster.database().await))).await;
}

async fn goes_the_whole_way(url: Option<StoreUrl>) {
    let serving = serving(url).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    let upload = attach(&mut ana, "../año 1.png", "Image/PNG", PNG.len()).await;
    assert_eq!(
        (&upload["method"], &upload["name"], &upload["headers"]),
        (
            &json!("PUT"),
            &json!("año 1.png"),
            &json!({"content-type": "image/png"})
        )
    );
    let id = &upload["id"];
    // Not yet: it is not there.
    let early = ana.ask(&send(&[id]), "error").await;
    assert_eq!(early["cause"], "attachment_not_found");
    assert_eq!(put(&serving, &upload, PNG).await.status, 204);
    assert_eq!(
        put(&serving, &upload, PNG).await.status,
        204,
        "who did not hear so may say it again"
    );
    let said = send(&[id]);
    assert_eq!(ana.ask(&said, "ack").await["seq"], 1);
    assert_eq!(
        ana.ask(&said, "ack").await["seq"],
        1,
        "a repeat is the same message"
    );
    let shown = json!([{"id": id, "name": "año 1.png", "type": "image/png", "bytes": PNG.len()}]);
    assert_eq!(luis.next_of("message").await["attachments"], shown);
    let page = json!({"type": "history", "ref": 4, "chat": "5"});
    assert_eq!(
        luis.ask(&page, "history").await["messages"][0]["attachments"],
        shown
    );
    is_served_safely(&fetched(&serving, &mut luis, id).await);
    nobody_else_may(&serving, &mut ana, &mut luis, id).await;
    // An edit leaves it where it is; a deletion takes it away.
    let edit = json!({"type": "edit", "ref": 5, "chat": "5", "seq": 1, "text": "look"});
    ana.ask(&edit, "ack").await;
    assert_eq!(fetched(&serving, &mut luis, id).await.status, 200);
    let page = luis.ask(&page, "history").await;
    assert_eq!(page["messages"][0]["attachments"], shown);
    let address = luis.ask(&download(id), "download").await["url"].clone();
    ana.ask(&json!({"type": "delete", "ref": 6, "chat": "5", "seq": 1}), "ack")
        .await;
    let refused = luis.ask(&download(id), "error").await;
    assert_eq!(refused["cause"], "attachment_not_found");
    let got = serving.http("GET", address.as_str().unwrap(), &[], b"").await;
    assert_eq!(
        (got.status, &got.json()["cause"]),
        (404, &json!("attachment_not_found"))
    );
    let again = ana.ask(&said, "ack").await;
    assert_eq!(
        again["seq"], 1,
        "a repeat is the same message, whatever became of it"
    );
    serving.node().sweep_attachments().await.unwrap();
    let directory = serving.node().settings.attachments.directory.clone().unwrap();
    assert_eq!(files(&directory).len(), 1, "only what was not sent is left");
}

fn is_served_safely(got: &Reply) {
    assert_eq!((got.status, &*got.body), (200, PNG));
    for (name, value) in [
        ("content-type", "image/png"),
        (
            "content-disposition",
            "inline; filename=\"a_o 1.png\"; filename*=UTF-8''a%C3%B1o%201.png",
        ),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(got.header(name), Some(value));
    }
}

/// Of another tenant, of no member, of another member, in another chat, twice: answered as if there were no such file.
async fn nobody_else_may(serving: &Serving, ana: &mut Client, luis: &mut Client, id: &Value) {
    let twice = ana.ask(&send(&[id]), "error").await;
    assert_eq!(twice["cause"], "attachment_not_found", "it was sent before");
    let theirs = uploaded(serving, ana, "a.txt", "text/plain", b"mine").await;
    let refused = luis.ask(&send(&[&theirs]), "error").await;
    assert_eq!(refused["cause"], "attachment_not_found", "it is somebody else's");
    let refused = luis.ask(&download(&theirs), "error").await;
    assert_eq!(refused["cause"], "attachment_not_found", "it is not sent yet");
    assert_eq!(fetched(serving, ana, &theirs).await.body, b"mine");
    let token = serving
        .token_of("acme", "luis", std::time::Duration::from_secs(60))
        .await;
    let path = with_parameter("/ws/chat/5/", "token", &token);
    let mut elsewhere = Client::open(serving.address, &path, &["charla.v1"]).await;
    for frame in [download(id), download(&theirs), send(&[id]), send(&[&theirs])] {
        let refused = elsewhere.ask(&frame, "error").await;
        assert_eq!(refused["cause"], "attachment_not_found", "{frame}");
    }
    // The address says whose it is, and is signed as a whole.
    let address = luis.ask(&download(id), "download").await["url"].clone();
    let address = address.as_str().unwrap();
    for foreign in [
        address.replace("/demo/", "/acme/"),
        address.replace("until=", "until=9"),
        address.split('?').next().unwrap().to_owned(),
    ] {
        let got = serving.http("GET", &foreign, &[], b"").await;
        assert_eq!(got.json()["cause"], "attachment_not_found", "{foreign}");
    }
    let got = serving
        .http("PUT", address, &["content-type: image/png"], b"x")
        .await;
    assert_eq!(got.status, 404, "what may be read may not be written");
}
