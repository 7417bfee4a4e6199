//! Charla itself, broken in its own ways.

use std::rc::Rc;
use std::time::Duration;

use charla_ground::Outcome;
use charla_ground::process::{self, free_port};
use rustix::process::Signal;

use crate::handshake::{self, Answer, Then};
use crate::jwt::Token;
use crate::lab::{KEY, Lab};
use crate::scenario::{Case, Family, not_broken, prove_answer, prove_status};
use crate::stack::charla::{Charla, good, token, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::postgres::Postgres;
use crate::stack::redis::Redis;

fn shared(lab: &mut Lab) -> Outcome<Rc<Charla>> {
    lab.shared("charla", |lab| {
        let port = free_port()?;
        Charla::serve(lab, port, "")
    })
}

/// What a handshake comes to: a status, or the code of the close that follows.
fn refusal(url: &str, headers: &[(&str, &str)]) -> Outcome<String> {
    match handshake::open(url, headers)? {
        Err(Answer::Http(status, head)) if status >= 400 => Ok(Answer::Http(status, head).words()),
        Err(other) => Err(not_broken("a refusal", &other.words())),
        Ok(mut client) => match client.watch(Duration::from_secs(3))? {
            Then::Closed(code, reason) => Ok(format!("101, then {code} {reason:?}")),
            other @ (Then::Open(_) | Then::Cut) => Err(not_broken("a close", &format!("{other:?}"))),
        },
    }
}

/// Name, how, id, the token, and the chat.
type Refused = (
    &'static str,
    &'static str,
    &'static str,
    fn() -> String,
    &'static str,
);

const REFUSED: &[Refused] = &[
    (
        "charla-token-expired",
        "the access token ran out 30 s ago",
        "token_expired",
        || {
            Token {
                expires_in: -30,
                ..token("ana")
            }
            .sign(KEY)
        },
        "5",
    ),
    (
        "charla-token-bad-signature",
        "signed with another key",
        "token_invalid",
        || token("ana").sign("a-key-of-somebody-else-0123456789abcdef"),
        "5",
    ),
    (
        "charla-token-missing",
        "`?token=` is empty",
        "token_missing",
        String::new,
        "5",
    ),
    (
        "charla-token-not-a-jwt",
        "something else where the JWT should be",
        "token_malformed",
        || "3f9a1c0de5b74c1e9d0f".to_owned(),
        "5",
    ),
    (
        "charla-token-not-yet-valid",
        "`nbf` lies ten minutes ahead",
        "token_not_yet_valid",
        || {
            Token {
                not_before: Some(600),
                ..token("ana")
            }
            .sign(KEY)
        },
        "5",
    ),
    (
        "charla-not-a-member",
        "pedro is no member of the chat",
        "not_a_member",
        || token("pedro").sign(KEY),
        "5",
    ),
    (
        "charla-chat-missing",
        "there is no chat 777",
        "chat_not_found",
        good,
        "777",
    ),
];

pub(super) fn family() -> Family {
    let mut family = Family::new("charla");
    for (name, how, id, token, chat) in REFUSED {
        family.broken(*name, *how, std::slice::from_ref(id), move |lab| {
            let charla = shared(lab)?;
            let url = charla
                .url(&token())
                .replace("/chat/5/", &format!("/chat/{chat}/"));
            let proof = refusal(&url, &[])?;
            Ok(Case::url(&url, proof).keep(charla))
        });
    }
    refused(&mut family);
    away(&mut family);
    absent(&mut family);
    family
}

fn refused(family: &mut Family) {
    family.broken(
        "charla-origin-forbidden",
        "a page of another site",
        &["origin_forbidden"],
        |lab| {
            let port = free_port()?;
            let charla = Charla::serve(lab, port, "\n[origins]\nallow = [\"https://chat.example.com\"]")?;
            let (url, origin) = (charla.good(), "https://tienda.example.org");
            let proof = refusal(&url, &[("Origin", origin)])?;
            Ok(Case::url(&url, proof).and(&["--origin", origin]).keep(charla))
        },
    );
    family.broken(
        "charla-tenant-forbidden",
        "a token of one tenant on another's address",
        &["tenant_forbidden"],
        |lab| {
            let port = free_port()?;
            let charla = Charla::serve_after(lab, port, "", &["tenant", "add", "acme"])?;
            let url = charla.good().replace("tenant=demo", "tenant=acme");
            let proof = refusal(&url, &[])?;
            Ok(Case::url(&url, proof).keep(charla))
        },
    );
    family.broken(
        "charla-tenant-missing",
        "`?tenant=initech` names nobody",
        &["tenant_not_found"],
        |lab| {
            let charla = shared(lab)?;
            let token = Token {
                tenant: Some("initech"),
                ..token("ana")
            }
            .sign(KEY);
            let url = charla.url(&token).replace("tenant=demo", "tenant=initech");
            let proof = refusal(&url, &[])?;
            Ok(Case::url(&url, proof).keep(charla))
        },
    );
    family.broken(
        "charla-user-blocked",
        "ana was blocked",
        &["user_blocked"],
        |lab| {
            let port = free_port()?;
            let charla = Charla::serve_after(lab, port, "", &["user", "block", "ana"])?;
            let proof = refusal(&charla.good(), &[])?;
            Ok(Case::url(&charla.good(), proof).keep(charla))
        },
    );
    full(family);
}

/// Nobody is let in any more, or nothing gets there.
fn full(family: &mut Family) {
    family.broken(
        "charla-too-many-connections",
        "as many connections as one user may have",
        &["too_many_connections"],
        |lab| {
            let port = free_port()?;
            let charla = Charla::serve(lab, port, "\n[limits]\nconnections_per_user = 2")?;
            let url = charla.good();
            let mut held = Vec::new();
            for _ in 0..2 {
                held.push(handshake::open(&url, &[])?.map_err(|answer| not_broken("101", &answer.words()))?);
            }
            let proof = refusal(&url, &[])?;
            Ok(Case::url(&url, proof).keep(held).keep(charla))
        },
    );
    family.broken(
        "charla-no-upgrade",
        "nginx passes no headers on",
        &["proxy_no_upgrade"],
        |lab| {
            let charla = shared(lab)?;
            let front = free_port()?;
            let nginx = Nginx::start(
                lab,
                Frame::PLAIN,
                &server(front, &location(charla.port, "proxy_set_header Host $http_host;")),
                front,
            )?;
            let url = url(front, &good());
            let proof = match handshake::answer(&url, &[], handshake::ANSWER_WITHIN)? {
                Answer::Http(status, head) if status != 101 => Answer::Http(status, head).words(),
                other @ (Answer::Refused | Answer::Silent | Answer::Cut | Answer::Http(..)) => {
                    return Err(not_broken("no upgrade", &other.words()));
                }
            };
            Ok(Case::url(&url, proof).keep(nginx).keep(charla))
        },
    );
}

fn away(family: &mut Family) {
    family.broken(
        "charla-store-away",
        "its PostgreSQL is gone",
        &["store_unavailable"],
        |lab| {
            let postgres = Postgres::start(lab)?;
            let port = free_port()?;
            let charla = Charla::serve(lab, port, &format!("url = \"{}\"", postgres.url()))?;
            // Its port is open before its store is.
            prove_status(&charla.good(), &[], 101)?;
            postgres.running.signal(Signal::QUIT)?;
            process::wait_for_words(postgres.running.log(), "database system is shut down")?;
            let proof = refusal(&charla.good(), &[])?;
            Ok(Case::url(&charla.good(), proof).keep(charla).keep(postgres))
        },
    );
    family.opens(
        "charla-redis-away",
        "its Redis is gone; this node goes on alone",
        &["broker_unavailable", "redis_down"],
        |lab| {
            let redis = Redis::start(lab, free_port()?, &[])?;
            let port = free_port()?;
            let charla = Charla::serve(
                lab,
                port,
                &format!("\n[broker]\nurl = \"redis://127.0.0.1:{}\"", redis.port),
            )?;
            drop(redis);
            let proof = prove_status(&charla.good(), &[], 101)?;
            Ok(Case::url(&charla.good(), proof).keep(charla))
        },
    );
    family.opens(
        "charla-chat-closed",
        "support has closed the chat: it can be read, and nothing more is said",
        &["chat_closed"],
        |lab| {
            let port = free_port()?;
            let charla = Charla::serve_after(lab, port, "", &["chat", "close", "5"])?;
            let proof = prove_status(&charla.good(), &[], 101)?;
            Ok(Case::url(&charla.good(), proof).keep(charla))
        },
    );
}

fn absent(family: &mut Family) {
    family.broken(
        "charla-down",
        "nothing serves the address",
        &["server_down"],
        |lab| {
            lab.clear();
            let url = url(free_port()?, &good());
            let proof = prove_answer(&url, &Answer::Refused)?;
            Ok(Case::url(&url, proof))
        },
    );
    family.broken(
        "charla-down-nginx",
        "the same behind nginx",
        &["server_down"],
        |lab| {
            lab.clear();
            let front = free_port()?;
            let nginx = Nginx::start(
                lab,
                Frame::PLAIN,
                &server(front, &location(free_port()?, UPGRADE)),
                front,
            )?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 502)?;
            Ok(Case::url(&url, proof).keep(nginx))
        },
    );
    family.broken(
        "charla-other-port",
        "it listens on another port than the page asks",
        &["server_wrong_port"],
        |lab| {
            let charla = shared(lab)?;
            let url = url(free_port()?, &good());
            let proof = prove_answer(&url, &Answer::Refused)?;
            Ok(Case::url(&url, proof).keep(charla))
        },
    );
    family.broken(
        "charla-frozen",
        "stopped in its tracks",
        &["server_frozen"],
        |lab| {
            let port = free_port()?;
            let charla = Charla::serve(lab, port, "")?;
            charla.running.signal(Signal::STOP)?;
            let proof = prove_answer(&charla.good(), &Answer::Silent)?;
            Ok(Case::url(&charla.good(), proof).keep(charla))
        },
    );
}
