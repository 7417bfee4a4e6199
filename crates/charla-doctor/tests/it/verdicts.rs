//! Whole runs against a real nginx that does each thing wrong that can be seen from the network.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use charla_doctor::plan::Wanted;
use charla_doctor::probe;
use charla_doctor::verdict::{Verdict, judge};
use rcgen::{CertificateParams, KeyPair};

use crate::nginx::Nginx;
use crate::peer::{Does, Then, peer};

const SERVERS: &str = r#"
large_client_header_buffers 4 1k;
server { listen 127.0.0.1:{port0} default_server; return 444; }
server {
    listen 127.0.0.1:{port1};
    location = /ws/chat/5 { rewrite ^ /ws/chat/5/ permanent; }
    location /secure/ { return 301 https://$host$request_uri; }
    location /ws/ {
        if ($http_origin = "http://evil.test") { return 403; }
        proxy_pass http://127.0.0.1:{upstream};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }
}
server {
    listen 127.0.0.1:{port2} ssl;
    ssl_certificate {certificates}/certificate.pem;
    ssl_certificate_key {certificates}/key.pem;
    return 200;
}
"#;

/// A run, which must be over in the time that is promised.
async fn run(url: &str, adjust: impl FnOnce(&mut Wanted)) -> Verdict {
    let mut wanted = Wanted {
        url: Some(url.to_owned()),
        ..Wanted::default()
    };
    adjust(&mut wanted);
    let began = Instant::now();
    let evidence = probe::look(&wanted, &|_| {}).await;
    // Twice the promise: the tests share the machine.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{url}: {:?}",
        began.elapsed()
    );
    judge(&evidence)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nginx_does_wrong_is_named() {
    let certificates = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(certificates.path().join("certificate.pem"), certificate.pem()).unwrap();
    std::fs::write(certificates.path().join("key.pem"), key.serialize_pem()).unwrap();
    let upstream = peer(Does::Upgrades("", Vec::new(), Then::Lives)).await.port();
    let http = SERVERS
        .replace("{certificates}", &certificates.path().display().to_string())
        .replace("{upstream}", &upstream.to_string());
    let nginx = Nginx::start(&http);
    let at = |index: usize| format!("127.0.0.1:{}", nginx.ports[index]);
    let (silent, proxy, secure) = (at(0), at(1), at(2));

    let long = "x".repeat(1_500);
    let rows: [(String, Option<(&str, &str)>, Option<&str>); 10] = [
        (format!("ws://{proxy}/ws/chat/5/"), None, None),
        (
            format!("ws://{silent}/ws/chat/5/"),
            None,
            Some("proxy_closed_silently"),
        ),
        (format!("ws://{proxy}/ws/chat/5"), None, Some("redirect_slash")),
        (format!("ws://{proxy}/secure/"), None, Some("redirect_https")),
        (
            format!("ws://{secure}/ws/chat/5/"),
            None,
            Some("plain_on_tls_port"),
        ),
        (
            format!("wss://{secure}/ws/chat/5/"),
            None,
            Some("tls_self_signed"),
        ),
        (
            format!("wss://{proxy}/ws/chat/5/"),
            None,
            Some("tls_on_plain_port"),
        ),
        (
            format!("ws://{proxy}/ws/chat/5/?token={long}"),
            None,
            Some("uri_too_large"),
        ),
        (
            format!("ws://{proxy}/ws/chat/5/"),
            Some(("Cookie", &long)),
            Some("header_too_large"),
        ),
        (
            format!("ws://{proxy}/ws/chat/5/"),
            Some(("Origin", "http://evil.test")),
            Some("origin_forbidden"),
        ),
    ];
    let mut faults = String::new();
    for (url, header, expected) in rows {
        let verdict = run(&url, |wanted| match header {
            Some(("Origin", origin)) => wanted.origin = Some(origin.to_owned()),
            Some((name, value)) => wanted.headers = vec![(name.to_owned(), value.to_owned())],
            None => {}
        })
        .await;
        let cause = verdict.cause.as_ref().map(|(cause, _)| cause.id());
        if cause != expected || verdict.healthy != expected.is_none() {
            writeln!(faults, "{url} {header:?}: {:?} {:?}", verdict.cause, verdict.also).unwrap();
        }
    }
    let verdict = run("ws://nobody.invalid/ws/chat/5/", |_| {}).await;
    assert_eq!(verdict.cause.unwrap().0.id(), "dns_failure");
    assert!(faults.is_empty(), "{faults}");
}
