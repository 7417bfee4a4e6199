//! The guide's first cause in all its variants.

use std::rc::Rc;

use charla_ground::Outcome;
use charla_ground::process::free_port;

use crate::jwt::{Algorithm, Token};
use crate::lab::{KEY, Lab};
use crate::scenario::redis::connect;
use crate::scenario::{Case, Family, Way, prove_status};
use crate::stack::django::{App, Serve, Server, Settings, Site, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::Redis;

/// Everything that a healthy site consists of, with nginx in front.
pub(crate) struct Whole {
    redis: Redis,
    pub(crate) site: Site,
    pub(crate) app: App,
    _nginx: Nginx,
    pub(crate) front: u16,
}

impl Whole {
    /// Starts all of it.
    pub(crate) fn start(lab: &mut Lab, kind: Server, change: impl FnOnce(Serve) -> Serve) -> Outcome<Self> {
        let redis = Redis::start(lab, free_port()?, &[])?;
        let site = Site::furnish(lab, &Settings::PLAIN)?;
        let app = change(Serve::on(kind, free_port()?, &redis.url())).start(&site)?;
        let front = free_port()?;
        let nginx = Nginx::start(
            lab,
            Frame::PLAIN,
            &server(front, &location(app.port, UPGRADE)),
            front,
        )?;
        Ok(Self {
            redis,
            site,
            app,
            _nginx: nginx,
            front,
        })
    }

    /// Where a handshake comes in.
    pub(crate) fn port(&self, way: Way) -> u16 {
        match way {
            Way::Direct => self.app.port,
            Way::Nginx => self.front,
        }
    }

    /// Its Redis.
    pub(crate) fn redis(&self) -> String {
        self.redis.url()
    }

    /// The healthy one of the family.
    pub(crate) fn shared(lab: &mut Lab, kind: Server) -> Outcome<Rc<Self>> {
        lab.shared(kind.name(), |lab| {
            let whole = Self::start(lab, kind, |serve| serve)?;
            // The first handshake of a daphne on a busy machine may take longer than the five seconds it gives itself.
            drop(connect(&whole.app.good())?);
            Ok(whole)
        })
    }
}

struct Variant {
    name: &'static str,
    how: &'static str,
    ids: &'static [&'static str],
    token: fn() -> String,
    ways: &'static [(Server, Way)],
}

const BOTH: &[(Server, Way)] = &[(Server::Uvicorn, Way::Direct), (Server::Daphne, Way::Direct)];
const ALL: &[(Server, Way)] = &[
    (Server::Uvicorn, Way::Direct),
    (Server::Uvicorn, Way::Nginx),
    (Server::Daphne, Way::Direct),
    (Server::Daphne, Way::Nginx),
];
const ONE: &[(Server, Way)] = &[(Server::Uvicorn, Way::Direct)];
const FRONT: &[(Server, Way)] = &[(Server::Uvicorn, Way::Nginx)];

fn of(change: impl FnOnce(&mut Token)) -> String {
    let mut token = Token::of("1");
    change(&mut token);
    token.sign(KEY)
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "token-expired",
        how: "the access token ran out 30 s ago",
        ids: &["token_expired"],
        token: || of(|token| token.expires_in = -30),
        ways: ALL,
    },
    Variant {
        name: "token-bad-signature",
        how: "signed with another key",
        ids: &["token_invalid"],
        token: || Token::of("1").sign("a-key-of-somebody-else-0123456789abcdef"),
        ways: BOTH,
    },
    Variant {
        name: "token-missing",
        how: "`?token=` is empty",
        ids: &["token_missing"],
        token: String::new,
        ways: &[
            (Server::Uvicorn, Way::Direct),
            (Server::Uvicorn, Way::Nginx),
            (Server::Daphne, Way::Direct),
        ],
    },
    Variant {
        name: "token-not-a-jwt",
        how: "something else where the JWT should be",
        ids: &["token_malformed"],
        token: || "3f9a1c0de5b74c1e9d0f".to_owned(),
        ways: BOTH,
    },
    Variant {
        name: "token-undefined",
        how: "the page had no token, and wrote `undefined` into the address",
        ids: &["token_missing"],
        token: || "undefined".to_owned(),
        ways: FRONT,
    },
    Variant {
        name: "token-cut",
        how: "the last part of the JWT got lost",
        ids: &["token_malformed"],
        token: || {
            of(|_| {})
                .rsplit_once('.')
                .map_or_else(String::new, |(kept, _)| kept.to_owned())
        },
        ways: ONE,
    },
    Variant {
        name: "token-refresh",
        how: "a refresh token where the access token belongs",
        ids: &["token_invalid"],
        token: || of(|token| token.kind = "refresh"),
        ways: BOTH,
    },
    Variant {
        name: "token-user-unknown",
        how: "a good token of a user that is not in the database",
        ids: &["user_unknown"],
        token: || Token::of("999").sign(KEY),
        ways: BOTH,
    },
    Variant {
        name: "token-user-inactive",
        how: "a good token of a user with `is_active = False`",
        ids: &["user_inactive"],
        token: || Token::of("4").sign(KEY),
        ways: &[
            (Server::Uvicorn, Way::Direct),
            (Server::Uvicorn, Way::Nginx),
            (Server::Daphne, Way::Direct),
        ],
    },
    Variant {
        name: "token-alg-none",
        how: "`alg` is `none`",
        ids: &["token_invalid"],
        token: || of(|token| token.algorithm = Algorithm::None),
        ways: ONE,
    },
    Variant {
        name: "token-other-algorithm",
        how: "the right key, but HS512",
        ids: &["token_invalid"],
        token: || of(|token| token.algorithm = Algorithm::Hs512),
        ways: ONE,
    },
    Variant {
        name: "token-not-yet-valid",
        how: "`nbf` lies ten minutes ahead",
        ids: &["token_not_yet_valid"],
        token: || of(|token| token.not_before = Some(600)),
        ways: BOTH,
    },
];

pub(super) fn family() -> Family {
    let mut family = Family::new("token");
    for variant in VARIANTS {
        for (kind, way) in variant.ways.iter().copied() {
            let name = format!("{}-{}{}", variant.name, kind.name(), way.suffix());
            family.broken(name, variant.how, variant.ids, move |lab| {
                let whole = Whole::shared(lab, kind)?;
                let url = url(whole.port(way), &(variant.token)());
                let proof = prove_status(&url, &[], 403)?;
                Ok(Case::url(&url, proof).keep(whole))
            });
        }
    }
    family.broken(
        "token-expired-wrong-path",
        "expired, on an address that lacks its slash as well",
        &["token_expired"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = url(whole.app.port, &of(|token| token.expires_in = -30)).replace("/5/?", "/5?");
            let proof = prove_status(&url, &[], 403)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
    for (kind, way, how, answers, status) in [
        (
            "raises",
            "excepcion",
            "expired, and the middleware raises instead of closing",
            "raise",
            500,
        ),
        (
            "http-401",
            "http",
            "expired, and the middleware answers 401 itself",
            "http",
            401,
        ),
    ] {
        family.broken(
            format!("token-expired-{kind}"),
            how,
            &["token_expired"],
            move |lab| {
                let whole = lab.shared(answers, |lab| {
                    Whole::start(lab, Server::Uvicorn, |serve| serve.with("RECHAZO", way))
                })?;
                let url = url(whole.app.port, &of(|token| token.expires_in = -30));
                let proof = prove_status(&url, &[], status)?;
                Ok(Case::url(&url, proof).keep(whole))
            },
        );
    }
    family
}
