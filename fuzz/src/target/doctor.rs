//! What the doctor reads of other people's machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use charla_doctor::evidence::{Evidence, SCHEMA};
use charla_doctor::explain::Reader;
use charla_doctor::nginx::{Config, Defaults, Dump, Request, seen};
use charla_doctor::report::{Report, json};
use charla_doctor::{bundle, django, redact};
use charla_wire::Lang;

pub(super) fn nginx(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let dump = Dump::parse(&text).unwrap_or_else(|| Dump::of(&[("/etc/nginx/nginx.conf", &text)]));
    let config = Config::of_dump(dump);
    for (secure, host, path) in [
        (true, "chat.example.org", "/ws/chat/5/"),
        (false, "localhost", "/"),
        (true, "", "/a/../ws/%2e%2e/x"),
    ] {
        let request = Request {
            secure,
            host,
            port: if secure { 443 } else { 80 },
            address: None,
            path,
            origin: "https://app.example.org",
        };
        let _ = seen(&config, "nginx -T", &request, &Defaults::default());
    }
}

pub(super) fn logs(bytes: &[u8]) {
    let mut reader = Reader::new(false);
    reader
        .read("pasted", None, bytes, None)
        .expect("bytes can be read");
    let evidence = Evidence {
        schema: SCHEMA,
        logs: reader.finish(),
        ..Evidence::default()
    };
    judged(evidence);
}

/// A verdict is reached, and it can be printed.
fn judged(evidence: Evidence) {
    let report = Report::new(evidence, Lang::Es, None);
    let _ = json::json(&report, true).to_string();
}

/// The first line may be the environment's `NAME=value`, the rest is the settings' file.
pub(super) fn python(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (env, settings) = text.split_once('\u{c}').unwrap_or(("", &text));
    let manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\n";
    let files: BTreeMap<PathBuf, String> = [
        ("/p/manage.py", manage),
        ("/p/site/__init__.py", ""),
        ("/p/site/settings.py", settings),
        ("/p/site/asgi.py", settings),
        ("/p/chat/models.py", settings),
        ("/p/chat/consumers.py", settings),
    ]
    .into_iter()
    .map(|(path, text)| (PathBuf::from(path), text.to_owned()))
    .collect();
    let _ = django::survey_of(files, Path::new("/p"), Some("site.settings"), Some(env));
}

pub(super) fn bundle(bytes: &[u8]) {
    if bundle::is_bundle(bytes)
        && let Ok(evidence) = bundle::read(bytes)
    {
        judged(evidence);
    }
    if let Ok(evidence) = serde_json::from_slice::<Evidence>(bytes) {
        judged(evidence);
    }
}

/// What is struck out once has nothing left to strike out.
pub(super) fn redact(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let once = redact::redact(&text);
    assert_eq!(redact::redact(&once), once, "of {text}");
}
