//! `charla migrate`: tables looked at and brought up to date without a server.

use serde_json::json;

use crate::running::run;

#[test]
fn a_store_is_made_and_then_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("store.path={}", folder.path().join("data").display());
    let migrate = |more: &[&str]| run(&[&["migrate", "--set", &place], more].concat());
    let before = migrate(&["--check"]);
    assert_eq!((before.code, before.lines().len()), (1, 1), "{before:?}");
    assert!(before.out.contains("schema 0 of 5"), "{before:?}");
    let made = migrate(&["--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(made.json(), json!({"found": 0, "now": 5, "newest": 5}));
    for more in [&["--check"][..], &[]] {
        let after = migrate(more);
        assert_eq!(after.code, 0, "{after:?}");
        assert_eq!(after.lines(), ["the tables are up to date (schema 5)"]);
    }
}

#[test]
fn a_database_that_is_away_is_told_with_what_to_do() {
    let away = run(&[
        "--lang",
        "es",
        "migrate",
        "--set",
        "store.url=postgres://charla@127.0.0.1:1/charla",
    ]);
    assert_eq!(away.code, 1, "{away:?}");
    assert!(
        away.err.contains("127.0.0.1:1") && away.err.contains("pg_isready"),
        "{away:?}"
    );
}

#[test]
fn a_password_is_taken_from_the_environment_only_and_never_shown() {
    let url = "postgres://charla:s3cret@db.example.org/charla";
    let typed = run(&["config", "show", "--set", &format!("store.url={url}")]);
    assert_eq!(typed.code, 2, "{typed:?}");
    assert!(typed.err.contains("store.password_file"), "{typed:?}");
    let mut from_environment = crate::running::charla(&["config", "show"]);
    from_environment.env("CHARLA_STORE_URL", url);
    let shown = crate::running::finish(&mut from_environment, b"");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown
            .out
            .contains("postgres://charla:(hidden)@db.example.org:5432/charla"),
        "{shown:?}"
    );
    let mut broken = crate::running::charla(&["config", "show"]);
    broken.env("CHARLA_STORE_URL", format!("{url}?sslmode=perhaps"));
    let refused = crate::running::finish(&mut broken, b"");
    assert_eq!(refused.code, 2, "{refused:?}");
    for ran in [typed, shown, refused] {
        assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");
    }
}
