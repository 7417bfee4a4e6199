//! The application's own database, in PostgreSQL, MariaDB and SQLite as Django fills it: [`Site`] is one of each kind.
//!
//! User 42 is ana, whose chat is 5; user 43 is luis, whose chat is 6; user 7 is sofia, of the staff; user 99 left. Their ids are
//! numbers, as Django makes them.

use std::time::Duration;

use charla_server::application::{Application, ApplicationError, Query, Row, Value};
use charla_server::settings::{ApplicationSettings, ApplicationUrl, DatabaseKind};
use charla_wire::TenantId;
use rustix::process::Signal;

use crate::cluster::Cluster;
use crate::serving::{soon, tenant_id};

mod mariadb;
mod tls;
mod values;

pub(crate) use mariadb::Mariadb;

/// A database of an application, gone when dropped.
pub(crate) enum Site {
    /// And the name of its database.
    Postgres(Box<Cluster>, String),
    Mariadb(Mariadb),
    Sqlite(tempfile::TempDir),
}

impl Site {
    pub(crate) async fn postgres() -> Self {
        let cluster = tokio::task::block_in_place(Cluster::start);
        let database = cluster.database().await;
        let site = Self::Postgres(Box::new(cluster), database);
        site.run(&tables(DatabaseKind::Postgres)).await;
        site
    }

    /// Two schemas and the users in `public`, as django-tenants has it: chat 5 is ana's in `north` and luis' in `south`.
    pub(crate) async fn tenants() -> Self {
        let cluster = tokio::task::block_in_place(Cluster::start);
        let database = cluster.database().await;
        let site = Self::Postgres(Box::new(cluster), database);
        let (users, chats) = (users(DatabaseKind::Postgres), chats(DatabaseKind::Postgres));
        site.run(&users).await;
        for (schema, customer) in [("north", 42), ("south", 43)] {
            site.run(&format!(
                "CREATE SCHEMA {schema}; SET search_path = {schema}, public; {chats}
                 INSERT INTO chat_chat VALUES (5, {customer}, '{schema}', false)"
            ))
            .await;
        }
        site
    }

    pub(crate) async fn mariadb() -> Self {
        let site = Self::Mariadb(tokio::task::block_in_place(Mariadb::start));
        site.run(&tables(DatabaseKind::Mysql)).await;
        site
    }

    pub(crate) async fn sqlite() -> Self {
        let site = Self::Sqlite(tempfile::tempdir().unwrap());
        site.run(&tables(DatabaseKind::Sqlite)).await;
        site
    }

    pub(crate) async fn every() -> [Self; 3] {
        [
            Self::postgres().await,
            Self::mariadb().await,
            Self::sqlite().await,
        ]
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(cluster, database) => cluster.address(database),
            Self::Mariadb(server) => server.url(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("db.sqlite3").display()),
        }
    }

    /// What the application does there itself.
    pub(crate) async fn run(&self, sql: &str) {
        match self {
            Self::Postgres(cluster, database) => {
                cluster.client(database).await.batch_execute(sql).await.unwrap();
            }
            Self::Mariadb(server) => server.run(sql).await,
            Self::Sqlite(folder) => {
                let file = folder.path().join("db.sqlite3");
                let conn = rusqlite::Connection::open(file).unwrap();
                conn.execute_batch(sql).unwrap();
            }
        }
    }

    /// The database is gone, and comes back at the same address.
    pub(crate) fn stop(&self) {
        match self {
            Self::Postgres(cluster, _) => cluster.stop(Signal::QUIT),
            Self::Mariadb(server) => server.stop(),
            Self::Sqlite(folder) => {
                let (file, away) = (folder.path().join("db.sqlite3"), folder.path().join("away"));
                std::fs::rename(file, away).unwrap();
            }
        }
    }

    pub(crate) fn start_again(&self) {
        match self {
            Self::Postgres(cluster, _) => cluster.run(),
            Self::Mariadb(server) => server.run_again(),
            Self::Sqlite(folder) => {
                let (file, away) = (folder.path().join("db.sqlite3"), folder.path().join("away"));
                std::fs::rename(away, file).unwrap();
            }
        }
    }

    /// A way to it, with a second's patience.
    pub(crate) fn application(&self, adjust: impl FnOnce(&mut ApplicationSettings)) -> Application {
        let mut settings = ApplicationSettings {
            database_url: ApplicationUrl::parse(&self.url()),
            timeout: Duration::from_secs(20),
            ..ApplicationSettings::default()
        };
        adjust(&mut settings);
        Application::open(&settings).unwrap().unwrap()
    }
}

fn users(kind: DatabaseKind) -> String {
    let (truth, yes, no) = match kind {
        DatabaseKind::Postgres => ("boolean", "true", "false"),
        DatabaseKind::Mysql | DatabaseKind::Sqlite => ("bool", "1", "0"),
    };
    format!(
        "CREATE TABLE auth_user (id integer PRIMARY KEY, username varchar(150) NOT NULL, is_staff {truth} NOT NULL,
             is_active {truth} NOT NULL);
         INSERT INTO auth_user VALUES (42, 'ana', {no}, {yes}), (43, 'luis', {no}, {yes}), (7, 'sofia', {yes}, {yes}),
             (99, 'gone', {no}, {no});"
    )
}

fn chats(kind: DatabaseKind) -> String {
    let truth = match kind {
        DatabaseKind::Postgres => "boolean",
        DatabaseKind::Mysql | DatabaseKind::Sqlite => "bool",
    };
    format!(
        "CREATE TABLE chat_chat (id bigint PRIMARY KEY, customer_id integer NOT NULL, title varchar(100) NOT NULL,
             closed {truth} NOT NULL);"
    )
}

fn tables(kind: DatabaseKind) -> String {
    let no = match kind {
        DatabaseKind::Postgres => "false",
        DatabaseKind::Mysql | DatabaseKind::Sqlite => "0",
    };
    let (users, chats) = (users(kind), chats(kind));
    format!("{users} {chats} INSERT INTO chat_chat VALUES (5, 42, 'Cinco', {no}), (6, 43, 'Seis', {no});")
}

/// Asks with the values of the names that it has.
async fn ask(
    application: &Application,
    tenant: Option<&TenantId>,
    sql: &str,
    values: &[(&str, Value)],
) -> Result<Vec<Row>, ApplicationError> {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let query = Query::parse(sql, application.kind(), &names).unwrap();
    soon("an answer", application.ask(tenant, &query, values)).await
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

// sleeps because a query is to take longer than it may
const SLOW: &str = "SELECT pg_sleep(60)::text";
// sleeps because MariaDB has another word for it
const SLOW_MYSQL: &str = "SELECT sleep(60)";
const CUSTOMER: &str = "SELECT customer_id FROM chat_chat WHERE id = :chat";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_finds_a_number_and_nothing_else_does() {
    for site in Site::every().await {
        let application = site.application(|_| {});
        let customer = async |chat: &str| {
            let rows = ask(&application, None, CUSTOMER, &[("chat", text(chat))])
                .await
                .unwrap();
            rows.first().map(|row| row.values()[0].clone())
        };
        assert_eq!(customer("5").await, Some(Value::Integer(42)));
        assert_eq!(customer("6").await, Some(Value::Integer(43)));
        for nothing in [
            "7",
            "abc",
            "",
            "5abc",
            "5 OR 1=1",
            "5; DROP TABLE chat_chat",
            "' OR '1'='1",
            "\\' OR 1=1 -- ",
            "5'; DROP TABLE chat_chat; --",
            "1 UNION SELECT 42",
            "99999999999999999999999",
            "a\0b",
        ] {
            assert_eq!(
                customer(nothing).await,
                None,
                "{:?} {nothing:?}",
                application.kind()
            );
        }
        // What was asked did nothing else.
        assert_eq!(customer("5").await, Some(Value::Integer(42)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_only_read() {
    for site in Site::every().await {
        let application = site.application(|_| {});
        for sql in [
            "INSERT INTO chat_chat VALUES (50, 42, 'x', :no)",
            "UPDATE chat_chat SET customer_id = 43 WHERE id <> :no",
        ] {
            let no = match application.kind() {
                DatabaseKind::Postgres => Value::Boolean(false),
                DatabaseKind::Mysql | DatabaseKind::Sqlite => Value::Integer(0),
            };
            let sql = sql.replace("id <> :no", "customer_id <> 0 AND closed = :no");
            let answer = ask(&application, None, &sql, &[("no", no)]).await;
            assert!(matches!(answer, Err(ApplicationError::Refused(_))), "{answer:?}");
        }
        let count = ask(
            &application,
            None,
            "SELECT count(*) AS n FROM chat_chat WHERE customer_id = 42",
            &[],
        )
        .await;
        assert_eq!(count.unwrap()[0].get("n"), Some(&Value::Integer(1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_found_again() {
    for site in Site::every().await {
        let application = site.application(|_| {});
        let chat = [("chat", text("5"))];
        // Several connections, all of which break.
        let many = (0..4).map(|_| ask(&application, None, CUSTOMER, &chat));
        for answer in futures_util::future::join_all(many).await {
            assert_eq!(answer.unwrap().len(), 1);
        }
        tokio::task::block_in_place(|| site.stop());
        // An open file stays what it is under any name.
        if !matches!(site, Site::Sqlite(_)) {
            let answer = ask(&application, None, CUSTOMER, &chat).await;
            assert!(
                matches!(answer, Err(ApplicationError::Unavailable(_))),
                "{answer:?}"
            );
        }
        let anew = site.application(|_| {});
        let answer = ask(&anew, None, CUSTOMER, &chat).await;
        assert!(
            matches!(answer, Err(ApplicationError::Unavailable(_))),
            "{answer:?}"
        );
        tokio::task::block_in_place(|| site.start_again());
        for application in [&application, &anew] {
            let mut answer = ask(application, None, CUSTOMER, &chat).await;
            while matches!(&answer, Err(ApplicationError::Unavailable(_))) {
                // sleeps because a pool that failed a moment ago does not try again at once
                tokio::time::sleep(Duration::from_millis(20)).await;
                answer = ask(application, None, CUSTOMER, &chat).await;
            }
            assert_eq!(answer.unwrap().len(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_costs_nobody_an_answer() {
    for site in [Site::postgres().await, Site::mariadb().await] {
        let application = site.application(|_| {});
        let chat = [("chat", text("5"))];
        ask(&application, None, CUSTOMER, &chat).await.unwrap();
        tokio::task::block_in_place(|| {
            site.stop();
            site.start_again();
        });
        assert_eq!(ask(&application, None, CUSTOMER, &chat).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_takes_too_long_is_ended() {
    for site in Site::every().await {
        let application = site.application(|settings| settings.timeout = Duration::from_millis(300));
        let slow = match application.kind() {
            DatabaseKind::Postgres => SLOW,
            DatabaseKind::Mysql => SLOW_MYSQL,
            DatabaseKind::Sqlite => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            }
        };
        let answer = ask(&application, None, slow, &[]).await;
        let mariadb = matches!(site, Site::Mariadb(_));
        match answer {
            Err(ApplicationError::Unavailable(_)) => {}
            // MariaDB's sleep() comes back with 1 when its time is over.
            Ok(rows) if mariadb => assert_eq!(rows[0].values()[0], Value::Integer(1)),
            other => panic!("{other:?}"),
        }
        let answer = ask(&application, None, CUSTOMER, &[("chat", text("5"))]).await;
        assert_eq!(answer.unwrap().len(), 1, "the next one is answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_finds_its_own_schema_and_no_other() {
    let site = Site::tenants().await;
    let application = site.application(|settings| {
        settings.schema = Some("{tenant}".into());
        // One connection for all: what it was last set to must not matter.
        settings.connections = 1;
    });
    let customer = async |tenant: &str| {
        let tenant = tenant_id(tenant);
        let rows = ask(&application, Some(&tenant), CUSTOMER, &[("chat", text("5"))]).await?;
        Ok(rows[0].values()[0].clone())
    };
    for _ in 0..3 {
        assert_eq!(customer("north").await, Ok(Value::Integer(42)));
        assert_eq!(customer("south").await, Ok(Value::Integer(43)));
        for nobody in ["west", "public", "pg_catalog", "information_schema", "North"] {
            assert_eq!(
                customer(nobody).await,
                Err(ApplicationError::NoSchema),
                "{nobody}"
            );
        }
    }
    site.run("DROP SCHEMA south CASCADE").await;
    assert_eq!(customer("south").await, Err(ApplicationError::NoSchema));
    assert_eq!(customer("north").await, Ok(Value::Integer(42)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_a_schema_cannot_leave_its_quotes() {
    let site = Site::tenants().await;
    site.run("CREATE SCHEMA \"x\"\"; DROP TABLE auth_user; --\"; CREATE TABLE \"x\"\"; DROP TABLE auth_user; --\".chat_chat AS SELECT 5 AS id, 44 AS customer_id")
        .await;
    for (schema, expected) in [
        ("x\"; DROP TABLE auth_user; --", Some(44)),
        ("x\", public", None),
        ("north\", \"south", None),
        ("north", Some(42)),
    ] {
        let application = site.application(|settings| settings.schema = Some(schema.into()));
        let rows = ask(&application, None, CUSTOMER, &[("chat", text("5"))]).await;
        match expected {
            Some(customer) => assert_eq!(rows.unwrap()[0].values()[0], Value::Integer(customer)),
            None => assert!(matches!(rows, Err(ApplicationError::Refused(_))), "{rows:?}"),
        }
    }
    let application = site.application(|_| {});
    let rows = ask(&application, None, "SELECT count(*) FROM auth_user", &[]).await;
    assert_eq!(rows.unwrap()[0].values()[0], Value::Integer(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_connections_are_made_than_there_may_be() {
    let site = Site::postgres().await;
    let application = site.application(|settings| settings.connections = 3);
    let sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'charla authority'";
    let many = (0..40).map(|_| ask(&application, None, sql, &[]));
    for answer in futures_util::future::join_all(many).await {
        let Some(Value::Integer(n)) = answer.unwrap()[0].get("n").cloned() else {
            panic!("a count is a number");
        };
        assert!(n <= 3, "{n} connections");
    }
    // A question that is left takes its connection along, with the transaction that it had open.
    let slow = ask(&application, None, SLOW, &[]);
    let left = tokio::time::timeout(Duration::from_millis(100), slow).await;
    assert!(left.is_err());
    assert_eq!(
        ask(&application, None, "SELECT 1 AS one", &[])
            .await
            .unwrap()
            .len(),
        1
    );
}
