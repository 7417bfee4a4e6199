//! `[application]` and `[authority]`: what does not fit together, and what a preset fills in.

use super::*;

const DATABASE: &str = "[application]\ndatabase_url = \"postgres://charla@db/app\"\n";

fn problems(text: &str) -> Vec<String> {
    Folder::with(text).problems(Lang::En)
}

fn settled(text: &str) -> Settings {
    Folder::with(text).load(&[], &[]).unwrap().settings
}

#[test]
fn keys_that_do_not_fit_together_are_told() {
    for (text, told) in [
        (
            "[authority]\nkind = \"sql\"\nquery = \"SELECT :tenant AS allowed\"",
            "charla.toml:2: `authority.kind = \"sql\"` needs `application.database_url`",
        ),
        (
            "[authority]\nkind = \"http\"\nsecret = \"0123456789abcdef\"",
            "charla.toml:2: `authority.kind = \"http\"` needs `authority.url`",
        ),
        (
            "[authority]\nkind = \"http\"\nurl = \"http://127.0.0.1:8000/\"",
            "charla.toml:2: `authority.kind = \"http\"` needs `authority.secret`, `authority.secret_file` or `authority.secret_env`",
        ),
        (
            "[authority]\nkind = \"http\"\nurl = \"http://app.example.org/\"\nsecret = \"0123456789abcdef\"",
            "charla.toml:3: `authority.url` cannot be \"http://app.example.org/\"; allowed: an https address (http on this machine only), such as \"https://login.example.org/jwks.json\"",
        ),
        (
            "[authority]\npreset = \"django\"",
            "charla.toml:2: `authority.preset` means nothing unless `authority.kind` is \"sql\"",
        ),
        (
            "[authority]\nurl = \"https://app.example.org/\"",
            "charla.toml:2: `authority.url` means nothing unless `authority.kind` is \"http\"",
        ),
        (
            "[application]\nschema = \"{tenant}\"",
            "charla.toml:2: `application.schema` means nothing unless `application.database_url` begins with postgres",
        ),
        (
            "[application]\ndatabase_url = \"mysql://ana:s3cret@db/app\"",
            "charla.toml:2: `application.database_url` holds a password; put it in a file of its own and name that in `application.password_file`, or give the whole address in CHARLA_APPLICATION_DATABASE_URL",
        ),
    ] {
        let all = problems(text);
        assert!(
            all.iter().any(|problem| problem.starts_with(told)),
            "{told}\n{all:?}"
        );
    }
}

#[test]
fn a_query_is_read_at_the_start() {
    for (authority, told) in [
        (
            "kind = \"sql\"",
            "charla.toml:4: `authority.kind = \"sql\"` needs `authority.query`, `authority.query_file` or `authority.preset`",
        ),
        (
            "kind = \"sql\"\nquery = \"SELECT :tenant, :who\"",
            "charla.toml:5: `authority.query`: line 1: there is no value `:who` here; there are `:tenant`, `:user`, `:chat`",
        ),
        (
            "kind = \"sql\"\nquery_file = \"none.sql\"",
            "charla.toml:5: `authority.query_file`: none.sql cannot be read: No such file or directory (os error 2)",
        ),
        (
            "kind = \"sql\"\nquery = \"SELECT true AS allowed WHERE :chat = :user\"",
            "charla.toml:5: `authority.query` does not ask for :tenant, so every tenant would find the same chats; use :tenant in it, set `application.schema` to \"{tenant}\", or name the one tenant in `server.default_tenant`",
        ),
        (
            "kind = \"sql\"\npreset = \"django\"",
            "charla.toml:5: `authority.preset` does not ask for :tenant, so every tenant would find the same chats; use :tenant in it, set `application.schema` to \"{tenant}\", or name the one tenant in `server.default_tenant`",
        ),
        (
            "kind = \"sql\"\nquery = \"SELECT :tenant\"\nquery_file = \"q.sql\"",
            "charla.toml:6: give only one of `authority.query` and `authority.query_file`",
        ),
    ] {
        assert_eq!(problems(&format!("{DATABASE}[authority]\n{authority}")), [told]);
    }
    let mysql = DATABASE.replace("postgres", "mysql");
    let told = problems(&format!(
        "{mysql}[authority]\nkind = \"sql\"\npreset = \"django-tenants\""
    ));
    assert_eq!(
        told,
        [
            "charla.toml:5: `authority.preset` means nothing unless `application.database_url` begins with postgres"
        ]
    );
}

#[test]
fn a_preset_fills_in_what_is_not_given() {
    let settings = settled(&format!(
        "{DATABASE}[authority]\nkind = \"sql\"\npreset = \"django-tenants\""
    ));
    assert_eq!(settings.application.schema.as_deref(), Some("{tenant}"));
    assert!(settings.authority.asks.unwrap().sql().contains("c.id = $1"));
    let own = "kind = \"sql\"\npreset = \"django-tenants\"\nquery = \"SELECT :chat = 1 AS allowed\"";
    let settings = settled(&format!("{DATABASE}schema = \"{{tenant}}\"\n[authority]\n{own}"));
    assert_eq!(settings.authority.asks.unwrap().sql(), "SELECT $1 = 1 AS allowed");
    for url in [
        "mysql://charla@db/app",
        "sqlite:///srv/app.db",
        "postgres://charla@db/app",
    ] {
        let text = format!(
            "[server]\ndefault_tenant = \"acme\"\n[application]\ndatabase_url = \"{url}\"\n[authority]\nkind = \"sql\"\npreset = \"django\""
        );
        assert!(settled(&text).authority.asks.is_some(), "{url}");
    }
    let settings = settled(
        "[authority]\nkind = \"http\"\nurl = \"https://app.example.org/charla/\"\nsecret = \"0123456789abcdef\"\n\
         [auth]\nsecret = \"fedcba9876543210\"",
    );
    assert_eq!(
        settings.authority.secret.unwrap().expose_secret(),
        "0123456789abcdef"
    );
    assert_eq!(settings.auth.secret.unwrap().expose_secret(), "fedcba9876543210");
}
