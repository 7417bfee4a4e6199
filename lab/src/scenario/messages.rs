//! What goes wrong once the connection is open. Most of it is over when somebody asks: then a log is read.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use charla_ground::Outcome;
use charla_ground::process::{self, Running};
use rustix::process::Signal;

use crate::handshake::{self, Then};
use crate::jwt::Token;
use crate::lab::{KEY, Lab};
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, not_broken};
use crate::stack::django::{Server, url};

/// Name, how, id, server, what the client says, and what the server's log then holds.
type Broken = (
    &'static str,
    &'static str,
    &'static [&'static str],
    Server,
    &'static str,
    &'static str,
);

const BROKEN: &[Broken] = &[
    (
        "message-not-json",
        "the client sends words instead of JSON",
        &["invalid_json"],
        Server::Uvicorn,
        "words",
        "JSONDecodeError",
    ),
    (
        "message-not-json-daphne",
        "the same under daphne",
        &["invalid_json"],
        Server::Daphne,
        "words",
        "JSONDecodeError",
    ),
    // The consumer's exception, and what led to it.
    (
        "message-without-key",
        "the client leaves out `texto`",
        &["app_exception"],
        Server::Uvicorn,
        "keyless",
        "KeyError",
    ),
    (
        "message-binary",
        "the client sends a binary frame to a JSON consumer",
        &["unsupported_data"],
        Server::Uvicorn,
        "binary",
        "No text section",
    ),
    (
        "message-invalid-utf8",
        "the client sends a text that is not UTF-8",
        &["invalid_utf8"],
        Server::Uvicorn,
        "utf8",
        "Invalid UTF-8",
    ),
    (
        "message-without-handler",
        "a group message of a type that the consumer does not know",
        &["app_exception"],
        Server::Uvicorn,
        "handlerless",
        "No handler for message type",
    ),
];

pub(super) fn family() -> Family {
    let mut family = Family::new("messages");
    for (name, how, ids, kind, said, words) in BROKEN {
        family.broken(*name, *how, ids, move |lab| {
            let whole = Whole::start(lab, *kind, |serve| serve)?;
            // daphne gives a handshake five seconds, which a busy machine may not meet.
            for _ in 0..3 {
                client(lab, &whole.app.good(), said)?;
                if process::read(whole.app.running.log()).contains(words) {
                    break;
                }
            }
            let proof = process::wait_for_words(whole.app.running.log(), words)?;
            let short: String = proof.trim().chars().take(90).collect();
            let log = whole.app.running.log().to_owned();
            Ok(Case::explain(&log, short).keep(whole))
        });
    }
    closed(&mut family);
    family
}

/// Closed by the server for what the client did.
fn closed(family: &mut Family) {
    family.broken(
        "message-too-big",
        "5,000 bytes to a server with `--ws-max-size 1000`",
        &["message_too_big"],
        |lab| {
            let whole = small(lab)?;
            let log = client(lab, &whole.app.good(), "big")?;
            let proof = process::wait_for_words(&log, "1009")?;
            Ok(Case::explain(&log, proof).keep(whole))
        },
    );
    family.broken(
        "message-too-big-live",
        "the same, tried by the doctor itself",
        &["message_too_big"],
        |lab| {
            let whole = small(lab)?;
            let log = client(lab, &whole.app.good(), "big")?;
            let proof = process::wait_for_words(&log, "1009")?;
            Ok(Case::url(&whole.app.good(), proof)
                .and(&["--message-size", "5000"])
                .keep(whole))
        },
    );
    family.broken(
        "ping-timeout",
        "a client that is frozen longer than the server's ping may wait",
        &["ping_timeout"],
        |lab| {
            let whole = Whole::start(lab, Server::Uvicorn, |serve| {
                serve.and(&["--ws-ping-interval", "1", "--ws-ping-timeout", "1"])
            })?;
            let mut running = start_client(lab, &whole.app.good(), "listen")?;
            running.wait_for_words("conectado")?;
            running.signal(Signal::STOP)?;
            std::thread::sleep(Duration::from_secs(4));
            running.signal(Signal::CONT)?;
            running.wait_for_end()?;
            let log = running.log().to_owned();
            let proof = process::wait_for_words(&log, "keepalive ping timeout")?;
            Ok(Case::explain(&log, proof).keep(whole))
        },
    );
    after_accept(family);
    loops(family);
}

/// Comes back again and again, or is never content.
fn loops(family: &mut Family) {
    family.broken(
        "reconnect-loop",
        "a page that comes back with the same expired token 200 times",
        &["token_expired"],
        |lab| {
            let whole = Whole::start(lab, Server::Uvicorn, |serve| serve)?;
            let url = whole.app.url(
                &Token {
                    expires_in: -30,
                    ..Token::of("1")
                }
                .sign(KEY),
            );
            for _ in 0..200 {
                handshake::answer(&url, &[], handshake::ANSWER_WITHIN)?;
            }
            let log = whole.app.running.log().to_owned();
            let count = process::read(&log).matches("connection rejected").count();
            Ok(Case::explain(&log, format!("{count} times 403 in the log")).keep(whole))
        },
    );
    family.broken(
        "subprotocol-mismatch",
        "the page offers a sub-protocol, and the server chooses none",
        &["subprotocol_mismatch"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = whole.app.good();
            let answer = handshake::open(&url, &[("Sec-WebSocket-Protocol", "chat.v1")])?;
            if answer.is_err() {
                return Err(not_broken("101", "a refusal"));
            }
            Ok(Case::url(&url, "101 without Sec-WebSocket-Protocol".to_owned())
                .and(&["--protocol", "chat.v1"])
                .keep(whole))
        },
    );
}

fn small(lab: &mut Lab) -> Outcome<Whole> {
    Whole::start(lab, Server::Uvicorn, |serve| {
        serve.and(&["--ws-max-size", "1000"])
    })
}

/// Closed after accept: the code and the reason arrive.
fn after_accept(family: &mut Family) {
    for kind in [Server::Uvicorn, Server::Daphne] {
        for (name, ids, token, chat, code) in [
            (
                "token-expired",
                &["token_expired"],
                Token {
                    expires_in: -30,
                    ..Token::of("1")
                },
                "5",
                4401,
            ),
            ("not-a-member", &["not_a_member"], Token::of("2"), "5", 4403),
            ("chat-missing", &["chat_not_found"], Token::of("1"), "777", 4404),
        ] {
            family.broken(
                format!("{name}-after-accept-{}", kind.name()),
                format!("closed with {code} after accept"),
                ids,
                move |lab| {
                    let whole = lab.shared(&format!("accepting-{}", kind.name()), |lab| {
                        Whole::start(lab, kind, |serve| {
                            serve.with("RECHAZO", "aceptar").with("FALTA", "aceptar")
                        })
                    })?;
                    let url =
                        url(whole.app.port, &token.sign(KEY)).replace("/chat/5/", &format!("/chat/{chat}/"));
                    let mut client =
                        handshake::open(&url, &[])?.map_err(|answer| not_broken("101", &answer.words()))?;
                    match client.watch(Duration::from_secs(5))? {
                        Then::Closed(seen, reason) if seen == code => {
                            Ok(Case::url(&url, format!("101, then {code} {reason:?}")).keep(whole))
                        }
                        other @ (Then::Open(_) | Then::Closed(..) | Then::Cut) => {
                            Err(not_broken(&code.to_string(), &format!("{other:?}")))
                        }
                    }
                },
            );
        }
    }
}

/// Runs a client to its end: its output.
fn client(lab: &mut Lab, url: &str, said: &str) -> Outcome<PathBuf> {
    let mut running = start_client(lab, url, said)?;
    running.wait_for_end()?;
    Ok(running.log().to_owned())
}

fn start_client(lab: &mut Lab, url: &str, said: &str) -> Outcome<Running> {
    let folder = lab.new_folder("client")?;
    let mut command = Command::new(&lab.python);
    command
        .arg(lab.project().join("client.py"))
        .args([url, said])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Running::start(&mut command, folder.join("client.log"))
}
