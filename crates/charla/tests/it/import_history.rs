//! `charla import-history`: said and counted, and the exit code of what did not come over.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::running::{Ran, run};

const TABLE: &str = "CREATE TABLE message (id integer PRIMARY KEY, company text, chat integer, author text, text text, sent_at text);
    INSERT INTO message VALUES
        (1, 'north', 5, '42', 'hola', '2024-01-01 08:00:00'), (2, 'south', 5, '43', 'buenas', '2024-01-01 08:00:01'),
        (3, 'north', 5, '43', 'qué tal', '2024-01-01 08:00:02'), (4, 'north', 6, NULL, 'nobody', '2024-01-01 08:00:03'),
        (5, 'north', 6, '42', 'behind', '2024-01-01 08:00:04');";
const OF_TENANT: &str =
    "SELECT id, chat, author, text, sent_at FROM message WHERE company = :tenant ORDER BY sent_at, id";

struct Site {
    folder: tempfile::TempDir,
    database: Connection,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Connection::open(folder.path().join("app.sqlite3")).unwrap();
        database.execute_batch(TABLE).unwrap();
        Self { folder, database }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, query: &str) -> PathBuf {
        let file = self.file("charla.toml");
        let toml = format!(
            "[store]\npath = \"data\"\n[application]\ndatabase_url = \"sqlite://{}\"\n[history]\nbackfill = \"{query}\"\n",
            self.file("app.sqlite3").display()
        );
        std::fs::write(&file, toml).unwrap();
        file
    }
}

fn import(settings: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["import-history", "--config", settings.to_str().unwrap()];
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn what_came_over_is_counted_and_what_did_not_is_named() {
    let site = Site::new();
    let settings = site.settings(OF_TENANT);
    let dry = import(
        &settings,
        &["--tenant", "north", "--tenant", "south", "--dry-run"],
    );
    assert_eq!(dry.code, 1, "{dry:?}");
    assert_eq!(
        dry.lines(),
        [
            "north: 2 messages would be added, 0 are there already; 2 chats, 1 of them new",
            "north: 1 chats stopped, 2 rows were left out",
            "  chat 6, row 3: `author` is NULL; coalesce() it to what it stands for",
            "south: 1 messages would be added, 0 are there already; 1 chats, 1 of them new",
        ]
    );
    assert!(!site.file("data").exists(), "nothing is written");

    let first = import(&settings, &["--tenant", "south", "--json"]);
    assert_eq!(first.code, 0, "{first:?}");
    let told = first.json();
    assert_eq!(
        (&told["added"], &told["known"], &told["new_chats"]),
        (&1.into(), &0.into(), &1.into())
    );
    let first = import(&settings, &["--tenant", "north"]);
    assert_eq!(first.code, 1, "{first:?}");
    assert!(
        first
            .out
            .contains("north: 2 messages added, 0 were there already"),
        "{first:?}"
    );

    // Mended, it goes on; both tenants are in the store by now.
    site.database
        .execute_batch("UPDATE message SET author = 'deleted' WHERE author IS NULL")
        .unwrap();
    let again = import(&settings, &["--lang", "es"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(
        again.lines(),
        [
            "north: 2 mensajes añadidos, 2 ya estaban; 2 chats, 1 de ellos nuevos",
            "south: 0 mensajes añadidos, 1 ya estaban; 1 chats, 0 de ellos nuevos",
        ]
    );
    let dry = import(&settings, &["--tenant", "north", "--dry-run", "--json"]).json();
    assert_eq!((&dry["added"], &dry["known"]), (&0.into(), &4.into()));
}

#[test]
fn the_same_rows_are_never_given_to_two_tenants() {
    let site = Site::new();
    let settings = site.settings("SELECT id, chat, author, text, sent_at FROM message ORDER BY sent_at, id");
    let ran = import(&settings, &["--tenant", "north", "--tenant", "south"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains(":tenant"), "{ran:?}");
    let ran = import(&settings, &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--tenant"), "{ran:?}");
}

#[test]
fn a_query_that_cannot_be_is_told_with_its_line() {
    let site = Site::new();
    for (query, told) in [
        ("SELECT :chat", "`:chat`"),
        (
            "SELECT id, chat, author, sent_at FROM message",
            "no column `text`",
        ),
        ("SELECT * FROM messages", "no such table"),
    ] {
        let ran = import(&site.settings(query), &["--tenant", "north", "--dry-run"]);
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains(told), "{told}: {ran:?}");
    }
    let empty = site.file("empty.toml");
    std::fs::write(&empty, "").unwrap();
    let ran = import(&empty, &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("history.backfill"), "{ran:?}");
}
