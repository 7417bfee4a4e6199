//! What may not be announced, put or sent, and why.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use charla_server::clock;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{attach, fetched, files, put, send, serving, uploaded, with_directory};
use crate::serving::Serving;
use crate::store_contract;

fn asks(name: &str, media_type: &str, bytes: u64) -> Value {
    json!({"type": "attach", "ref": 1, "chat": "5", "name": name, "media_type": media_type, "bytes": bytes})
}

#[tokio::test]
async fn what_is_too_large_too_many_or_of_another_type_is_refused() {
    let serving = Serving::start_with(|settings| {
        with_directory(settings);
        settings.attachments.max_bytes = 10;
        settings.attachments.max_per_message = 1;
        settings.attachments.bytes_per_day_per_user = 3 * 4096;
    })
    .await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    for (frame, cause) in [
        (asks("a.txt", "text/plain", 11), "attachment_too_large"),
        (asks("a.txt", "text/plain", u64::MAX), "attachment_too_large"),
        (asks("a.html", "text/html", 1), "attachment_type_refused"),
        (asks("a", "no type", 1), "attachment_type_refused"),
        (asks("a", "", 1), "attachment_type_refused"),
    ] {
        let refused = ana.ask(&frame, "error").await;
        assert_eq!(
            (&refused["cause"], &refused["ref"]),
            (&json!(cause), &json!(1)),
            "{frame}"
        );
    }
    let ids = [
        uploaded(&serving, &mut ana, "a.txt", "text/plain", b"0123456789").await,
        uploaded(&serving, &mut ana, "b.txt", "text/plain", b"").await,
    ];
    let refused = ana.ask(&send(&[&ids[0], &ids[1]]), "error").await;
    assert_eq!(refused["cause"], "attachment_too_large");
    assert_eq!(ana.ask(&send(&[&ids[1]]), "ack").await["seq"], 1);
    assert_eq!(fetched(&serving, &mut ana, &ids[1]).await.body, b"");
    uploaded(&serving, &mut ana, "c.txt", "text/plain", b"3").await;
    let refused = ana.ask(&asks("d.txt", "text/plain", 1), "error").await;
    assert_eq!(refused["cause"], "rate_limited", "the day's allowance is used up");
    assert!(refused["retry_in_ms"].as_u64().unwrap() > 3_600_000, "{refused}");
}

#[tokio::test]
async fn a_server_without_a_place_says_so() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let some = json!(Uuid::new_v4());
    for frame in [asks("a", "text/plain", 1), send(&[&some]), super::download(&some)] {
        assert_eq!(ana.ask(&frame, "error").await["cause"], "attachments_off");
    }
    let path = format!("/attachments/demo/{}", Uuid::new_v4());
    let got = serving.http("PUT", &path, &[], b"x").await;
    assert_eq!(got.json()["cause"], "attachments_off");
    let sent = json!({"type": "send", "id": Uuid::new_v4(), "text": "hola", "attachments": []});
    assert_eq!(ana.ask(&sent, "ack").await["seq"], 1, "none is none");
}

#[tokio::test]
async fn what_is_put_must_be_what_was_announced() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let upload = attach(&mut ana, "a.txt", "text/plain", 5).await;
    let url = upload["url"].as_str().unwrap();
    for (kind, bytes, status, cause) in [
        ("text/html", &b"12345"[..], 415, "attachment_type_refused"),
        ("text/plain", b"123456", 413, "attachment_too_large"),
        ("text/plain", b"1234", 400, "bad_request"),
    ] {
        let kind = format!("content-type: {kind}");
        let got = serving.http("PUT", url, &[&kind], bytes).await;
        assert_eq!((got.status, &got.json()["cause"]), (status, &json!(cause)));
    }
    // In pieces whose sum nobody says beforehand.
    for (chunks, status) in [
        ("3\r\n123\r\n3\r\n456\r\n0\r\n\r\n", 413),
        ("2\r\n12\r\n0\r\n\r\n", 400),
    ] {
        let mut raw = crate::serving::Raw::open(serving.address).await;
        let head = format!(
            "PUT {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
        );
        raw.write(format!("{head}{chunks}").as_bytes()).await;
        assert_eq!(raw.reply().await.status, status, "{chunks:?}");
    }
    // Whoever goes in the middle leaves nothing.
    let mut raw = crate::serving::Raw::open(serving.address).await;
    let head =
        format!("PUT {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n12");
    raw.write(head.as_bytes()).await;
    let directory = serving.node().settings.attachments.directory.clone().unwrap();
    crate::serving::until("the upload has begun", || async { !files(&directory).is_empty() }).await;
    drop(raw);
    crate::serving::until("nothing is left of it", || async { files(&directory).is_empty() }).await;
    assert_eq!(
        ana.ask(&send(&[&upload["id"]]), "error").await["cause"],
        "attachment_not_found"
    );
    assert_eq!(put(&serving, &upload, b"12345").await.status, 204);
    assert_eq!(ana.ask(&send(&[&upload["id"]]), "ack").await["seq"], 1);
}

#[tokio::test]
async fn addresses_end_and_what_is_never_sent_is_deleted() {
    let now = Arc::new(AtomicI64::new(1_795_428_000_000));
    let pass = |ms| now.fetch_add(ms, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start_at(folder, store_contract::clock(&now), with_directory).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let upload = attach(&mut ana, "a.txt", "text/plain", 1).await;
    pass(15 * 60 * 1000);
    let late = put(&serving, &upload, b"x").await;
    assert_eq!(late.json()["cause"], "attachment_not_found");
    assert!(late.json()["detail"].as_str().unwrap().contains("over"));
    let waits = uploaded(&serving, &mut ana, "a.txt", "text/plain", b"x").await;
    let sent = uploaded(&serving, &mut ana, "b.txt", "text/plain", b"y").await;
    ana.ask(&send(&[&sent]), "ack").await;
    let address = ana.ask(&super::download(&sent), "download").await["url"].clone();
    pass(10 * 60 * 1000);
    let late = serving.http("GET", address.as_str().unwrap(), &[], b"").await;
    assert_eq!(late.json()["cause"], "attachment_not_found");
    pass(24 * 3600 * 1000);
    serving.node().sweep_attachments().await.unwrap();
    let directory = serving.node().settings.attachments.directory.clone().unwrap();
    assert_eq!(files(&directory).len(), 1, "what was sent stays");
    // The token is over by this clock as well; the connection is not asked for it again before its time.
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    assert_eq!(
        ana.ask(&send(&[&waits]), "error").await["cause"],
        "attachment_not_found"
    );
    assert_eq!(fetched(&serving, &mut ana, &sent).await.body, b"y");
}

#[tokio::test]
async fn a_disk_that_refuses_is_said_to_be_away() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let upload = attach(&mut ana, "a.txt", "text/plain", 1).await;
    let parts = serving
        .node()
        .settings
        .attachments
        .directory
        .clone()
        .unwrap()
        .join("parts");
    std::fs::remove_dir(&parts).unwrap();
    std::fs::write(&parts, "no folder").unwrap();
    let got = put(&serving, &upload, b"x").await;
    assert_eq!(
        (got.status, &got.json()["cause"]),
        (503, &json!("attachment_storage_unavailable"))
    );
    std::fs::remove_file(&parts).unwrap();
    std::fs::create_dir(&parts).unwrap();
    assert_eq!(put(&serving, &upload, b"x").await.status, 204, "and back");
}

#[tokio::test]
async fn a_share_that_is_not_mounted_has_lost_no_file() {
    let serving = serving(None).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let sent = uploaded(&serving, &mut ana, "a.txt", "text/plain", b"y").await;
    ana.ask(&send(&[&sent]), "ack").await;
    let place = serving.node().settings.attachments.directory.clone().unwrap();
    let elsewhere = place.with_file_name("elsewhere");
    std::fs::rename(&place, &elsewhere).unwrap();
    let got = fetched(&serving, &mut ana, &sent).await;
    assert_eq!(
        (got.status, &got.json()["cause"]),
        (503, &json!("attachment_storage_unavailable"))
    );
    std::fs::rename(&elsewhere, &place).unwrap();
    assert_eq!(fetched(&serving, &mut ana, &sent).await.body, b"y");
}

#[tokio::test]
async fn a_place_that_is_none_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = crate::serving::settings(folder.path());
    let file = folder.path().join("a file");
    std::fs::write(&file, "").unwrap();
    settings.attachments.directory = Some(file);
    let refused = crate::serving::start(settings, clock::system()).await;
    let why = refused.err().unwrap().to_string();
    assert!(why.starts_with("attachments.directory: "), "{why}");
}
