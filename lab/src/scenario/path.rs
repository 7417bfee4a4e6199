//! What stands between the page and the server: nginx, set up in each of the ways that break a WebSocket.

use std::time::Duration;

use charla_ground::Outcome;
use charla_ground::process::{self, free_port};

use crate::handshake::{Answer, Then};
use crate::namespace::Hosts;
use crate::scenario::redis::connect;
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, not_broken, prove_answer, prove_status};
use crate::stack::django::{Server, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};

/// Name, how, id, the server's lines for an upstream port, and the status that a handshake gets.
type Broken = (
    &'static str,
    &'static str,
    &'static str,
    fn(u16) -> Outcome<String>,
    u16,
);

const BROKEN: &[Broken] = &[
    (
        "proxy-no-upgrade",
        "no `Upgrade` and `Connection` headers are passed on",
        "proxy_no_upgrade",
        |upstream| {
            Ok(location(
                upstream,
                "proxy_http_version 1.1; proxy_set_header Host $http_host;",
            ))
        },
        404,
    ),
    (
        "proxy-connection-empty",
        "`proxy_set_header Connection \"\"`, as for keep-alive upstreams",
        "proxy_no_upgrade",
        |upstream| {
            Ok(location(
                upstream,
                "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"\"; proxy_set_header Host $http_host;",
            ))
        },
        404,
    ),
    (
        "proxy-header-in-one-place",
        "the headers stand in `server`, and one `proxy_set_header` in `location` takes them all away",
        "proxy_no_upgrade",
        |upstream| {
            Ok(format!(
                "    {UPGRADE}\n{}",
                location(upstream, "proxy_set_header X-Real-IP $remote_addr;")
            ))
        },
        404,
    ),
    (
        "spa-answers",
        "no location for /ws/: the page's own index.html answers 200",
        "proxy_wrong_location",
        |_| {
            Ok(
                "    root {folder}/html;\n    location / {\n        try_files $uri /index.html;\n    }"
                    .to_owned(),
            )
        },
        200,
    ),
    (
        "no-location",
        "no location for /ws/: 404",
        "proxy_wrong_location",
        |upstream| {
            Ok(format!(
                "    root {{folder}}/html;\n    location /api/ {{\n        proxy_pass http://127.0.0.1:{upstream};\n    }}"
            ))
        },
        404,
    ),
    (
        "redirect-slash",
        "a rewrite adds a slash to every address by a 301",
        "redirect_slash",
        |upstream| {
            Ok(format!(
                "    rewrite ^(/ws/chat/[0-9]+)$ $1/ permanent;\n{}",
                location(upstream, UPGRADE)
            ))
        },
        301,
    ),
    (
        "redirect-https",
        "plain HTTP is sent to HTTPS by a 301",
        "redirect_https",
        |_| Ok("    return 301 https://chat.example.com$request_uri;".to_owned()),
        301,
    ),
    (
        "proxy-wrong-port",
        "`proxy_pass` names a port where nobody listens",
        "proxy_upstream_wrong_port",
        |_| Ok(location(free_port()?, UPGRADE)),
        502,
    ),
    (
        "proxy-prefix-eaten",
        "the slash at the end of `proxy_pass` takes /ws away",
        "proxy_prefix_eaten",
        |upstream| {
            Ok(format!(
                "    location /ws/ {{\n        proxy_pass http://127.0.0.1:{upstream}/;\n        {UPGRADE}\n    }}"
            ))
        },
        500,
    ),
    (
        "proxy-auth-basic",
        "a password in front of the whole site",
        "proxy_auth_required",
        |upstream| {
            Ok(format!(
                "    auth_basic \"pruebas\";\n    auth_basic_user_file {{folder}}/nginx.conf;\n{}",
                location(upstream, UPGRADE)
            ))
        },
        401,
    ),
    (
        "proxy-denied",
        "`deny all` in the location",
        "proxy_auth_required",
        |upstream| Ok(location(upstream, &format!("deny all; {UPGRADE}"))),
        403,
    ),
];

pub(super) fn family() -> Family {
    let mut family = Family::new("path");
    for (name, how, id, lines, status) in BROKEN {
        let ids = std::slice::from_ref(id);
        family.broken(*name, *how, ids, move |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &lines(whole.app.port)?), front)?;
            let mut url = url(front, &good());
            if *id == "redirect_slash" {
                url = url.replace("/5/?", "/5?");
            }
            let proof = prove_status(&url, &[], *status)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        });
    }
    variants(&mut family);
    family
}

fn variants(family: &mut Family) {
    family.broken(
        "proxy-no-upgrade-daphne",
        "no headers are passed on, under daphne",
        &["proxy_no_upgrade"],
        |lab| {
            let whole = Whole::shared(lab, Server::Daphne)?;
            let front = free_port()?;
            let nginx = Nginx::start(
                lab,
                Frame::PLAIN,
                &server(
                    front,
                    &location(whole.app.port, "proxy_set_header Host $http_host;"),
                ),
                front,
            )?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 404)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        },
    );
    family.broken(
        "proxy-no-upgrade-inner",
        "two nginx in a row, and the inner one passes no headers on",
        &["proxy_no_upgrade"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let (inner, outer) = (free_port()?, free_port()?);
            let second = Nginx::start(
                lab,
                Frame::PLAIN,
                &server(
                    inner,
                    &location(whole.app.port, "proxy_set_header Host $http_host;"),
                ),
                inner,
            )?;
            let first = Nginx::start(
                lab,
                Frame::PLAIN,
                &server(outer, &location(inner, UPGRADE)),
                outer,
            )?;
            let url = url(outer, &good());
            let proof = prove_status(&url, &[], 404)?;
            Ok(Case::url(&url, proof).keep(first).keep(second).keep(whole))
        },
    );
    versions(family);
    silences(family);
}

/// Another version of HTTP than the handshake's.
fn versions(family: &mut Family) {
    family.opens(
        "proxy-http10",
        "no `proxy_http_version 1.1`",
        &["proxy_http10"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let lines = location(whole.app.port, &UPGRADE.replace("proxy_http_version 1.1; ", ""));
            let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &lines), front)?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 101)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        },
    );
    family.broken(
        "proxy-http2",
        "`listen ... http2` without `ssl`: this nginx speaks nothing but HTTP/2 there",
        &["proxy_http2"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let lines = server(front, &location(whole.app.port, UPGRADE))
                .replace(&format!(":{front};"), &format!(":{front} http2;"));
            let nginx = Nginx::start(lab, Frame::PLAIN, &lines, front)?;
            let url = url(front, &good());
            let proof = prove_answer(&url, &Answer::Cut)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        },
    );
}

/// Cut, or never answered.
fn silences(family: &mut Family) {
    family.broken(
        "proxy-read-timeout",
        "`proxy_read_timeout 3s`, and the server pings every 20 s",
        &["proxy_read_timeout"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let lines = location(whole.app.port, &format!("{UPGRADE} proxy_read_timeout 3s;"));
            let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &lines), front)?;
            let url = url(front, &good());
            let mut client = connect(&url)?;
            let proof = match client.watch(Duration::from_secs(6))? {
                Then::Cut => "101, then cut after 3 s of silence".to_owned(),
                other @ (Then::Open(_) | Then::Closed(..)) => {
                    return Err(not_broken("a cut", &format!("{other:?}")));
                }
            };
            Ok(Case::url(&url, proof)
                .and(&["--idle", "7s"])
                .keep(nginx)
                .keep(whole))
        },
    );
    family.broken("proxy-closed-silently", "the server that answers is the default one: `return 444`", &["proxy_closed_silently"], |lab| {
        let whole = Whole::shared(lab, Server::Uvicorn)?;
        let front = free_port()?;
        let lines = format!(
            "server {{\n    listen 127.0.0.1:{front} default_server;\n    server_name _;\n    return 444;\n}}\n{}",
            server(front, &location(whole.app.port, UPGRADE))
        );
        let nginx = Nginx::start(lab, Frame::PLAIN, &lines, front)?;
        let url = url(front, &good());
        let proof = prove_answer(&url, &Answer::Cut)?;
        Ok(Case::url(&url, proof).keep(nginx).keep(whole))
    });
    family.broken(
        "server-frozen-504",
        "the server is frozen, and nginx gives up after a second",
        &["server_frozen"],
        |lab| {
            let whole = Whole::start(lab, Server::Uvicorn, |serve| serve)?;
            let front = free_port()?;
            let lines = location(whole.app.port, &format!("{UPGRADE} proxy_read_timeout 1s;"));
            let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &lines), front)?;
            whole.app.running.signal(rustix::process::Signal::STOP)?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 504)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        },
    );
    addresses(family);
}

/// Two addresses for one name.
fn addresses(family: &mut Family) {
    family.opens(
        "proxy-upstream-ipv6",
        "`proxy_pass http://localhost:...`, which is ::1 first, where nobody listens",
        &["proxy_upstream_ipv6"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let hosts = Hosts::of(lab, "::1 localhost ip6-localhost\n127.0.0.1 localhost\n")?;
            let front = free_port()?;
            let lines = location(whole.app.port, UPGRADE).replace("http://127.0.0.1", "http://localhost");
            let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &lines), front)?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 101)?;
            let said = process::wait_for_words(&nginx.folder.join("error.log"), "[::1]")?;
            let said = said
                .split_once("connect()")
                .map_or("", |(_, rest)| rest)
                .chars()
                .take(70)
                .collect::<String>();
            Ok(Case::url(&url, format!("{proof}; connect(){said}"))
                .keep(nginx)
                .keep(hosts)
                .keep(whole))
        },
    );
}
