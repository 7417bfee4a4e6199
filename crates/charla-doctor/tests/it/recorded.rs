//! Evidence recorded on real stacks, one folder a scenario: the cause is told from a folder's files alone, and no single
//! file leads to a wrong certainty.
//!
//! What is expected is what a person could know from those files: a healthy stack and one that is silently deaf look the
//! same (`None`), and a 403 without any line of the application has more than one explanation.

use std::fs;
use std::path::{Path, PathBuf};

use charla_doctor::evidence::Evidence;
use charla_doctor::explain::Reader;
use charla_doctor::verdict::{Certainty, Verdict, judge};

/// Folder, what its files together tell, and further causes that a single file of it may take for certain: what is
/// proved there as well, though it is not the root.
const EXPECTED: &[(&str, Option<&str>, &[&str])] = &[
    ("A-healthy", None, &[]),
    ("B1-token-expired", Some("token_expired"), &[]),
    ("B11-reject-by-exception", Some("token_expired"), &[]),
    ("B12-reject-http-401", Some("token_expired"), &[]),
    ("B14-expires-while-connected", None, &[]),
    ("B2-token-badsig", Some("token_invalid"), &[]),
    ("B3-token-missing", Some("token_missing"), &[]),
    ("B5-token-refresh", Some("token_invalid"), &[]),
    ("B6-token-nouser", Some("user_unknown"), &[]),
    ("B8-token-alg-none", Some("token_invalid"), &[]),
    ("C-not-member", Some("not_a_member"), &["redis_client_timeout"]),
    ("C2-revoked-while-connected", None, &[]),
    ("D-chat-missing", Some("chat_not_found"), &[]),
    ("D2-deleted-while-connected", Some("app_exception"), &[]),
    ("E1-redis-down", Some("redis_down"), &[]),
    ("E10-layer-mismatch-connected", None, &[]),
    ("E11-layer-inmemory", None, &[]),
    ("E12-layer-none", Some("channel_layer_missing"), &[]),
    ("E14-layer-pubsub-healthy", None, &[]),
    (
        "E16-layer-pubsub-redis-stopped",
        Some("redis_down"),
        &["redis_restarted"],
    ),
    (
        "E16b-layer-pubsub-redis-restarted",
        Some("redis_restarted"),
        &["redis_down"],
    ),
    ("E17-layer-capacity", None, &[]),
    ("E19-redis-py8-idle", Some("redis_client_timeout"), &[]),
    ("E1b-redis-down-after-accept", Some("redis_down"), &[]),
    (
        "E2-redis-stopped-connected",
        Some("redis_down"),
        &["redis_restarted"],
    ),
    (
        "E2b-redis-killed-connected",
        Some("redis_down"),
        &["redis_restarted"],
    ),
    ("E3-redis-noauth", Some("redis_auth"), &[]),
    ("E4-redis-maxclients", Some("redis_max_clients"), &[]),
    ("E5-redis-frozen", Some("redis_frozen"), &[]),
    ("E5b-redis-frozen-connected", None, &[]),
    ("E6-redis-readonly", Some("redis_read_only"), &[]),
    ("E7-redis-oom", Some("redis_out_of_memory"), &[]),
    ("E9-redis-flushall-connected", None, &[]),
    ("F1-server-down", Some("server_down"), &[]),
    ("F12-db-down", Some("database_down"), &[]),
    ("F14-fd-limit", Some("descriptor_limit"), &[]),
    ("F2-server-other-port", Some("server_wrong_port"), &[]),
    ("F4-server-kill9-connected", Some("server_killed"), &[]),
    ("F4b-server-kill9-info-log", Some("server_killed"), &[]),
    ("F5-server-sigterm-connected", Some("server_restarting"), &[]),
    ("F6-server-frozen-connected", Some("server_frozen"), &[]),
    ("F7-startup-error", Some("server_startup_error"), &["server_down"]),
    ("F9-no-ws-library", Some("no_websocket_library"), &[]),
    ("F9b-wsgi-server", Some("not_asgi"), &[]),
    ("G1-no-upgrade-headers", Some("proxy_no_upgrade"), &[]),
    ("G13-basic-auth", Some("proxy_auth_required"), &[]),
    ("G15-localhost-upstream", None, &[]),
    ("G17-wss-to-plain-port", Some("tls_on_plain_port"), &[]),
    ("G18-self-signed", Some("tls_self_signed"), &[]),
    ("G18b-self-signed-accepted", None, &[]),
    ("G19-cert-expired", Some("tls_expired"), &[]),
    ("G2-http10-upstream", None, &[]),
    ("G21-http2-listener", None, &[]),
    ("G22-worker-connections", Some("proxy_worker_connections"), &[]),
    ("G23-mixed-content", Some("mixed_content"), &[]),
    ("G24-csp", Some("csp_blocked"), &[]),
    ("G25-subprotocol", Some("subprotocol_mismatch"), &[]),
    ("G3-read-timeout", None, &[]),
    ("G3b-read-timeout-ping", None, &[]),
    ("G3c-read-timeout-info-log", Some("proxy_read_timeout"), &[]),
    ("G4-spa-fallback-200", Some("proxy_wrong_location"), &[]),
    ("G5-no-location-404", Some("proxy_wrong_location"), &[]),
    ("G6-redirect-slash", Some("redirect_slash"), &[]),
    ("G7-redirect-https", Some("redirect_https"), &[]),
    (
        "G8-upstream-wrong-port",
        Some("proxy_upstream_wrong_port"),
        &["server_down"],
    ),
    ("H1-no-trailing-slash", Some("route_not_found"), &[]),
    ("H2-wrong-path", Some("route_not_found"), &[]),
    ("I1-origin-rejected", Some("origin_forbidden"), &[]),
    ("I2-origin-allowed", None, &[]),
    ("J1-too-large", Some("message_too_big"), &[]),
    ("J2-invalid-json", Some("invalid_json"), &[]),
    ("J3-missing-key", Some("app_exception"), &[]),
    ("J4-binary", Some("unsupported_data"), &[]),
    ("J5-invalid-utf8", Some("invalid_utf8"), &[]),
    ("K1-after-accept-expired", Some("token_expired"), &[]),
    ("K2-after-accept-not-member", Some("not_a_member"), &[]),
    ("L1-ping-timeout", Some("ping_timeout"), &[]),
    ("L2-ping-no-pong-curl", Some("ping_timeout"), &[]),
    ("T-tenants", Some("database_schema_missing"), &[]),
    ("X1-frozen-server-handshake-timeout", Some("server_frozen"), &[]),
    ("X2-reconnect-loop-403", Some("token_expired"), &[]),
    ("X3-frozen-while-connected-long", None, &[]),
    ("X4-idle-through-nginx-default-ping", None, &[]),
    ("X6-two-workers-inmemory", None, &[]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recorded")
}

fn files(of: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder().join(of))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn verdict(paths: &[PathBuf]) -> Verdict {
    let mut reader = Reader::new(false);
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy();
        reader
            .read(&name, None, fs::read(path).unwrap().as_slice(), None)
            .unwrap();
    }
    judge(&Evidence {
        logs: reader.finish(),
        ..Evidence::default()
    })
}

fn told(verdict: &Verdict) -> String {
    let id = verdict.cause.as_ref().map_or("none", |(cause, _)| cause.id());
    let sure = verdict
        .cause
        .as_ref()
        .map_or("", |(_, finding)| match finding.certainty {
            Certainty::Certain => " certain",
            Certainty::Likely => " likely",
            Certainty::Possible => " possible",
        });
    let also: Vec<&str> = verdict.also.iter().map(|(cause, _)| cause.id()).collect();
    let warnings: Vec<&str> = verdict.warnings.iter().map(|(cause, _)| cause.id()).collect();
    format!("{id}{sure} also={also:?} warn={warnings:?}")
}

#[test]
fn recorded_folders_are_told_rightly() {
    let mut faults = Vec::new();
    let mut entries: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    entries.sort();
    for name in entries {
        let verdict = verdict(&files(&name));
        let id = verdict.cause.as_ref().map(|(cause, _)| cause.id());
        match EXPECTED.iter().find(|(folder, _, _)| *folder == name) {
            Some((_, expected, _)) if *expected == id => {}
            Some((_, expected, _)) => {
                faults.push(format!("{name}: {} instead of {expected:?}", told(&verdict)))
            }
            None => faults.push(format!(
                "{name}: {} where nothing is expected yet",
                told(&verdict)
            )),
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_single_file_leads_to_a_wrong_certainty() {
    let mut faults = Vec::new();
    for (name, expected, proved) in EXPECTED {
        for path in files(name) {
            let verdict = verdict(std::slice::from_ref(&path));
            let Some((cause, finding)) = &verdict.cause else {
                continue;
            };
            let right = *expected == Some(cause.id()) || proved.contains(&cause.id());
            if finding.certainty == Certainty::Certain && !right {
                faults.push(format!(
                    "{}: {}",
                    path.strip_prefix(folder()).unwrap().display(),
                    told(&verdict)
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What 27,000 attempts of one tab leave behind in three logs, 2.8 s apart: about 21 hours.
fn storm() -> [(&'static str, String); 3] {
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJzdG9ybSJ9.c2lnbmVk";
    let (mut access, mut server, mut console) = (String::new(), String::new(), String::new());
    let began: jiff::Timestamp = "2026-11-21T23:00:00Z".parse().unwrap();
    for attempt in 0..27_000_i64 {
        let at = began + jiff::SignedDuration::from_millis(attempt * 2_800);
        let text = at.to_string();
        let (day, time) = (text.get(8..10).unwrap(), text.get(11..19).unwrap());
        access.push_str(&format!(
            "203.0.113.9 - - [{day}/Nov/2026:{time} +0000] \"GET /ws/chat/5/?token={TOKEN} HTTP/1.1\" 403 0 \"-\" \"Mozilla/5.0\"\n"
        ));
        server.push_str(&format!(
            "2026-11-{day} {time},000 WARNING chat.middleware Token JWT inválido: Token is expired -> 4401\n\
             INFO:     203.0.113.9:0 - \"WebSocket /ws/chat/5/?token={TOKEN}\" 403\nINFO:     connection rejected (403 Forbidden)\n"
        ));
        console.push_str(&format!(
            "WebSocket connection to 'wss://chat.example.org/ws/chat/5/?token={TOKEN}' failed: Error during WebSocket handshake: Unexpected response code: 403\n\
             🔌 WebSocket cerrado: {{code: 1006, reason: '', intento: {attempt}}}\n"
        ));
    }
    [
        ("access.log", access),
        ("uvicorn.log", server),
        ("console.txt", console),
    ]
}

#[test]
fn a_loop_of_27_000_attempts_is_told_with_its_rate_and_its_cause() {
    let mut reader = Reader::new(false);
    for (name, text) in storm() {
        reader.read(name, None, text.as_bytes(), None).unwrap();
    }
    let logs = reader.finish();
    let attempts = &logs.attempts;
    assert_eq!(
        (
            attempts.total,
            attempts.longest_failing,
            attempts.with_same_token,
            attempts.tokens
        ),
        (27_000, 27_000, 27_000, 1)
    );
    assert_eq!((attempts.most_in_a_minute, attempts.most_in_a_second), (22, 1));
    let hours = (attempts.failing_until.unwrap() - attempts.failing_since.unwrap()) / 3_600.0;
    assert!((20.9..21.1).contains(&hours), "{hours}");

    let verdict = judge(&Evidence {
        logs,
        ..Evidence::default()
    });
    assert!(
        told(&verdict).starts_with("token_expired certain"),
        "{}",
        told(&verdict)
    );
    let (cause, finding) = &verdict.warnings[0];
    assert_eq!(cause.id(), "reconnect_loop");
    assert!(
        finding.sentence.en.contains("27000 handshakes failed in a row"),
        "{}",
        finding.sentence.en
    );
    assert!(
        finding.sentence.en.contains("21 a minute") && finding.sentence.en.contains("same token"),
        "{}",
        finding.sentence.en
    );
}
