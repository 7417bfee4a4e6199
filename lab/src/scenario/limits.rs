//! nginx once more: what it has too little of, may not open, or finds too large.

use std::process::Command;

use charla_ground::process::{self, free_port};
use charla_ground::{Failure, Outcome};

use crate::handshake::{self, Answer};
use crate::lab::Lab;
use crate::scenario::redis::connect;
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, not_broken, prove_status};
use crate::stack::django::{Serve, Server, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};

pub(super) fn family() -> Family {
    let mut family = Family::new("limits");
    limits(&mut family);
    sockets(&mut family);
    sizes(&mut family);
    family
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
    leaving(family);
}

/// A reload, after which the old workers may stay for ten minutes and no longer.
fn leaving(family: &mut Family) {
    family.opens(
        "proxy-reload",
        "nginx was reloaded under an open connection, and `worker_shutdown_timeout` will cut it",
        &["proxy_reload"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let front = free_port()?;
            let frame = Frame {
                main: "worker_shutdown_timeout 10m;\n",
                ..Frame::PLAIN
            };
            let lines = server(front, &location(whole.app.port, UPGRADE));
            let mut nginx = Nginx::start(lab, frame, &lines, front)?;
            let url = url(front, &good());
            let client = connect(&url)?;
            let title = nginx.reload()?;
            let proof = format!("{}; {title}", prove_status(&url, &[], 101)?);
            Ok(Case::url(&url, proof).keep(client).keep(nginx).keep(whole))
        },
    );
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
