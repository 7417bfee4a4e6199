//! The second and third: who may not enter, and what is not there.

use std::rc::Rc;

use charla_ground::Outcome;
use charla_ground::process::free_port;

use crate::jwt::Token;
use crate::lab::{KEY, Lab};
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, Way, prove_status};
use crate::stack::django::{App, Serve, Server, Settings, Site, good, url};
use crate::stack::postgres::Postgres;
use crate::stack::redis::Redis;

/// A site on PostgreSQL, where partner companies are schemas.
pub(crate) struct Tenants {
    pub(crate) postgres: Rc<Postgres>,
    _redis: Redis,
    pub(crate) app: App,
}

impl Tenants {
    /// Starts all of it, filled.
    pub(crate) fn start(lab: &mut Lab) -> Outcome<Self> {
        let postgres = Postgres::start(lab)?;
        let settings = Settings::postgres(postgres.port);
        Self::start_on(lab, postgres, &settings)
    }

    /// The same where PostgreSQL is spoken to by TLS alone.
    fn start_secure(lab: &mut Lab) -> Outcome<Self> {
        let postgres = Postgres::start_secure(lab)?;
        let settings = Settings::postgres_secure(postgres.port);
        Self::start_on(lab, postgres, &settings)
    }

    fn start_on(lab: &mut Lab, postgres: Postgres, settings: &Settings) -> Outcome<Self> {
        let postgres = Rc::new(postgres);
        let redis = Redis::start(lab, free_port()?, &[])?;
        let site = Site::furnish(lab, settings)?;
        site.run(&["seed.py"])?;
        let app = Serve::on(Server::Uvicorn, free_port()?, &redis.url()).start(&site)?;
        Ok(Self {
            postgres,
            _redis: redis,
            app,
        })
    }
}

const WAYS: [(Server, Way); 3] = [
    (Server::Uvicorn, Way::Direct),
    (Server::Uvicorn, Way::Nginx),
    (Server::Daphne, Way::Direct),
];

pub(super) fn family() -> Family {
    let mut family = Family::new("permission");
    for (kind, way) in WAYS {
        let suffix = format!("{}{}", kind.name(), way.suffix());
        family.broken(
            format!("not-a-member-{suffix}"),
            "`usuario_puede_conectar()` is False",
            &["not_a_member"],
            move |lab| {
                let whole = Whole::shared(lab, kind)?;
                let url = url(whole.port(way), &Token::of("2").sign(KEY));
                let proof = prove_status(&url, &[], 403)?;
                Ok(Case::url(&url, proof).keep(whole))
            },
        );
        family.broken(
            format!("chat-missing-{suffix}"),
            "there is no chat 777",
            &["chat_not_found"],
            move |lab| {
                let whole = Whole::shared(lab, kind)?;
                let url = url(whole.port(way), &good()).replace("/chat/5/", "/chat/777/");
                let proof = prove_status(&url, &[], 403)?;
                Ok(Case::url(&url, proof).keep(whole))
            },
        );
    }
    elsewhere(&mut family);
    family
}

/// Other pages, other tenants, and no word at all.
fn elsewhere(family: &mut Family) {
    for way in [Way::Direct, Way::Nginx] {
        family.broken(
            format!("origin-forbidden-uvicorn{}", way.suffix()),
            "a page of another site, behind AllowedHostsOriginValidator",
            &["origin_forbidden"],
            move |lab| {
                let whole = lab.shared("origin", |lab| {
                    Whole::start(lab, Server::Uvicorn, |serve| {
                        serve.module("tenants_backend.asgi_origin:application")
                    })
                })?;
                let (url, origin) = (url(whole.port(way), &good()), "https://tienda.example.org");
                let proof = prove_status(&url, &[("Origin", origin)], 403)?;
                prove_status(&url, &[], 101)?;
                Ok(Case::url(&url, proof).and(&["--origin", origin]).keep(whole))
            },
        );
    }
    family.broken(
        "origin-forbidden-daphne",
        "the same under daphne",
        &["origin_forbidden"],
        |lab| {
            let whole = lab.shared("origin-daphne", |lab| {
                Whole::start(lab, Server::Daphne, |serve| {
                    serve.module("tenants_backend.asgi_origin:application")
                })
            })?;
            let (url, origin) = (url(whole.app.port, &good()), "https://tienda.example.org");
            let proof = prove_status(&url, &[("Origin", origin)], 403)?;
            Ok(Case::url(&url, proof).and(&["--origin", origin]).keep(whole))
        },
    );
    family.broken(
        "tenant-missing",
        "`?tenant=initech` names no schema",
        &["tenant_not_found"],
        |lab| {
            let tenants = lab.shared("tenants", Tenants::start)?;
            let url = tenants.app.good() + "&tenant=initech";
            let proof = prove_status(&url, &[], 403)?;
            Ok(Case::url(&url, proof).keep(tenants))
        },
    );
    family.broken(
        "not-a-member-postgres",
        "the same as the first, with the chats in PostgreSQL",
        &["not_a_member"],
        |lab| {
            let tenants = lab.shared("tenants", Tenants::start)?;
            let url = tenants.app.url(&Token::of("2").sign(KEY));
            let proof = prove_status(&url, &[], 403)?;
            Ok(Case::url(&url, proof).keep(tenants))
        },
    );
    family.broken(
        "not-a-member-postgres-tls",
        "the same where PostgreSQL takes TLS alone (`sslmode: require`)",
        &["not_a_member"],
        |lab| {
            let tenants = Tenants::start_secure(lab)?;
            let url = tenants.app.url(&Token::of("2").sign(KEY));
            let proof = prove_status(&url, &[], 403)?;
            Ok(Case::url(&url, proof).keep(tenants))
        },
    );
    silent(family);
}

/// No word at all.
fn silent(family: &mut Family) {
    family.broken(
        "refused-in-silence",
        "the consumer closes before it accepts, and logs nothing",
        &["reject_before_accept"],
        |lab| {
            let whole = lab.shared("silence", |lab| {
                Whole::start(lab, Server::Uvicorn, |serve| serve.with("FALTA", "rechazar"))
            })?;
            let url = whole.app.good();
            let proof = prove_status(&url, &[], 403)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
}
