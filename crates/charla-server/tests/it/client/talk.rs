//! Talking: the guide's own bug, slow readers, edits and the report of an absence.

use charla_client::machine::Name;
use charla_client::{ChatId, Event, Place};

use super::{becomes, client, next_message};
use crate::serving::{Serving, soon, until};

fn chat() -> ChatId {
    ChatId::parse("5").unwrap()
}

#[tokio::test]
async fn saying_ok_twice_arrives_twice() {
    let serving = Serving::start().await;
    let builder = client(serving.address, "/ws/chat/5/").fixed_token(serving.token("luis").await);
    let (luis, mut events) = builder.connect().unwrap();
    becomes(&luis, Name::Connected).await;
    let builder = client(serving.address, "/ws/chat/5/").fixed_token(serving.token("ana").await);
    let (ana, _events) = builder.connect().unwrap();
    let first = soon("an ack", ana.send(&chat(), "ok")).await.unwrap();
    let second = soon("an ack", ana.send(&chat(), "ok")).await.unwrap();
    assert_eq!((first.seq, second.seq), (1, 2));
    assert_eq!(next_message(&mut events).await, (1, "ok".into()));
    assert_eq!(next_message(&mut events).await, (2, "ok".into()));
}

#[tokio::test]
async fn the_same_id_twice_is_one_message() {
    let serving = Serving::start().await;
    let builder = client(serving.address, "/ws/").fixed_token(serving.token("ana").await);
    let (ana, _events) = builder.connect().unwrap();
    let entry = charla_client::Entry {
        id: charla_client::Uuid::now_v7(),
        chat: chat(),
        text: "once".into(),
        attachments: Vec::new(),
        data: Some(serde_json::json!({"n": 1})),
    };
    let first = soon("an ack", ana.send_entry(entry.clone())).await.unwrap();
    let again = soon("an ack", ana.send_entry(entry)).await.unwrap();
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_slow_reader_gets_all_of_a_burst_once_and_in_order() {
    let serving = Serving::start_with(|settings| settings.limits.sends_per_second = 0).await;
    let builder = client(serving.address, "/ws/").fixed_token(serving.token("luis").await);
    let (luis, mut events) = builder.events(8).connect().unwrap();
    soon("being let in", luis.subscribe(&chat(), Place::default()))
        .await
        .unwrap();
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    for number in 1..=500 {
        let send = serde_json::json!({"type": "send", "ref": number, "id": uuid::Uuid::now_v7(), "text": number.to_string()});
        ana.ask(&send, "ack").await;
    }
    for number in 1..=500 {
        assert_eq!(next_message(&mut events).await, (number, number.to_string()));
    }
    assert_eq!(luis.state().name, Name::Connected, "it was never cut");
}

#[tokio::test]
async fn what_is_edited_and_taken_back_while_away_is_told_on_return() {
    let serving = Serving::start().await;
    let builder = client(serving.address, "/ws/chat/5/").fixed_token(serving.token("ana").await);
    let (ana, mut events) = builder.connect().unwrap();
    for words in ["one", "two"] {
        soon("an ack", ana.send(&chat(), words)).await.unwrap();
        next_message(&mut events).await;
    }
    soon("an edit", ana.edit(&chat(), 1, "uno")).await.unwrap();
    soon("a deletion", ana.delete(&chat(), 2)).await.unwrap();
    let mut seen = Vec::new();
    soon("both", async {
        while seen.len() < 2 {
            let event = events.recv().await.unwrap();
            if let Event::Edited(frame) | Event::Deleted(frame) = event {
                seen.push((frame.seq(), frame.text().to_owned()));
            }
        }
    })
    .await;
    assert_eq!(seen, [(1, "uno".to_owned()), (2, String::new())]);
    let page = soon("history", ana.history(&chat(), None, 10)).await.unwrap();
    assert_eq!(page.json()["messages"].as_array().unwrap().len(), 2);
    ana.close().await;
    assert_eq!(ana.state().name, Name::Closed);
    let closed = ana.send(&chat(), "too late").await.unwrap_err();
    assert_eq!(closed.cause.as_str(), "closed");
}

#[tokio::test]
async fn an_absence_is_reported_on_the_next_welcome() {
    let first = Serving::start().await;
    let address = first.address;
    let token = first.token("ana").await;
    let patient = charla_client::Policy {
        attempts: 1_000,
        first_delay: std::time::Duration::from_millis(20),
        max_delay: std::time::Duration::from_millis(50),
        ..charla_client::Policy::default()
    };
    let builder = client(address, "/ws/chat/5/").policy(patient).fixed_token(token);
    let (ana, _events) = builder.connect().unwrap();
    becomes(&ana, Name::Connected).await;
    let folder = first.drain().await;
    becomes(&ana, Name::Waiting).await;
    let again = Serving::start_at(folder, charla_server::clock::system(), |settings| {
        settings.server.listen = address;
    })
    .await;
    becomes(&ana, Name::Connected).await;
    until("the report to be counted", || async {
        let reply = again.http("GET", "/metrics", &[], b"").await;
        let text = String::from_utf8(reply.body).unwrap();
        text.lines()
            .any(|line| line.starts_with("charla_client_") && line.contains("restarting"))
    })
    .await;
}

#[tokio::test]
async fn a_file_goes_with_a_message() {
    let serving = Serving::start_with(|settings| {
        settings.attachments.directory = Some(settings.store.path.join("attachments"));
        settings.attachments.max_bytes = 8;
    })
    .await;
    let builder = client(serving.address, "/ws/").fixed_token(serving.token("ana").await);
    let (ana, mut events) = builder.connect().unwrap();
    soon("a place", ana.subscribe(&chat(), Place::default()))
        .await
        .unwrap();
    let refused = ana
        .attach(&chat(), "a.png", "image/png", "too long".repeat(2))
        .await;
    assert_eq!(refused.unwrap_err().cause.as_str(), "attachment_too_large");
    let file = ana
        .attach(&chat(), "../a.png", "image/png", "\u{89}PNG")
        .await
        .unwrap();
    assert_eq!(file.name, "a.png");
    let entry = charla_client::Entry {
        id: charla_client::Uuid::now_v7(),
        chat: chat(),
        text: String::new(),
        data: None,
        attachments: vec![file.id],
    };
    soon("an ack", ana.send_entry(entry)).await.unwrap();
    let shown = soon("the message", async {
        loop {
            if let Some(Event::Message(message)) = events.recv().await {
                break message.json()["attachments"][0]["id"].clone();
            }
        }
    })
    .await;
    assert_eq!(shown, file.id.to_string());
    let found = ana.locate(&chat(), file.id).await.unwrap();
    let origin = format!("http://{}", serving.address);
    let path = found.url.strip_prefix(&origin).unwrap();
    let got = serving.http("GET", path, &[], b"").await;
    assert_eq!((got.status, &*got.body), (200, "\u{89}PNG".as_bytes()));
}
