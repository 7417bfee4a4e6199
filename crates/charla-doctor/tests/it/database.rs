//! What the doctor reads in real databases, and that it leaves them as they are.

mod failing;

use std::fs;
use std::path::Path;
use std::time::Duration;

use charla_doctor::evidence::{DatabaseFault, DatabaseSeen, Lookup, Membership};
use charla_doctor::probe::database::{DjangoDatabase, Sought, look};
use rusqlite::Connection;
use rustix::process::Signal;

use crate::cluster::{Cluster, client};

const WITHIN: Duration = Duration::from_secs(5);
const PASSWORD: &str = "pass-of-the-tests";

/// Django's tables as its migrations make them, in words that both databases understand: a chat with its customer, agents by a
/// many-to-many field, messages that refer to both and are no membership.
const DJANGO: &str = "
    CREATE TABLE auth_user (id integer PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamp, is_superuser boolean NOT NULL,
        username varchar(150) NOT NULL, is_staff boolean NOT NULL, is_active boolean NOT NULL);
    CREATE TABLE chat_chat (id bigint PRIMARY KEY, customer_id integer NOT NULL REFERENCES auth_user (id), titulo text NOT NULL);
    CREATE TABLE chat_chat_invitados (id bigint PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chat_chat (id), user_id integer NOT NULL REFERENCES auth_user (id));
    CREATE TABLE chat_mensaje (id bigint PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chat_chat (id), autor_id integer NOT NULL REFERENCES auth_user (id), texto text NOT NULL);
    INSERT INTO auth_user VALUES (1, '', NULL, false, 'ana', false, true), (2, '', NULL, false, 'luis', false, true),
        (3, '', NULL, false, 'sofia', true, true), (4, '', NULL, false, 'bea', false, false), (6, '', NULL, false, 'eva', false, true);
    INSERT INTO chat_chat VALUES (5, 1, 'hola');
    INSERT INTO chat_chat_invitados VALUES (1, 5, 6);
    INSERT INTO chat_mensaje VALUES (1, 5, 2, 'hola');
";

fn sought(url: &str, chat: &str, user: &str) -> Sought {
    Sought {
        url: url.to_owned(),
        from: "--database".into(),
        chat: Some(chat.into()),
        user: Some(user.into()),
        django: Some(DjangoDatabase::default()),
        ..Sought::default()
    }
}

async fn seen(sought: &Sought) -> DatabaseSeen {
    look(sought, WITHIN)
        .await
        .unwrap_or_else(|skipped| panic!("{skipped:?}"))
}

/// Who is let in by Django's tables, the same in both databases.
async fn who_may_enter(url: &str) {
    let rows = [
        (
            "5",
            "1",
            Lookup::There,
            Some(true),
            Lookup::There,
            Membership::Member,
        ),
        (
            "5",
            "2",
            Lookup::There,
            Some(true),
            Lookup::There,
            Membership::Neither,
        ),
        (
            "5",
            "3",
            Lookup::There,
            Some(true),
            Lookup::There,
            Membership::Staff,
        ),
        (
            "5",
            "6",
            Lookup::There,
            Some(true),
            Lookup::There,
            Membership::Member,
        ),
        (
            "5",
            "4",
            Lookup::There,
            Some(false),
            Lookup::There,
            Membership::Neither,
        ),
        (
            "5",
            "99",
            Lookup::Missing,
            None,
            Lookup::There,
            Membership::Unknown,
        ),
        (
            "777",
            "1",
            Lookup::There,
            Some(true),
            Lookup::Missing,
            Membership::Unknown,
        ),
        (
            "5",
            "abc",
            Lookup::Missing,
            None,
            Lookup::There,
            Membership::Unknown,
        ),
    ];
    for (chat, user, user_there, active, chat_there, membership) in rows {
        let seen = seen(&sought(url, chat, user)).await;
        assert_eq!(seen.error, None, "{seen:?}");
        assert_eq!(
            (seen.user, seen.user_active, seen.chat, seen.membership),
            (user_there, active, chat_there, membership),
            "chat {chat}, user {user}: {seen:?}"
        );
        assert!(seen.chat_sure && !seen.membership_sure, "{seen:?}");
    }
}

fn file_with(folder: &Path, name: &str, sql: &str) -> String {
    let path = folder.join(name);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    path.display().to_string()
}

/// The store of a Charla server, made by its own schema.
async fn charla_store(url: &str) {
    let rows = [
        (
            "5",
            "ana",
            None,
            Lookup::There,
            Some("active"),
            Membership::Member,
        ),
        (
            "5",
            "luis",
            Some("demo"),
            Lookup::There,
            Some("active"),
            Membership::Member,
        ),
        (
            "5",
            "eva",
            None,
            Lookup::There,
            Some("blocked"),
            Membership::Neither,
        ),
        (
            "5",
            "sofia",
            None,
            Lookup::There,
            Some("active"),
            Membership::Staff,
        ),
        ("5", "nobody", None, Lookup::There, None, Membership::Unknown),
        (
            "6",
            "ana",
            None,
            Lookup::Missing,
            Some("active"),
            Membership::Unknown,
        ),
        (
            "5",
            "ana",
            Some("other"),
            Lookup::Missing,
            None,
            Membership::Unknown,
        ),
    ];
    for (chat, user, tenant, there, state, membership) in rows {
        let asked = Sought {
            tenant: tenant.map(str::to_owned),
            django: None,
            ..sought(url, chat, user)
        };
        let seen = seen(&asked).await;
        assert_eq!(
            (seen.chat, seen.user_state.as_deref(), seen.membership),
            (there, state, membership),
            "{chat} {user}: {seen:?}"
        );
        assert_eq!(seen.schema_exists, Some(tenant != Some("other")), "{seen:?}");
        assert!(seen.chat_sure && seen.missing_tables.is_empty(), "{seen:?}");
    }
}

fn charla_sql(kind: &str) -> String {
    let path = format!(
        "{}/../charla-server/migrations/{kind}/0001_start.sql",
        env!("CARGO_MANIFEST_DIR")
    );
    let person = if kind == "sqlite" { "user" } else { "person" };
    fs::read_to_string(path).unwrap()
        + &format!(
            "INSERT INTO tenants (id, name, created_at) VALUES ('demo', '', 0);
             INSERT INTO users (tenant, id, name, role, state, tokens_valid_from, created_at) VALUES
                ('demo', 'ana', '', 'member', 'active', 0, 0), ('demo', 'luis', '', 'member', 'active', 0, 0),
                ('demo', 'eva', '', 'member', 'blocked', 0, 0), ('demo', 'sofia', '', 'agent', 'active', 0, 0);
             INSERT INTO chats (id, tenant, chat, title, customer, moved, created_at) VALUES (1, 'demo', '5', '', 'ana', 0, 0);
             INSERT INTO members (chat, tenant, \"{person}\", joined_at) VALUES (1, 'demo', 'luis', 0);"
        )
}

#[tokio::test]
async fn the_store_of_charla_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_with(folder.path(), "charla.db", &charla_sql("sqlite"));
    charla_store(&path).await;
    let closed = "UPDATE chats SET closed_at = 1";
    Connection::open(&path).unwrap().execute_batch(closed).unwrap();
    assert_eq!(seen(&sought(&path, "5", "ana")).await.chat_closed, Some(true));
}

/// Names, sizes and contents of everything in a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn sqlite_is_read_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let plain = file_with(folder.path(), "db ñ?#%.sqlite3", DJANGO);
    let ahead = file_with(
        folder.path(),
        "ahead.sqlite3",
        &format!("PRAGMA journal_mode = wal; {DJANGO}"),
    );
    let before = contents(folder.path());
    who_may_enter(&plain).await;
    who_may_enter(&ahead).await;
    assert!(contents(folder.path()) == before, "a file was changed or made");
}

#[tokio::test]
async fn sqlite_is_read_while_the_application_writes() {
    let folder = tempfile::tempdir().unwrap();
    let ahead = file_with(
        folder.path(),
        "db.sqlite3",
        &format!("PRAGMA journal_mode = wal; {DJANGO}"),
    );
    let application = Connection::open(&ahead).unwrap();
    application
        .execute_batch(
            "INSERT INTO chat_chat VALUES (8, 2, ''); BEGIN IMMEDIATE; DELETE FROM chat_chat WHERE id = 8;",
        )
        .unwrap();
    let seen = seen(&sought(&ahead, "8", "2")).await;
    assert_eq!(
        (seen.chat, seen.membership),
        (Lookup::There, Membership::Member),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sqlite3").display().to_string();
    let missing = seen(&sought(&format!("sqlite:///{path}"), "5", "1")).await;
    assert_eq!(missing.fault, Some(DatabaseFault::NoFile), "{missing:?}");
    assert!(contents(folder.path()).is_empty());
    fs::write(&path, "").unwrap();
    let empty = seen(&sought(&path, "5", "1")).await;
    assert_eq!(
        (empty.tables, empty.missing_tables.as_slice()),
        (Some(0), ["auth_user".to_owned()].as_slice())
    );
    fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    assert!(seen(&sought(&path, "5", "1")).await.error.is_some());
}

#[tokio::test]
async fn a_query_that_never_ends_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_with(folder.path(), "db.sqlite3", DJANGO);
    let query =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 FROM n WHERE i = -1";
    let endless = Sought {
        chat_query: Some(query.into()),
        ..sought(&format!("sqlite:{path}"), "5", "1")
    };
    let seen = look(&endless, Duration::from_millis(300)).await.unwrap();
    assert_eq!(seen.fault, Some(DatabaseFault::Silent), "{seen:?}");
}

#[tokio::test]
async fn given_queries_are_the_rule_and_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_with(folder.path(), "db.sqlite3", DJANGO);
    let before = contents(folder.path());
    let ask = |chat: &str, member: &str| Sought {
        chat_query: Some(chat.into()),
        member_query: Some(member.into()),
        ..sought(&path, "5", "2")
    };
    let right = ask(
        "SELECT 1 FROM chat_chat WHERE id = :chat;",
        "SELECT 1 FROM chat_mensaje WHERE chat_id = :chat AND autor_id = :user",
    );
    let answered = seen(&right).await;
    assert_eq!(
        (answered.chat, answered.membership),
        (Lookup::There, Membership::Member)
    );
    assert!(answered.chat_sure && answered.membership_sure);
    let wrong = seen(&ask("DELETE FROM chat_chat", "SELECT 1 FROM nothing")).await;
    assert_eq!(
        (wrong.chat, wrong.membership),
        (Lookup::Unknown, Membership::Unknown),
        "{wrong:?}"
    );
    assert!(wrong.membership_by.contains("nothing"), "{wrong:?}");
    assert!(contents(folder.path()) == before);
}

#[tokio::test]
async fn postgres_is_read_whole() {
    let cluster = Cluster::start(PASSWORD);
    let url = cluster.url("postgres", PASSWORD);
    let application = client(&url).await;
    application.batch_execute(DJANGO).await.unwrap();
    who_may_enter(&url).await;
    let django = seen(&sought(&url, "5", "1")).await;
    assert!(!format!("{django:?}").contains(PASSWORD), "{django:?}");
    assert_eq!(django.connections.map(|(_, most)| most), Some(6), "{django:?}");

    let written = Sought {
        chat_query: Some("DELETE FROM chat_chat RETURNING 1".into()),
        member_query: Some("SELECT 1 FROM chat_chat WHERE customer_id = :user".into()),
        ..sought(&url, "5", "2")
    };
    let written = seen(&written).await;
    assert_eq!(
        (written.chat, written.membership),
        (Lookup::Unknown, Membership::Neither),
        "{written:?}"
    );
    let rows = application.query("SELECT 1 FROM chat_chat", &[]).await.unwrap();
    assert_eq!(rows.len(), 1, "nothing was deleted");

    tenants(&url, &application).await;
    application.batch_execute("CREATE DATABASE charla").await.unwrap();
    let store = cluster.url("charla", PASSWORD);
    client(&store)
        .await
        .batch_execute(&charla_sql("postgres"))
        .await
        .unwrap();
    charla_store(&store).await;
    failing::ways_to_fail(&cluster).await;
}

#[tokio::test]
async fn postgres_is_read_where_it_takes_tls_alone() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let cluster = Cluster::start_secure(PASSWORD, port);
    let own = format!("{}&port={port}", cluster.url("postgres", PASSWORD));
    client(&own).await.batch_execute(DJANGO).await.unwrap();
    let url = format!("postgres://charla:{PASSWORD}@127.0.0.1:{port}/postgres");
    let plain = tokio_postgres::connect(&format!("{url}?sslmode=disable"), tokio_postgres::NoTls).await;
    assert!(plain.is_err(), "it takes what is not encrypted");
    who_may_enter(&url).await;
    who_may_enter(&format!("{url}?sslmode=require")).await;
}

/// django-tenants: the same chat id means another chat in each schema.
async fn tenants(url: &str, application: &tokio_postgres::Client) {
    application
        .batch_execute("CREATE SCHEMA acme; SET search_path = acme")
        .await
        .unwrap();
    application
        .batch_execute(&DJANGO.replace("(5, 1, 'hola')", "(5, 2, 'hola'), (9, 2, '')"))
        .await
        .unwrap();
    application
        .batch_execute(
            "SET search_path = public;
             CREATE TABLE empresas_empresa (id integer PRIMARY KEY, schema_name varchar(63) NOT NULL);
             CREATE TABLE empresas_dominio (id integer PRIMARY KEY, domain varchar(253) NOT NULL, tenant_id integer NOT NULL REFERENCES empresas_empresa (id));
             INSERT INTO empresas_empresa VALUES (1, 'acme'); INSERT INTO empresas_dominio VALUES (1, 'acme.app.test', 1)",
        )
        .await
        .unwrap();
    let of = |tenant: Option<&str>, host: Option<&str>| Sought {
        tenant: tenant.map(str::to_owned),
        host: host.map(str::to_owned),
        django: Some(DjangoDatabase {
            tenants: true,
            ..DjangoDatabase::default()
        }),
        ..sought(url, "9", "2")
    };
    let rows = [
        (
            Some("acme"),
            None,
            Some("acme"),
            Some(true),
            Lookup::There,
            Membership::Member,
        ),
        (
            None,
            Some("acme.app.test"),
            Some("acme"),
            Some(true),
            Lookup::There,
            Membership::Member,
        ),
        (None, None, None, None, Lookup::Missing, Membership::Unknown),
        (
            Some("globex"),
            None,
            Some("globex"),
            Some(false),
            Lookup::Unknown,
            Membership::Unknown,
        ),
        (
            Some("a\"; DROP SCHEMA acme"),
            None,
            Some("a\"; DROP SCHEMA acme"),
            Some(false),
            Lookup::Unknown,
            Membership::Unknown,
        ),
    ];
    for (tenant, host, schema, exists, chat, membership) in rows {
        let seen = seen(&of(tenant, host)).await;
        assert_eq!(
            (
                seen.schema.as_deref(),
                seen.schema_exists,
                seen.chat,
                seen.membership
            ),
            (schema, exists, chat, membership),
            "{tenant:?} {host:?}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn other_databases_are_left_alone() {
    for url in [
        "mysql://root:hush@127.0.0.1/x",
        "oracle://h/x",
        "postgres://charla:hush@[/x",
    ] {
        let skipped = look(&sought(url, "5", "1"), WITHIN).await.unwrap_err();
        assert!(!format!("{skipped:?}").contains("hush"), "{skipped:?}");
    }
}
