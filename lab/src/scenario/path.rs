//! What stands between the page and the server: nginx, set up in each of the ways that break a WebSocket.

use std::process::Command;
use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::handshake::{self, Answer, Then};
use crate::lab::Lab;
use crate::namespace;
use crate::process::{self, free_port};
use crate::scenario::redis::connect;
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, not_broken, prove_answer, prove_status};
use crate::stack::django::{Serve, Server, good, url};
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
    limits(&mut family);
    sockets(&mut family);
    sizes(&mut family);
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
    silences(family);
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
            let hosts = Hosts::with_both(lab)?;
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

/// Another /etc/hosts, in which `localhost` has both addresses.
struct Hosts;

impl Hosts {
    fn with_both(lab: &mut Lab) -> Outcome<Self> {
        if !namespace::is_own() {
            return Err(Failure::Lacking(
                "another /etc/hosts needs root and `unshare`".to_owned(),
            ));
        }
        let file = lab.new_folder("hosts")?.join("hosts");
        process::write(&file, "::1 localhost ip6-localhost\n127.0.0.1 localhost\n")?;
        namespace::replace(std::path::Path::new("/etc/hosts"), &file)?;
        Ok(Self)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = namespace::put_back(std::path::Path::new("/etc/hosts"));
    }
}

fn limits(family: &mut Family) {
    family.broken(
        "proxy-rate-limited",
        "`limit_req` at one a minute, and somebody was here before",
        &["proxy_rate_limited"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let zone = "limit_req_zone $binary_remote_addr zone=ws:1m rate=1r/m;\n";
            let lines = zone.to_owned()
                + &server(
                    front,
                    &location(whole.app.port, &format!("limit_req zone=ws; {UPGRADE}")),
                );
            let nginx = Nginx::start(lab, Frame::PLAIN, &lines, front)?;
            let url = url(front, &good());
            prove_status(&url, &[], 101)?;
            let proof = prove_status(&url, &[], 503)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        },
    );
    family.broken(
        "proxy-connections-limited",
        "`limit_conn 1`, and a connection is open",
        &["proxy_connections_limited"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let zone = "limit_conn_zone $binary_remote_addr zone=wsc:1m;\n";
            let lines = zone.to_owned()
                + &server(
                    front,
                    &location(whole.app.port, &format!("limit_conn wsc 1; {UPGRADE}")),
                );
            let nginx = Nginx::start(lab, Frame::PLAIN, &lines, front)?;
            let url = url(front, &good());
            let client = connect(&url)?;
            let proof = prove_status(&url, &[], 503)?;
            Ok(Case::url(&url, proof).keep(client).keep(nginx).keep(whole))
        },
    );
    workers(family);
}

/// No place left in nginx itself.
fn workers(family: &mut Family) {
    family.broken(
        "proxy-worker-connections",
        "nginx has as many connections as `worker_connections` allows",
        &["proxy_worker_connections"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let frame = Frame {
                connections: 16,
                ..Frame::PLAIN
            };
            let nginx = Nginx::start(
                lab,
                frame,
                &server(front, &location(whole.app.port, UPGRADE)),
                front,
            )?;
            let url = url(front, &good());
            let mut held = Vec::new();
            // Two connections of nginx for each of these; the last may get only one.
            while let Ok(client) = connect_once(&url) {
                held.push(client);
            }
            let idle: Vec<_> = (0..2)
                .map_while(|_| std::net::TcpStream::connect(("127.0.0.1", front)).ok())
                .collect();
            let proof = match handshake::answer(&url, &[], handshake::SILENCE)? {
                answer @ (Answer::Cut | Answer::Http(500, _)) => answer.words(),
                other @ (Answer::Refused | Answer::Silent | Answer::Http(..)) => {
                    return Err(not_broken("no answer", &other.words()));
                }
            };
            process::wait_for_words(
                &nginx.folder.join("error.log"),
                "worker_connections are not enough",
            )?;
            Ok(Case::url(&url, proof)
                .keep(idle)
                .keep(held)
                .keep(nginx)
                .keep(whole))
        },
    );
}

fn connect_once(url: &str) -> Outcome<handshake::Client> {
    handshake::open(url, &[])?.map_err(|answer| not_broken("101", &answer.words()))
}

fn sockets(family: &mut Family) {
    family.broken(
        "proxy-socket-missing",
        "nginx asks another socket file than uvicorn made",
        &["proxy_upstream_wrong_port"],
        |lab| socket(lab, "otro.sock", false),
    );
    family.broken(
        "proxy-socket-forbidden",
        "nginx's worker may not open uvicorn's socket file",
        &["proxy_upstream_permission"],
        |lab| {
            if !rustix::process::geteuid().is_root() {
                return Err(Failure::Lacking("a worker of another user needs root".to_owned()));
            }
            socket(lab, "app.sock", true)
        },
    );
}

fn socket(lab: &mut Lab, asked: &str, is_forbidden: bool) -> Outcome<Case> {
    let whole = Whole::shared(lab, Server::Uvicorn)?;
    let folder = lab.new_folder("run")?;
    let made = folder.join("app.sock");
    let serve = Serve::on(Server::Uvicorn, 0, &whole.redis()).and(&["--uds", &made.display().to_string()]);
    let mut app = serve.spawn(&whole.site)?;
    app.running.wait_for_file(&made)?;
    if is_forbidden {
        process::output(Command::new("chmod").arg("600").arg(&made))?;
    }
    let front = free_port()?;
    let lines = location(1, UPGRADE).replace(
        "http://127.0.0.1:1",
        &format!("http://unix:{}", folder.join(asked).display()),
    );
    let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &lines), front)?;
    let url = url(front, &good());
    let proof = prove_status(&url, &[], 502)?;
    let words = if is_forbidden {
        "(13: Permission denied)"
    } else {
        "(2: No such file or directory)"
    };
    process::wait_for_words(&nginx.folder.join("error.log"), words)?;
    Ok(Case::url(&url, format!("{proof} {words}"))
        .keep(nginx)
        .keep(app)
        .keep(whole))
}

fn sizes(family: &mut Family) {
    family.broken(
        "header-too-large",
        "a cookie of 10 KB",
        &["header_too_large"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let (url, cookie) = (
                url(whole.front, &good()),
                format!("seguimiento={}", "x".repeat(10_000)),
            );
            let proof = prove_status(&url, &[("Cookie", &cookie)], 400)?;
            Ok(Case::url(&url, proof)
                .and(&["--header", &format!("Cookie: {cookie}")])
                .keep(whole))
        },
    );
    family.broken(
        "uri-too-large",
        "an address of 10 KB",
        &["uri_too_large"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = url(whole.front, &good()) + "&estado=" + &"x".repeat(10_000);
            let proof = prove_status(&url, &[], 414)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
}
