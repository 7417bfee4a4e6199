//! `charla doctor` and `charla explain` as somebody on call runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::Value;

use crate::running::{Demo, run, run_with};

/// A secret that is given in every place that takes one, to be looked for in everything that is printed.
const SECRET: &str = "hunter2-never-shown";

fn good(demo: &Demo) -> String {
    format!("{}?token={}", demo.text("ws_url"), demo.token("ana"))
}

#[test]
fn a_healthy_server_gets_no_word_of_complaint() {
    let demo = Demo::start();
    let told = run(&["doctor", &good(&demo)]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(
        told.out.starts_with("✓ The connection is made and stays open"),
        "{told:?}"
    );
    assert!(!told.out.contains('\u{1b}'), "no colours where nobody sees them");
    let spanish = run(&["doctor", &good(&demo), "--lang", "es"]);
    assert!(
        spanish
            .out
            .starts_with("✓ La conexión se establece y se mantiene"),
        "{spanish:?}"
    );
}

#[test]
fn a_cause_is_named_with_its_evidence_and_fix() {
    let demo = Demo::start();
    let rows = [
        (demo.text("ws_url").to_owned(), "token_missing"),
        (format!("{}?token=abc", demo.text("ws_url")), "token_malformed"),
        (good(&demo).replace("/chat/5/", "/chat/999/"), "chat_not_found"),
    ];
    for (url, cause) in rows {
        let told = run(&["doctor", &url, "--json"]);
        let json = told.json();
        assert_eq!(
            (told.code, json["cause"].as_str()),
            (1, Some(cause)),
            "{url}: {json}"
        );
        assert_eq!(json["schema"], 1);
        assert_eq!(json["healthy"], false);
        assert!(
            json["verdict"]["facts"]
                .as_array()
                .is_some_and(|facts| !facts.is_empty()),
            "{json}"
        );
        assert!(
            json["verdict"]["fix"]
                .as_array()
                .is_some_and(|fix| !fix.is_empty()),
            "{json}"
        );
    }
}

#[test]
fn the_fix_names_the_chat_that_was_asked_for() {
    let demo = Demo::start();
    let url = good(&demo).replace("/chat/5/", "/chat/sala-77/");
    // The demo's tokens name its tenant.
    for url in [url.clone(), format!("{url}&tenant=demo")] {
        let add = "charla chat add --tenant demo sala-77";
        let told = run(&["doctor", &url, "--json"]).json();
        let fix = told["verdict"]["fix"].as_array().unwrap();
        assert!(fix.iter().any(|line| line == add), "{fix:?}");
        assert!(
            !fix.iter().any(|line| line.as_str().unwrap().ends_with(" 5")),
            "{fix:?}"
        );
    }
}

#[test]
fn a_bundle_is_judged_elsewhere_as_it_was_here() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.bundle.json");
    let file = file.to_str().unwrap();
    let url = good(&demo).replace("/chat/5/", "/chat/999/");
    let here = run(&["doctor", &url, "--json"]).json();
    let collected = run(&["doctor", "collect", &url, "-o", file]);
    assert_eq!(collected.code, 0, "{collected:?}");
    drop(demo);
    let there = run(&["doctor", file, "--json"]);
    assert_eq!(there.code, 1);
    for field in ["cause", "certainty", "healthy", "target"] {
        assert_eq!(there.json()[field], here[field], "{field}");
    }
    let written = fs::read_to_string(file).unwrap();
    let bundle: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(bundle["kind"], "charla-doctor-bundle");
}

#[test]
fn no_form_shows_a_secret() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().unwrap();
    let token = demo.token("ana").to_owned();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let log = folder.path().join("application.log");
    fs::write(&log, format!("INFO: \"WebSocket /ws/chat/5/?token={token}\" 403\nredis://:{SECRET}@127.0.0.1:6379 AUTH failed\nCookie: sessionid={SECRET}\nAuthorization: Bearer {SECRET}\npassword={SECRET}\n")).unwrap();
    let file = folder.path().join("chat.bundle.json");
    let (log, file) = (log.to_str().unwrap(), file.to_str().unwrap());
    let url = format!("{}?token={token}&password={SECRET}", demo.text("ws_url"));
    let cookie = format!("Cookie: sessionid={SECRET}");
    let redis = format!("redis://user:{SECRET}@127.0.0.1:1/0");
    let database = format!("postgres://user:{SECRET}@127.0.0.1:1/app");
    let given = [
        url.as_str(),
        "--header",
        &cookie,
        "--redis",
        &redis,
        "--database",
        &database,
        "--key",
        SECRET,
        "--log",
        log,
    ];
    let forms: [&[&str]; 8] = [
        &[],
        &["--verbose"],
        &["--short"],
        &["--json"],
        &["--json", "--verbose"],
        &["--format", "nagios"],
        &["--format", "github"],
        &["--format", "markdown"],
    ];
    for form in forms {
        let arguments: Vec<&str> = ["doctor"].iter().chain(&given).chain(form).copied().collect();
        let told = run(&arguments);
        let all = format!("{}{}", told.out, told.err);
        assert!(all.len() > 20, "{form:?} says something: {told:?}");
        for secret in [SECRET, signature.as_str(), token.as_str()] {
            assert!(!all.contains(secret), "{form:?} shows {secret}: {all}");
        }
    }
    let arguments: Vec<&str> = ["doctor", "collect"]
        .iter()
        .chain(&given)
        .copied()
        .chain(["-o", file])
        .collect();
    assert_eq!(run(&arguments).code, 0);
    let explained = run(&["explain", log, "--json", "--verbose"]).out + &run(&["explain", log]).out;
    for text in [fs::read_to_string(file).unwrap(), explained] {
        for secret in [SECRET, signature.as_str(), token.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_port_where_nobody_listens_is_told_with_who_listens_instead() {
    let told = run(&["doctor", "ws://127.0.0.1:1/ws/chat/5/?token=abc", "--json"]);
    let cause = told.json()["cause"].as_str().map(str::to_owned);
    // Other servers run on the machine meanwhile, and one of them may be the one that was meant.
    assert!(
        cause
            .as_deref()
            .is_some_and(|cause| ["server_down", "server_wrong_port"].contains(&cause)),
        "{told:?}"
    );
}

/// Somebody who owns nothing: `nobody` on every Debian.
const NOBODY: u32 = 65_534;

#[test]
fn an_ordinary_user_is_told_which_line_of_sudo_shows_more() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let demo = Demo::start();
    // The program may stand where nobody else may look.
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let program = folder.path().join("charla");
    fs::copy(env!("CARGO_BIN_EXE_charla"), &program).unwrap();
    let told = Command::new(&program)
        .args(["doctor", &good(&demo)])
        .env_clear()
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .gid(NOBODY)
        .uid(NOBODY)
        .output()
        .unwrap();
    let out = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.status.code(), Some(0), "{out}");
    // Which of the two: whether the machine lets anybody guess the process.
    let lines = ["sudo charla doctor 'ws://127.0.0.1:", "sudo ss -ltnp 'sport = :"];
    assert!(lines.iter().any(|line| out.contains(line)), "{out}");
    assert!(
        !out.contains("charla doctor ws://"),
        "it takes itself for no server: {out}"
    );
}

#[test]
fn other_programs_get_their_own_forms() {
    let down = ["doctor", "ws://no-such-host.invalid/ws/chat/5/"];
    let form = |format: &'static str| run(&[&down[..], &["--format", format]].concat());
    let nagios = form("nagios");
    assert_eq!(nagios.code, 2);
    assert!(
        nagios.out.starts_with("CHARLA CRITICAL - dns_failure ("),
        "{nagios:?}"
    );
    assert_eq!(nagios.lines().len(), 1, "{nagios:?}");
    let github = form("github");
    assert_eq!(github.code, 1);
    assert!(
        github.out.starts_with("::error title=dns_failure::"),
        "{github:?}"
    );
    let markdown = form("markdown");
    assert!(markdown.out.starts_with("## `dns_failure`: "), "{markdown:?}");
    let ascii = run(&[&down[..], &["--ascii", "--lang", "es"]].concat());
    assert!(ascii.out.is_ascii(), "{ascii:?}");
}

#[test]
fn wrong_usage_has_a_code_of_its_own() {
    let rows: [&[&str]; 5] = [
        &["doctor"],
        &["doctor", "ftp://example.org/"],
        &["doctor", "ws://127.0.0.1:1/", "--no-such-flag"],
        &["doctor", "ws://127.0.0.1:1/", "--idle", "soon"],
        &["explain"],
    ];
    for arguments in rows {
        let told = run(arguments);
        assert_eq!(told.code, 64, "{told:?}");
        assert!(!told.err.is_empty());
    }
    assert_eq!(run(&["doctor", "--help"]).code, 0);
}

#[test]
fn a_code_or_a_text_is_explained() {
    for (code, words) in [
        ("1006", "1006"),
        ("4401", "4401"),
        ("net::ERR_CERT_DATE_INVALID", "tls_expired"),
    ] {
        let told = run(&["explain", code]);
        assert!(told.out.contains(words), "{told:?}");
    }
    let pasted = "ERROR:    Exception in ASGI application\nredis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:6379. Connection refused.\n";
    let told = run_with(&["explain", "-", "--json"], pasted);
    assert_eq!(told.code, 1, "{told:?}");
    assert_eq!(told.json()["cause"], "redis_down");
}
