//! Tenants, users, chats, tokens and keys on a store that no server holds.

use crate::running::{Demo, Ran, run, run_with};

/// A store of its own.
struct Store {
    folder: tempfile::TempDir,
}

impl Store {
    fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn with_tenant(id: &str) -> Self {
        let store = Self::empty();
        assert_eq!(store.run(&["tenant", "add", id]).code, 0);
        store
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut all = arguments.to_vec();
        all.extend(["--data", self.folder.path().to_str().unwrap()]);
        run_with(&all, input)
    }
}

#[test]
fn tenants_are_added_once_and_listed() {
    let store = Store::empty();
    let none = store.run(&["tenant", "list"]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("there is no store in"), "{none:?}");

    assert_eq!(
        store.run(&["tenant", "add", "acme", "--name", "Acme Ltd."]).out,
        "tenant acme added\n"
    );
    assert_eq!(
        store.run(&["tenant", "add", "acme"]).out,
        "tenant acme is there\n"
    );
    let listed = store.run(&["tenant", "list", "--json"]).json();
    assert_eq!(
        (&listed[0]["id"], &listed[0]["name"]),
        (&"acme".into(), &"Acme Ltd.".into())
    );
    assert_eq!(
        store.run(&["tenant", "show", "other"]).err,
        "error: there is no tenant `other`\n"
    );

    let wrong = store.run(&["tenant", "add", "a b"]);
    assert_eq!(wrong.code, 2);
    assert_eq!(
        wrong.err,
        "error: `a b` is no tenant id: it has a character that is not allowed\n"
    );
}

#[test]
fn users_are_kept_and_blocked() {
    let store = Store::with_tenant("acme");
    let added = store.run_with(
        &["user", "add", "ana", "--name", "Ana", "--password-stdin"],
        "correct horse\n",
    );
    assert_eq!(
        (added.code, added.out.as_str()),
        (0, "user ana added to acme\n"),
        "{added:?}"
    );
    assert_eq!(store.run(&["user", "add", "sofia", "--role", "agent"]).code, 0);
    let listed = store.run(&["user", "list", "--json"]).json();
    assert_eq!(
        (
            &listed[0]["id"],
            &listed[0]["name"],
            &listed[0]["role"],
            &listed[0]["has_password"]
        ),
        (&"ana".into(), &"Ana".into(), &"member".into(), &true.into())
    );
    assert_eq!(
        (&listed[1]["role"], &listed[1]["has_password"]),
        (&"agent".into(), &false.into())
    );

    assert_eq!(store.run(&["user", "block", "ana"]).out, "user ana is blocked\n");
    assert_eq!(
        store.run(&["user", "show", "ana", "--json"]).json()["state"],
        "blocked"
    );
    assert_eq!(store.run(&["user", "unblock", "ana"]).code, 0);
    assert_eq!(
        store.run(&["user", "show", "ana", "--json"]).json()["state"],
        "active"
    );
    let unknown = store.run(&["user", "block", "nobody"]);
    assert_eq!(
        (unknown.code, unknown.err.as_str()),
        (1, "error: tenant acme has no user `nobody`\n")
    );
}

#[test]
fn two_tenants_have_to_be_told_apart() {
    let store = Store::with_tenant("acme");
    store.run(&["tenant", "add", "beta"]);
    let which = store.run(&["chat", "list"]);
    assert_eq!(
        (which.code, which.err.as_str()),
        (2, "error: which tenant? --tenant, one of: acme, beta\n")
    );
    for tenant in ["acme", "beta"] {
        assert_eq!(
            store
                .run(&["chat", "add", "5", "--title", tenant, "--tenant", tenant])
                .code,
            0
        );
    }
    assert_eq!(
        store
            .run(&["chat", "show", "5", "--tenant", "beta", "--json"])
            .json()["title"],
        "beta"
    );
}

#[test]
fn chats_have_members_and_an_end() {
    let store = Store::with_tenant("acme");
    let added = store.run(&["chat", "add", "5", "--title", "Soporte", "--member", "ana"]);
    assert_eq!(added.out, "chat 5 added to acme\n");
    let joined = store.run(&["chat", "members", "add", "5", "luis", "ana"]);
    assert_eq!(
        joined.err,
        "luis is a member of 5\nana was a member of 5 before\n"
    );
    let left = store.run(&["chat", "members", "remove", "5", "ana", "--json"]);
    let members = left.json();
    assert_eq!(members.as_array().unwrap().len(), 1);
    assert_eq!(members[0]["id"], "luis");

    let closed = store
        .run(&["chat", "close", "5", "--reason", "solved", "--json"])
        .json();
    assert_eq!(
        (&closed["state"], &closed["closed"]["reason"]),
        (&"closed".into(), &"solved".into())
    );
    assert_eq!(
        store.run(&["chat", "close", "5"]).out,
        "chat 5 was closed before\n"
    );
    assert_eq!(store.run(&["chat", "reopen", "5"]).out, "chat 5 is open\n");
    assert_eq!(
        store.run(&["chat", "history", "5", "--json"]).json(),
        serde_json::json!([])
    );
    let unknown = store.run(&["chat", "close", "6"]);
    assert_eq!(
        (unknown.code, unknown.err.as_str()),
        (1, "error: tenant acme has no chat `6`\n")
    );
}

#[test]
fn a_token_is_issued_laid_open_and_revoked() {
    let store = Store::with_tenant("acme");
    store.run(&["user", "add", "ana"]);
    let token = store
        .run(&["token", "issue", "ana", "--ttl", "1h"])
        .out
        .trim()
        .to_owned();
    let open = store.run_with(&["token", "inspect", "--json"], &token);
    assert_eq!(open.code, 0, "{open:?}");
    let open = open.json();
    assert_eq!(
        (&open["claims"]["user_id"], &open["cause"]),
        (&"ana".into(), &serde_json::Value::Null)
    );

    assert_eq!(store.run(&["token", "revoke", &token]).code, 0);
    let revoked = store.run(&["token", "inspect", &token, "--json"]);
    assert_eq!(
        (revoked.code, &revoked.json()["cause"]),
        (3, &"token_revoked".into())
    );

    let none = store.run(&["token", "inspect", "abc"]);
    assert_eq!(none.code, 3);
    assert!(none.out.contains("token_malformed"), "{none:?}");
}

#[test]
fn keys_are_shown_once() {
    let store = Store::with_tenant("acme");
    let added = store.run(&["key", "add", "backend", "--json"]).json();
    let secret = added["secret"].as_str().unwrap();
    assert!(secret.starts_with("charla_"), "{added}");
    let listed = store.run(&["key", "list", "--json"]);
    assert!(!listed.out.contains(secret));
    assert_eq!(listed.json()[0]["label"], "backend");
    let id = added["key"].as_str().unwrap();
    assert_eq!(
        store.run(&["key", "revoke", id]).out,
        format!("key {id} is refused from now on\n")
    );
    assert_eq!(
        store.run(&["key", "list", "--json"]).json(),
        serde_json::json!([])
    );
}

#[test]
fn a_store_that_a_server_holds_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start_in(folder.path());
    let refused = run(&["user", "list", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("another charla has the store"),
        "{refused:?}"
    );
    assert!(refused.err.contains("While a server runs"), "{refused:?}");
    assert_eq!(demo.end(), 0);
    let after = run(&[
        "user",
        "list",
        "--data",
        folder.path().to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(after.json().as_array().unwrap().len(), 3);
}

/// A demo that runs on a store, and a key for it.
struct Served {
    demo: Demo,
    key: String,
    _folder: tempfile::TempDir,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        assert_eq!(run(&["tenant", "add", "demo", "--data", data]).code, 0);
        let added = run(&["key", "add", "test", "--every-tenant", "--data", data, "--json"]).json();
        Self {
            demo: Demo::start_in(folder.path()),
            key: added["secret"].as_str().unwrap().to_owned(),
            _folder: folder,
        }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut all = arguments.to_vec();
        all.extend([
            "--server",
            self.demo.text("url"),
            "--key",
            &self.key,
            "--tenant",
            "demo",
        ]);
        run(&all)
    }
}

#[test]
fn a_server_that_runs_does_the_same_by_key() {
    let served = Served::start();
    let listed = served.run(&["user", "list", "--json"]).json();
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["id"])
        .collect();
    assert_eq!(ids, ["ana", "luis", "sofia"]);

    let added = served.run(&["user", "add", "eva", "--name", "Eva"]);
    assert_eq!(
        (added.code, added.out.as_str()),
        (0, "user eva added to the server\n"),
        "{added:?}"
    );
    let joined = served.run(&["chat", "members", "add", "5", "eva", "ana", "--json"]);
    assert_eq!(joined.code, 0, "{joined:?}");
    assert_eq!(joined.err, "eva is a member of 5\nana was a member of 5 before\n");
    assert_eq!(joined.json().as_array().unwrap().len(), 3);
    let left = served.run(&["chat", "members", "remove", "5", "eva"]);
    assert_eq!(
        (left.code, left.err.as_str()),
        (0, "eva is no member of 5 any more\n"),
        "{left:?}"
    );

    let said = run_with(
        &[
            "connect",
            served.demo.text("ws_url"),
            "--token",
            served.demo.token("ana"),
        ],
        "hola\n",
    );
    assert_eq!(said.code, 0, "{said:?}");
    let history = served.run(&["chat", "history", "5"]);
    assert!(
        history.out.starts_with("#1 ") && history.out.ends_with(" Ana: hola\n"),
        "{history:?}"
    );

    assert_eq!(
        served.run(&["chat", "add", "6", "--title", "Ventas"]).out,
        "chat 6 added to the server\n"
    );
    assert_eq!(served.run(&["chat", "close", "6"]).out, "chat 6 is closed\n");
    assert_eq!(
        served.run(&["chat", "show", "6", "--json"]).json()["state"],
        "closed"
    );
    assert_eq!(served.run(&["chat", "reopen", "6"]).out, "chat 6 is open\n");
    assert_eq!(served.run(&["tenant", "add", "acme"]).out, "tenant acme added\n");
    assert_eq!(
        served
            .run(&["tenant", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn who_is_blocked_or_revoked_on_a_running_server_is_refused() {
    let served = Served::start();
    let luis = [
        "connect",
        served.demo.text("ws_url"),
        "--token",
        served.demo.token("luis"),
    ];
    assert_eq!(run_with(&luis, "").code, 0);
    assert_eq!(
        served.run(&["user", "block", "luis"]).out,
        "user luis is blocked\n"
    );
    let refused = run_with(&luis, "");
    assert!(
        refused.code == 4 && refused.err.contains("4403 user_blocked"),
        "{refused:?}"
    );

    let ana = served.demo.token("ana");
    assert_eq!(
        served.run(&["token", "revoke", ana]).out,
        "the token is refused from now on\n"
    );
    let refused = run_with(&["connect", served.demo.text("ws_url"), "--token", ana], "");
    assert!(
        refused.code == 3 && refused.err.contains("4401 token_revoked"),
        "{refused:?}"
    );
}

#[test]
fn a_wrong_key_is_refused_by_its_cause() {
    let demo = Demo::start();
    let none = run(&["user", "list", "--server", demo.text("url")]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("--server needs --key"), "{none:?}");
    let wrong = run(&[
        "user",
        "list",
        "--server",
        demo.text("url"),
        "--key",
        "charla_nonsense",
    ]);
    assert!(wrong.err.contains("unauthorized_key"), "{wrong:?}");
    let local = run(&[
        "key",
        "list",
        "--server",
        demo.text("url"),
        "--key",
        "charla_nonsense",
    ]);
    assert_eq!(
        (local.code, local.err.contains("without --server")),
        (2, true),
        "{local:?}"
    );
}
