//! All that is kept of one person: handed out whole, and gone for everybody, from the file too.

use charla_server::clock;
use charla_server::personal;
use charla_server::settings::StoreSettings;
use charla_server::store::care::Words;
use charla_server::store::{self, UserChange, backup};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serving::{Client, Serving, tenant_id, user_key};

async fn say(client: &mut Client, text: &str) {
    let send = json!({"type": "send", "ref": 1, "id": Uuid::now_v7(), "text": text, "data": {"of": text}});
    client.ask(&send, "ack").await;
}

async fn key(serving: &Serving) -> String {
    let auth = &serving.node().auth;
    let made = auth
        .api_keys
        .create(Some(tenant_id("demo")), "shop", auth.now())
        .await;
    format!("Authorization: Bearer {}", made.unwrap().0.expose_secret())
}

async fn assert_everything_is_handed_out(serving: &Serving, key: &str) {
    let exported = serving.http("GET", "/api/v1/users/ana/export", &[key], b"").await;
    assert_eq!(exported.status, 200);
    let text = String::from_utf8(exported.body).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line.as_object().unwrap().keys().next().unwrap().as_str())
        .collect();
    assert_eq!(
        kinds,
        ["profile", "membership", "read", "message", "message"],
        "{text}"
    );
    assert_eq!(lines[0]["profile"]["name"], "Ana");
    assert_eq!(lines[3]["message"]["message"]["data"]["of"], "Zanahorias");
}

#[tokio::test]
async fn whoever_is_erased_is_gone_from_every_screen() {
    let serving = Serving::start().await;
    let key = key(&serving).await;
    let store = &serving.node().store;
    store
        .put_member(&crate::serving::room("demo", "5"), &user_key("demo", "ana").user)
        .await
        .unwrap();
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    luis.next_of("subscribed").await;
    say(&mut ana, "Zanahorias").await;
    say(&mut luis, "Lechuga").await;
    say(&mut ana, "Pimientos").await;
    let search = json!({"type": "search", "ref": 1, "q": "zanahorias"});
    let found = luis.ask(&search, "found").await;
    assert_eq!(found["messages"].as_array().unwrap().len(), 1);

    assert_everything_is_handed_out(&serving, &key).await;

    let kind = "Content-Type: application/json";
    let erased = serving
        .http(
            "POST",
            "/api/v1/users/ana/erase",
            &[&key, kind],
            br#"{"keep_texts":false}"#,
        )
        .await;
    assert_eq!(erased.status, 200, "{}", String::from_utf8_lossy(&erased.body));
    let erased = erased.json();
    assert_eq!(erased["messages"], 2);
    let alias = erased["alias"].as_str().unwrap();
    assert!(alias.starts_with("erased-") && !alias.contains("ana"), "{alias}");
    for seq in [1, 3] {
        let deleted = luis.next_of("deleted").await;
        assert_eq!(
            (&deleted["seq"], &deleted["by"]["id"]),
            (&json!(seq), &json!(alias))
        );
    }
    let found = luis.ask(&search, "found").await;
    assert_eq!(found["messages"], json!([]));
    let history = luis.ask(&json!({"type": "history", "ref": 2}), "history").await;
    assert!(!history.to_string().contains("Ana"), "{history}");
    // Whoever was away is told when coming back.
    let mut away = serving.connect("luis", "/ws/chat/5/?after=3&rev=0").await;
    let subscribed = away.next_of("subscribed").await;
    let changed = subscribed["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 2);
    assert!(
        changed
            .iter()
            .all(|message| message["deleted"] == true && message["text"] == "")
    );
    // The person itself is out, and stays out.
    loop {
        if let Err((code, reason)) = ana.hear().await {
            assert_eq!((code, &*reason), (4401, "token_revoked"));
            break;
        }
    }
    let mut back = serving.connect("ana", "/ws/chat/5/").await;
    assert_eq!(back.hear().await.unwrap_err().0, 4401);
    let nobody = serving
        .http("POST", "/api/v1/users/nobody/erase", &[&key], b"")
        .await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn texts_can_stay_under_another_name() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    say(&mut ana, "Zanahorias").await;
    let person = user_key("demo", "ana");
    let erased = serving.node().erase(&person, Words::Stay).await.unwrap().unwrap();
    assert_eq!(erased.messages, 1);
    let mut luis = serving.connect("luis", "/ws/chat/5/?after=0").await;
    let message = luis.next_of("subscribed").await["messages"][0].clone();
    assert_eq!(
        (&message["text"], &message["author"]["id"]),
        (&json!("Zanahorias"), &json!(erased.alias))
    );
    assert_eq!(message["author"]["name"], message["author"]["id"]);
    // The same person is the same pseudonym, and another one another.
    let again = serving.node().erase(&person, Words::Go).await.unwrap().unwrap();
    assert_eq!((again.alias, again.messages), (erased.alias.clone(), 0));
    let luis = serving.node().erase(&user_key("demo", "luis"), Words::Go).await;
    assert_ne!(luis.unwrap().unwrap().alias, erased.alias);
    let acme = serving.node().erase(&user_key("acme", "luis"), Words::Go).await;
    assert_ne!(acme.unwrap().unwrap().alias, erased.alias);
}

#[tokio::test]
async fn nothing_is_found_in_the_file_afterwards() {
    const WORDS: [&str; 4] = ["Quetzalcoatl", "quetzalcoatl", "Xochimilco", "xochimilco"];
    const NAME: &str = "Cuauhtemoc Tlatelolco";
    let serving = Serving::start_with(|settings| settings.limits.sends_per_second = 0).await;
    let person = user_key("demo", "ana");
    let named = UserChange {
        name: Some(NAME.into()),
        ..UserChange::default()
    };
    serving.node().store.put_user(&person, named).await.unwrap();
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let mut luis = serving.connect("luis", "/ws/chat/5/").await;
    for n in 0..60 {
        say(&mut ana, &format!("{n} Quetzalcoatl Xochimilco")).await;
        if n % 10 == 0 {
            say(&mut luis, &format!("{n} others stay")).await;
            luis.ask(&json!({"type": "search", "ref": 1, "q": "quetzal"}), "found")
                .await;
        }
    }
    let folder = serving.drain().await;
    let in_folder = |word: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.any(|bytes| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
    };
    assert!(
        in_folder(WORDS[0]) && in_folder(WORDS[1]) && in_folder(NAME),
        "the test sees what there is"
    );
    let settings = StoreSettings {
        path: folder.path().to_owned(),
        ..StoreSettings::default()
    };
    let (sink, _committed) = tokio::sync::mpsc::channel(1);
    let store = store::open(&settings, clock::system(), sink).await.unwrap();
    let erased = personal::erase(&*store, &person, Words::Go, &mut |_, _, _| {}).await;
    assert_eq!(erased.unwrap().unwrap().messages, 60);
    store.close().await.unwrap();
    drop(store);
    backup::compact(&settings).unwrap();
    for word in WORDS.into_iter().chain([NAME, "Cuauhtemoc", "Tlatelolco"]) {
        assert!(!in_folder(word), "{word} is still there");
    }
    assert!(in_folder("others stay"));
}
