//! What comes back: the same plain values from each database.

use super::*;

async fn row(site: &Site, sql: &str) -> Vec<(String, Value)> {
    let rows = ask(&site.application(|_| {}), None, sql, &[]).await.unwrap();
    let row = &rows[0];
    row.columns()
        .iter()
        .cloned()
        .zip(row.values().iter().cloned())
        .collect()
}

fn named(values: &[(&str, Value)]) -> Vec<(String, Value)> {
    let name = |(name, value): &(&str, Value)| ((*name).to_owned(), value.clone());
    values.iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_database_gives_plain_values() {
    for site in Site::every().await {
        let sql =
            "SELECT id, customer_id, title, NULL AS absent, id = 5 AS is_five FROM chat_chat WHERE id = 5";
        let found = row(&site, sql).await;
        let truth = match &site {
            Site::Postgres(..) => Value::Boolean(true),
            Site::Mariadb(_) | Site::Sqlite(_) => Value::Integer(1),
        };
        let expected = [
            ("id", Value::Integer(5)),
            ("customer_id", Value::Integer(42)),
            ("title", text("Cinco")),
            ("absent", Value::Null),
            ("is_five", truth),
        ];
        assert_eq!(found, named(&expected));
        assert_eq!(found[4].1.truth(), Some(true));
        assert_eq!(found[3].1.truth(), Some(false));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_postgresql_are_read() {
    let site = Site::postgres().await;
    site.run("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN little AS smallint")
        .await;
    let found = row(
        &site,
        "SELECT 7::smallint AS small, 3::little AS domain, 1.5::float8 AS float, 'good'::mood AS mood,
                '0b1e0a38-7f5e-4f0c-8a54-5d9c4f7f2a10'::uuid AS uuid, '{\"a\": 1}'::jsonb AS json,
                '2026-11-28 10:00:00.5+02'::timestamptz AS at, '2026-11-28'::date AS day",
    )
    .await;
    let expected = [
        ("small", Value::Integer(7)),
        ("domain", Value::Integer(3)),
        ("float", text("1.5")),
        ("mood", text("good")),
        ("uuid", text("0b1e0a38-7f5e-4f0c-8a54-5d9c4f7f2a10")),
        ("json", text("{\"a\": 1}")),
        ("at", text("2026-11-28T08:00:00.5Z")),
        ("day", text("2026-11-28")),
    ];
    assert_eq!(found, named(&expected));
    assert_eq!(found[6].1.timestamp().unwrap().as_millis(), 1_795_852_800_500);
    let unknown = ask(
        &site.application(|_| {}),
        None,
        "SELECT 1.5::numeric AS price",
        &[],
    )
    .await;
    let Err(ApplicationError::Refused(told)) = unknown else {
        panic!("{unknown:?}");
    };
    assert!(told.contains("`price`") && told.contains("price::text"), "{told}");
    // One value may be compared with columns of different types.
    let values = [("who", text("42"))];
    let sql = "SELECT count(*) FROM auth_user WHERE id = :who OR username = :who OR :who::text = ''";
    let both = ask(&site.application(|_| {}), None, sql, &values).await;
    assert_eq!(both.unwrap()[0].values()[0], Value::Integer(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_of_mariadb_and_sqlite_are_read_as_utc() {
    for site in [Site::mariadb().await, Site::sqlite().await] {
        site.run("CREATE TABLE t (at datetime); INSERT INTO t VALUES ('2026-11-28 08:00:00')")
            .await;
        let found = row(&site, "SELECT at FROM t").await;
        assert_eq!(found[0].1.timestamp().unwrap().as_millis(), 1_795_852_800_000);
    }
}
