//! A query in each kind of database: who enters, as what, and what the store has of it afterwards.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_lets_customers_and_staff_in() {
    for site in Site::every().await {
        let toml = format!(
            "[server]\ndefault_tenant = \"north\"\n[application]\ndatabase_url = \"{}\"\n[authority]\nkind = \"sql\"\npreset = \"django\"",
            site.url()
        );
        let serving = serve(&toml).await;
        assert!(!knows_tenant(&serving, "north").await);
        assert_eq!(
            refused(&serving, "north", "43", "5").await,
            (4403, "not_a_member".into())
        );
        for nobody in ["99", "1000", "abc", "4"] {
            assert_eq!(
                refused(&serving, "north", nobody, "5").await,
                (4404, "chat_not_found".into()),
                "{nobody}"
            );
        }
        assert!(!knows_tenant(&serving, "north").await, "nobody was let in yet");
        let (_, welcome, subscribed) = enter(&serving, "north", "42", "5").await;
        assert_eq!(
            welcome["user"],
            json!({"id": "42", "name": "ana", "role": "member"})
        );
        assert_eq!(
            (&subscribed["role"], &subscribed["state"]),
            (&json!("member"), &json!("open"))
        );
        let (_, welcome, subscribed) = enter(&serving, "north", "7", "5").await;
        assert_eq!(
            welcome["user"],
            json!({"id": "7", "name": "sofia", "role": "agent"})
        );
        assert_eq!(subscribed["role"], "agent");
        for nothing in ["7", "abc", "05", "5abc", "-5", "99999999999999999999999"] {
            assert_eq!(
                refused(&serving, "north", "7", nothing).await,
                (4404, "chat_not_found".into()),
                "{nothing}"
            );
        }
        // The query finds the same for every tenant: it speaks for one only.
        assert_eq!(
            refused(&serving, "south", "42", "5").await,
            (4404, "tenant_not_found".into())
        );
        assert!(!knows_tenant(&serving, "south").await);
        assert!(is_member(&serving, "north", "42", "5").await);
        assert!(
            !is_member(&serving, "north", "7", "5").await,
            "staff are no members"
        );
        let user = serving
            .node()
            .store
            .user(&user_key("north", "42"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&*user.name, "ana");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_values_whatever_is_in_them() {
    for site in Site::every().await {
        let toml = format!(
            "[server]\ndefault_tenant = \"north\"\n[application]\ndatabase_url = \"{}\"\n[authority]\nkind = \"sql\"\nquery = '''{QUERY}'''",
            site.url()
        );
        let serving = serve(&toml).await;
        for user in [
            "42'OR'1'='1",
            "42;DROP/**/TABLE/**/auth_user",
            "\\'OR/**/1=1--",
            "42/**/OR/**/1=1",
            "42\"",
            "4.2e1",
            "+42",
            "042",
            "0x2a",
            ":chat",
            "$1",
            "?",
        ] {
            let (code, cause) = refused(&serving, "north", user, "5").await;
            assert_eq!((code, &*cause), (4404, "chat_not_found"), "{user}");
        }
        for tenant in ["north-x", "public", "pg_catalog", "information_schema"] {
            assert_eq!(
                refused(&serving, tenant, "42", "5").await,
                (4404, "tenant_not_found".into())
            );
            assert!(!knows_tenant(&serving, tenant).await);
        }
        enter(&serving, "north", "42", "5").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_with_the_same_ids_are_two() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, "")).await;
    for _ in 0..2 {
        // Chat 5 is ana's in one and luis' in the other; nothing that one was told serves the other, cached or not.
        let (mut ana, _, subscribed) = enter(&serving, "north", "42", "5").await;
        assert_eq!(subscribed["title"], "north");
        let (mut luis, _, subscribed) = enter(&serving, "south", "43", "5").await;
        assert_eq!(subscribed["title"], "south");
        assert_eq!(
            refused(&serving, "south", "42", "5").await,
            (4403, "not_a_member".into())
        );
        assert_eq!(
            refused(&serving, "north", "43", "5").await,
            (4403, "not_a_member".into())
        );
        let said = json!({"type": "send", "chat": "5", "id": uuid::Uuid::now_v7(), "text": "north alone"});
        ana.ask(&said, "ack").await;
        assert!(luis.heard().await.iter().all(|frame| frame["type"] != "message"));
    }
    for nobody in ["west", "public", "pg_catalog", "information_schema", "NORTH"] {
        assert_eq!(
            refused(&serving, nobody, "42", "5").await,
            (4404, "tenant_not_found".into())
        );
        assert!(!knows_tenant(&serving, nobody).await);
    }
    let titles = async |tenant: &str| {
        serving
            .node()
            .store
            .chat(&room(tenant, "5"))
            .await
            .unwrap()
            .unwrap()
            .title
    };
    assert_eq!(
        (&*titles("north").await, &*titles("south").await),
        ("north", "south")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_has_what_the_application_says() {
    let site = Site::tenants().await;
    let serving = serve(&by_schema(&site, "cache_allow = \"0s\"\ncache_deny = \"0s\"")).await;
    // Whoever names no chat is known all the same, and the tenant with it.
    let mut sofia = knock(&serving, "north", "7", "/ws/").await;
    assert_eq!(sofia.next_of("welcome").await["user"]["role"], "agent");
    assert!(
        serving
            .node()
            .store
            .chat(&room("north", "5"))
            .await
            .unwrap()
            .is_none()
    );
    let subscribed = sofia
        .ask(&json!({"type": "subscribe", "chat": "5"}), "subscribed")
        .await;
    assert_eq!(subscribed["title"], "north");
    let (mut ana, ..) = enter(&serving, "north", "42", "5").await;
    let chats = async || rest(&serving, "north", "42", "/api/v1/me/chats").await.json()["chats"].clone();
    assert_eq!(chats().await[0]["chat"], "5");
    assert_eq!(rest(&serving, "north", "42", "/api/v1/chats/5").await.status, 200);
    // The application changes its mind about everything.
    site.run("UPDATE auth_user SET username = 'Ana María' WHERE id = 42; UPDATE north.chat_chat SET title = 'Otro', closed = true")
        .await;
    let (_, welcome, subscribed) = enter(&serving, "north", "42", "5").await;
    assert_eq!(welcome["user"]["name"], "Ana María");
    assert_eq!(
        (&subscribed["title"], &subscribed["state"]),
        (&json!("Otro"), &json!("closed"))
    );
    ana.next_of("chat_closed").await;
    site.run("UPDATE north.chat_chat SET closed = false").await;
    enter(&serving, "north", "42", "5").await;
    ana.next_of("chat_reopened").await;
    site.run("UPDATE north.chat_chat SET customer_id = 43").await;
    assert_eq!(chats().await, json!([]));
    let refusal = rest(&serving, "north", "42", "/api/v1/chats/5/messages").await;
    assert_eq!(refusal.json()["cause"], "not_a_member");
    assert!(!is_member(&serving, "north", "42", "5").await);
    assert_eq!(
        ana.end().await.0,
        4403,
        "who lost the membership is not left inside"
    );
    // Staff that is none any more is none over REST either.
    site.run("UPDATE auth_user SET is_staff = false WHERE id = 7")
        .await;
    assert_eq!(
        rest(&serving, "north", "7", "/api/v1/chats").await.json()["cause"],
        "forbidden"
    );
}
