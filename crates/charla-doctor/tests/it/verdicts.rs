//! Whole runs against a real nginx that does each thing wrong that can be seen from the network.

use std::fmt::Write as _;

use charla_doctor::plan::Wanted;
use charla_doctor::probe;
use charla_doctor::verdict::{Verdict, judge};
use rcgen::{CertificateParams, KeyPair};

use crate::lab::Server;
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

async fn run(url: &str, adjust: impl FnOnce(&mut Wanted)) -> Verdict {
    let mut wanted = Wanted {
        url: Some(url.to_owned()),
        ..Wanted::default()
    };
    adjust(&mut wanted);
    let evidence = probe::look(&wanted, &|_| {}).await;
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

/// Django Channels with its own origin check, under uvicorn.
const CHANNELS: &str = r#"
import logging, sys
import django
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="x" * 40, INSTALLED_APPS=[])
django.setup()
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path
import uvicorn

class Opens(AsyncWebsocketConsumer):
    pass

class Refuses(AsyncWebsocketConsumer):
    async def connect(self):
        await self.close(code=4403)

class Agrees(AsyncWebsocketConsumer):
    async def connect(self):
        await self.accept(subprotocol="chat")

routes = URLRouter([
    path("ws/chat/<int:chat>/", Opens.as_asgi()),
    path("ws/refused/<int:chat>/", Refuses.as_asgi()),
    path("ws/agreed/<int:chat>/", Agrees.as_asgi()),
])
routed = ProtocolTypeRouter({"websocket": AllowedHostsOriginValidator(routes)})
unrouted = ProtocolTypeRouter({"http": get_asgi_application()})
config = uvicorn.Config(routed if sys.argv[2] == "routed" else unrouted, port=int(sys.argv[1]), lifespan="off")
for name in ("uvicorn.error", "uvicorn.access"):
    logging.getLogger(name).addHandler(logging.FileHandler("uvicorn.log"))
uvicorn.Server(config).run()
"#;

/// An access token of 2099 that nobody signed.
const WELL_FORMED: &str = "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJ0b2tlbl90eXBlIjogImFjY2VzcyIsICJleHAiOiA0MTAyNDQ0ODAwLCAidXNlcl9pZCI6ICIxIn0.c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M";

#[tokio::test(flavor = "multi_thread")]
async fn what_channels_answers_is_named() {
    let server = Server::python(&["-c", CHANNELS, "{port}", "routed"], "Uvicorn running on");
    let at = format!("ws://127.0.0.1:{}", server.port);
    // Well formed and in its time, so that nothing but the 403 speaks against it.
    let refused = format!("/ws/refused/5/?token={WELL_FORMED}");
    let rows = [
        ("/ws/chat/5/", "", "", None),
        ("/ws/agreed/5/", "", "chat", None),
        ("/ws/chat/5/", "http://evil.test", "", Some("origin_forbidden")),
        ("/ws/chat/5", "", "", Some("route_not_found")),
        ("/ws/chat/abc/", "", "", Some("route_not_found")),
        (refused.as_str(), "", "", Some("reject_before_accept")),
        ("/ws/chat/5/", "", "chat", Some("subprotocol_mismatch")),
    ];
    let mut faults = String::new();
    for (path, origin, protocol, expected) in rows {
        let verdict = run(&format!("{at}{path}"), |wanted| {
            wanted.origin = Some(origin.to_owned()).filter(|origin| !origin.is_empty());
            wanted.protocols = Some(protocol.to_owned())
                .filter(|one| !one.is_empty())
                .into_iter()
                .collect();
            wanted.logs = vec![server.folder.path().join("uvicorn.log")];
        })
        .await;
        let cause = verdict.cause.as_ref().map(|(cause, _)| cause.id());
        if cause != expected || verdict.healthy != expected.is_none() {
            writeln!(
                faults,
                "{path} {origin} {protocol}: {:?} {:?}",
                verdict.cause, verdict.also
            )
            .unwrap();
        }
    }
    drop(server);
    let server = Server::python(&["-c", CHANNELS, "{port}", "unrouted"], "Uvicorn running on");
    let verdict = run(&format!("ws://127.0.0.1:{}/ws/chat/5/", server.port), |wanted| {
        wanted.logs = vec![server.folder.path().join("uvicorn.log")];
    })
    .await;
    assert_eq!(
        verdict.cause.map(|(cause, _)| cause.id()),
        Some("no_websocket_route")
    );
    assert!(faults.is_empty(), "{faults}");
}
