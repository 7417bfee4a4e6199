//! Databases and caches that settings name by an address.

use super::value;

#[test]
fn addresses_are_taken_apart() {
    for (before, text, expected) in [
        (
            "from urllib.parse import unquote, urlsplit\nu = urlsplit('Postgres://u:p%40@H:5/n?a=b')",
            "[u.scheme, u.path[1:], unquote(u.username or ''), unquote(u.password), u.hostname, u.port, u.query]",
            "['postgres', 'n', 'u', 'p@', 'h', 5, 'a=b']",
        ),
        (
            "import urllib.parse as p\nu = p.urlparse('redis://h')",
            "[u.path.lstrip('/'), u.username, u.hostname, u.port or 6379]",
            "['', None, 'h', 6379]",
        ),
        (
            "from urllib.parse import urlsplit",
            "urlsplit('h:5').hostname",
            "?",
        ),
        ("A = {'netloc': 1}", "~5", "?"),
        (
            "import dj_database_url",
            "dj_database_url.config('UNSET', default='mysql://u@h/n')['ENGINE']",
            "'django.db.backends.mysql'",
        ),
        (
            "import dj_database_url",
            "dj_database_url.config(default='mysql://u@h/n')['ENGINE']",
            "'django.db.backends.mysql'",
        ),
        (
            "import environ\nenv = environ.Env()",
            "env.db('UNSET', default='sqlite:////srv/d.sqlite3')['NAME']",
            "'/srv/d.sqlite3'",
        ),
    ] {
        assert_eq!(value(before, text), expected, "{before}\nX = {text}");
    }
}

#[test]
fn a_variable_without_a_default_is_compared_as_if_it_were_not_set() {
    let text =
        "import os\nX = 1\nif os.environ.get('LAYER') == 'pubsub':\n    X = 2\nY = os.environ.get('LAYER')\n";
    let settings = super::project(&[("manage.py", ""), ("settings.py", text)], None).unwrap();
    assert_eq!(settings.get("X").map(super::shown).as_deref(), Some("1"));
    assert_eq!(settings.get("Y").map(super::shown).as_deref(), Some("?"));
    let assumed = settings.seen().assumed;
    assert!(
        assumed.iter().any(|note| note.starts_with("LAYER at ")),
        "{assumed:?}"
    );
}
