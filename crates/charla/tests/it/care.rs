//! `charla backup`, `restored`, `compact`, `user export` and `user erase`: what each prints, how it ends, and what it says of mistakes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use charla_server::store::archive::lines::Writer;
use charla_server::store::archive::{Record, Table};
use serde_json::{Value, json};

use crate::running::{Demo, Ran, run};

const WORDS: &str = "a very particular sentence";

/// A store in which Ana has said two things and Luis one.
struct Store {
    folder: tempfile::TempDir,
}

impl Store {
    fn filled() -> Self {
        let store = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let file = store.folder.path().join("all.jsonl");
        let mut writer = Writer::begin(fs::File::create(&file).unwrap()).unwrap();
        let mut add = |table, values: Value| {
            let Value::Array(values) = values else {
                panic!("{values}")
            };
            writer.add(&Record { table, values }).unwrap();
        };
        add(Table::Tenants, json!(["acme", "Acme", 1, 0]));
        for (user, name) in [("ana", "Ana Paz"), ("luis", "Luis")] {
            add(
                Table::Users,
                json!(["acme", user, name, "member", "active", null, 0, 1]),
            );
        }
        add(
            Table::Chats,
            json!(["acme", "5", "Five", null, 3, 0, 1, null, null, null, null, 1]),
        );
        for (seq, author, name, text) in [
            (1, "ana", "Ana Paz", WORDS),
            (2, "luis", "Luis", "hello, Ana"),
            (3, "ana", "Ana Paz", "goodbye"),
        ] {
            let id = format!("00000000-0000-4000-8000-{seq:012}");
            add(
                Table::Messages,
                json!([
                    "acme", "5", seq, id, author, name, text, null, seq, null, false, 0
                ]),
            );
        }
        writer.end().unwrap().1.flush().unwrap();
        done(&store.on_store(&["import", file.to_str().unwrap()]));
        fs::remove_file(file).unwrap();
        store
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command that finds the store by its settings.
    fn on_store(&self, arguments: &[&str]) -> Ran {
        on(&self.data(), arguments)
    }

    /// One of those about users.
    fn user(&self, arguments: &[&str]) -> Ran {
        let data = self.data();
        let mut all = vec!["user"];
        all.extend(arguments);
        all.extend(["--data", data.to_str().unwrap()]);
        run(&all)
    }

    /// Whether the words are anywhere in the store's files.
    fn holds(&self, words: &str) -> bool {
        let files = fs::read_dir(self.data()).unwrap();
        files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| {
                bytes
                    .windows(words.len())
                    .any(|window| window == words.as_bytes())
            })
    }
}

fn on(data: &Path, arguments: &[&str]) -> Ran {
    let place = format!("store.path={}", data.display());
    let mut all = arguments.to_vec();
    all.extend(["--set", &place]);
    run(&all)
}

fn done(ran: &Ran) {
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
}

fn wrong(ran: &Ran, code: i32, words: &str) {
    assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{ran:?}");
    assert!(ran.err.contains(words), "{words:?}: {ran:?}");
}

/// What an export of a person says, by what each line is.
fn lines(ran: &Ran) -> Vec<(String, Value)> {
    let lines = ran.lines().into_iter();
    lines
        .map(|line| {
            let Value::Object(fields) = serde_json::from_str(line).unwrap() else {
                panic!("{line}")
            };
            fields.into_iter().next().unwrap()
        })
        .collect()
}

#[test]
fn a_backup_says_what_is_in_it_and_is_a_store_of_its_own() {
    let store = Store::filled();
    let copy = store.folder.path().join("copy.db");
    let file = copy.to_str().unwrap();
    let told = store.on_store(&["backup", file]);
    done(&told);
    let bytes = fs::metadata(&copy).unwrap().len();
    assert_eq!(
        told.out,
        format!("{file}: 3 messages of 1 chats, {bytes} bytes, checked\n")
    );
    let again = store.on_store(&["backup", file]);
    wrong(&again, 1, "cannot be written");
    assert_eq!(fs::metadata(&copy).unwrap().len(), bytes, "what is there stays");
    let second = store.folder.path().join("second.db");
    let told = store.on_store(&["backup", second.to_str().unwrap(), "--json"]);
    done(&told);
    let bytes = fs::metadata(&second).unwrap().len();
    assert_eq!(told.json(), json!({"bytes": bytes, "chats": 1, "messages": 3}));

    let elsewhere = store.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&copy, elsewhere.join("charla.db")).unwrap();
    let place = elsewhere.to_str().unwrap();
    let there = run(&["user", "list", "--data", place, "--json"]).json();
    assert_eq!(there.as_array().unwrap().len(), 2, "{there}");
}

#[test]
fn a_backup_is_made_while_a_server_serves_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start_in(folder.path());
    let copy = folder.path().join("copy.db");
    let told = on(folder.path(), &["backup", copy.to_str().unwrap(), "--json"]);
    done(&told);
    assert_eq!(told.json()["chats"], 1, "{told:?}");
    for command in ["compact", "restored"] {
        let told = on(folder.path(), &[command]);
        wrong(&told, 1, "another charla has the store in");
    }
    let place = folder.path().to_str().unwrap();
    for command in ["export", "erase"] {
        let told = run(&["user", command, "ana", "--data", place]);
        assert_eq!((told.code, told.out.as_str()), (1, ""), "{told:?}");
        assert!(told.err.contains(place), "{told:?}");
    }
    drop(demo);
    done(&on(folder.path(), &["compact"]));
}

#[test]
fn what_is_not_there_or_is_postgresql_is_a_mistake_with_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nothing");
    let copy = folder.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    for command in [&["backup", copy][..], &["compact"], &["restored"]] {
        wrong(&on(&nowhere, command), 1, "there is no store in");
    }
    assert!(!nowhere.exists(), "looking for a store makes none");
    for command in [&["backup", copy][..], &["compact"]] {
        let mut all = command.to_vec();
        all.extend(["--set", "store.url=postgres://charla@127.0.0.1:1/charla"]);
        wrong(&run(&all), 2, "pg_dump");
    }
    let store = Store::filled();
    let unwritable = store.on_store(&["backup", "/proc/nowhere/copy.db"]);
    wrong(&unwritable, 1, "/proc/nowhere/copy.db cannot be written");
    wrong(&store.on_store(&["backup"]), 2, "<FILE>");
    wrong(
        &store.on_store(&["compact", "--set", "store.pat=x"]),
        2,
        "store.pat",
    );
}

#[test]
fn restored_begins_another_epoch_each_time() {
    let store = Store::filled();
    let epoch = |told: &Ran| {
        done(told);
        told.json()["epoch"].as_u64().unwrap()
    };
    let first = epoch(&store.on_store(&["restored", "--json"]));
    let told = store.on_store(&["restored"]);
    done(&told);
    assert_eq!(
        told.out,
        "clients that know more than the store are told to begin anew\n"
    );
    let third = epoch(&store.on_store(&["restored", "--json"]));
    assert!(third > first + 1, "{first}, another, {third}");
}

#[test]
fn compact_says_how_large_the_file_was_and_is() {
    let store = Store::filled();
    let told = store.on_store(&["compact", "--json"]);
    done(&told);
    let size = fs::metadata(store.data().join("charla.db")).unwrap().len();
    assert_eq!(told.json()["after"], size);
    let told = store.on_store(&["compact"]);
    done(&told);
    assert_eq!(told.out, format!("{size} bytes before, {size} bytes now\n"));
}

#[test]
fn an_export_is_all_of_one_person_and_nothing_of_others() {
    let store = Store::filled();
    let told = store.user(&["export", "ana"]);
    done(&told);
    let lines = lines(&told);
    let (kind, profile) = &lines[0];
    assert_eq!(
        (
            kind.as_str(),
            &profile["id"],
            &profile["name"],
            &profile["has_password"]
        ),
        ("profile", &json!("ana"), &json!("Ana Paz"), &json!(false))
    );
    let said: Vec<&Value> = lines
        .iter()
        .filter(|(kind, _)| kind == "message")
        .map(|(_, one)| &one["message"]["text"])
        .collect();
    assert_eq!(said, [&json!(WORDS), &json!("goodbye")]);
    assert!(!told.out.contains("hello, Ana"), "{told:?}");
    let unknown = store.user(&["export", "nobody"]);
    assert_eq!(
        (unknown.code, unknown.out.as_str(), unknown.err.as_str()),
        (1, "", "error: tenant acme has no user `nobody`\n")
    );
    wrong(&store.user(&["export", "ana", "--tenant", "other"]), 1, "other");
    wrong(&store.user(&["export", "a b"]), 2, "`a b`");
}

#[test]
fn an_erased_person_is_a_pseudonym_and_the_words_are_nowhere() {
    let store = Store::filled();
    assert!(store.holds(WORDS) && store.holds("Ana Paz"));
    let told = store.user(&["erase", "ana", "--json"]);
    done(&told);
    let told = told.json();
    let alias = told["alias"].as_str().unwrap().to_owned();
    assert!(alias.starts_with("erased-") && told["messages"] == 2, "{told}");
    for words in [WORDS, "goodbye", "Ana Paz"] {
        assert!(!store.holds(words), "{words} is in the store's files");
    }
    assert!(store.holds("hello, Ana"), "what others wrote stays");
    let shown = store.user(&["show", "ana", "--json"]).json();
    assert_eq!(
        (&shown["state"], &shown["name"]),
        (&json!("deleted"), &json!(alias))
    );
    // Again: there is nothing left to do.
    let again = store.user(&["erase", "ana"]);
    done(&again);
    assert_eq!(again.out, format!("erased; 0 messages are by {alias} now\n"));

    let kept = Store::filled();
    let told = kept.user(&["erase", "ana", "--keep-texts"]);
    done(&told);
    assert!(
        told.out.starts_with("erased; 2 messages are by erased-"),
        "{told:?}"
    );
    assert!(kept.holds(WORDS) && !kept.holds("Ana Paz"));
    let unknown = kept.user(&["erase", "nobody"]);
    wrong(&unknown, 1, "tenant acme has no user `nobody`");
    wrong(&kept.user(&["erase"]), 2, "<ID>");
    let data = kept.data();
    let spanish = run(&[
        "user",
        "erase",
        "luis",
        "--data",
        data.to_str().unwrap(),
        "--lang",
        "es",
    ]);
    assert!(
        spanish
            .out
            .starts_with("borrado; 1 mensajes son ahora de erased-"),
        "{spanish:?}"
    );
}
