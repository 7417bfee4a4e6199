//! Finding messages over a socket.

use serde_json::json;

use super::{say_all, seqs};
use crate::serving::Serving;

#[tokio::test]
async fn members_find_messages_and_see_where_the_words_stand() {
    let serving = Serving::start().await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    say_all(&mut ana, &["¿Un café?", "No, dos cafés.", "Nada"]).await;
    let found = ana
        .ask(&json!({"type": "search", "ref": 2, "q": "CAFE"}), "found")
        .await;
    assert_eq!(seqs(&found["messages"]), [2, 1]);
    assert_eq!(
        (&found["more"], &found["complete"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(found["messages"][0]["hits"], json!([[8, 5]]));
    assert_eq!(found["messages"][1]["hits"], json!([[4, 4]]));
    assert_eq!(found["messages"][1]["author"]["name"], "Ana");
    let page = json!({"type": "search", "ref": 3, "q": "cafe", "limit": 1});
    let found = ana.ask(&page, "found").await;
    assert_eq!(
        (seqs(&found["messages"]), &found["more"]),
        (vec![2], &json!(true))
    );
    let page = json!({"type": "search", "ref": 4, "q": "cafe", "before": 2});
    assert_eq!(seqs(&ana.ask(&page, "found").await["messages"]), [1]);
    for (q, why) in [("?!", "1 to 8 words"), ("a b c d e f g h i", "1 to 8 words")] {
        let refused = ana
            .ask(&json!({"type": "search", "ref": 5, "q": q}), "error")
            .await;
        assert_eq!(refused["cause"], "bad_request");
        assert!(refused["detail"].as_str().unwrap().contains(why), "{refused}");
    }
    // Whoever has no place in the chat finds nothing in it.
    let mut eva = serving.connect("eva", "/ws/").await;
    let search = json!({"type": "search", "ref": 1, "chat": "5", "q": "cafe"});
    assert_eq!(eva.ask(&search, "error").await["cause"], "not_subscribed");
}

#[tokio::test]
async fn a_long_chat_is_searched_at_once_and_to_its_end_soon() {
    let serving = Serving::start_with(|settings| settings.limits.sends_per_second = 0).await;
    let room = crate::serving::room("demo", "5");
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..1_500 {
        let (node, room) = (std::sync::Arc::clone(serving.node()), room.clone());
        posts.spawn(async move {
            let draft = crate::store_contract::draft(&room, "ana", &format!("hola {n}"));
            node.post(draft).await.unwrap();
        });
    }
    while posts.join_next().await.is_some() {}
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let search = json!({"type": "search", "ref": 1, "q": "hola", "limit": 2});
    let found = ana.ask(&search, "found").await;
    assert_eq!(seqs(&found["messages"]), [1_500, 1_499]);
    let mut complete = found["complete"].clone();
    assert_eq!(complete, false);
    let first = json!({"type": "search", "ref": 1, "q": "hola", "before": 2});
    while complete != true {
        complete = ana.ask(&first, "found").await["complete"].clone();
    }
    assert_eq!(seqs(&ana.ask(&first, "found").await["messages"]), [1]);
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let serving = Serving::start_with(|settings| settings.search.enabled = false).await;
    let mut ana = serving.connect("ana", "/ws/chat/5/").await;
    let refused = ana
        .ask(&json!({"type": "search", "ref": 1, "q": "hola"}), "error")
        .await;
    assert_eq!(
        (&refused["cause"], &refused["ref"]),
        (&json!("bad_request"), &json!(1))
    );
}
