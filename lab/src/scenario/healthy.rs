//! Stacks that are well: a doctor has nothing to say about them.

use charla_ground::Outcome;
use charla_ground::process::free_port;

use crate::lab::Lab;
use crate::scenario::permission::Tenants;
use crate::scenario::redis::connect;
use crate::scenario::token::Whole;
use crate::scenario::{Case, Expected, Family, prove_status};
use crate::stack::charla::{self, Charla};
use crate::stack::django::{App, Serve, Server, Settings, Site, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location, server};
use crate::stack::redis::Redis;

/// A site on the layer over Redis' own channels.
struct Pubsub {
    _redis: Redis,
    app: App,
}

/// Charla with a settings file, behind nginx.
struct Fronted {
    _nginx: Nginx,
    charla: Charla,
    front: u16,
}

/// Name, how, and how to get there.
type Healthy = (&'static str, &'static str, fn(&mut Lab) -> Outcome<Case>);

const STACKS: &[Healthy] = &[
    (
        "healthy-uvicorn-nginx",
        "uvicorn and the core layer behind nginx",
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = url(whole.front, &good());
            let proof = prove_status(&url, &[], 101)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    ),
    (
        "healthy-uvicorn",
        "uvicorn itself, asked where others are connected",
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = whole.app.good();
            let others = (connect(&url)?, connect(&url)?);
            let proof = prove_status(&url, &[], 101)?;
            Ok(Case::url(&url, proof).keep(others).keep(whole))
        },
    ),
    (
        "healthy-pubsub",
        "uvicorn and the layer over Redis' own channels",
        |lab| {
            let stack = lab.shared("pubsub", |lab| {
                let redis = Redis::start(lab, free_port()?, &[])?;
                let site = Site::furnish(lab, &Settings::pubsub(&redis.url()))?;
                let app = Serve::on(Server::Uvicorn, free_port()?, "").start(&site)?;
                Ok(Pubsub { _redis: redis, app })
            })?;
            let proof = prove_status(&stack.app.good(), &[], 101)?;
            Ok(Case::url(&stack.app.good(), proof).keep(stack))
        },
    ),
    ("healthy-daphne", "daphne behind nginx", |lab| {
        let whole = Whole::shared(lab, Server::Daphne)?;
        let url = url(whole.front, &good());
        let proof = prove_status(&url, &[], 101)?;
        Ok(Case::url(&url, proof).keep(whole))
    }),
    (
        "healthy-postgres",
        "uvicorn with its chats in PostgreSQL",
        |lab| {
            let tenants = lab.shared("tenants", Tenants::start)?;
            let url = tenants.app.good() + "&tenant=acme";
            let proof = prove_status(&url, &[], 101)?;
            Ok(Case::url(&url, proof).keep(tenants))
        },
    ),
    ("healthy-charla", "Charla behind nginx", |lab| {
        let stack = lab.shared("charla", |lab| {
            let (port, front) = (free_port()?, free_port()?);
            let charla = Charla::serve(lab, port, "\n[origins]\nallow_loopback = true")?;
            let nginx = Nginx::start(lab, Frame::PLAIN, &server(front, &location(port, UPGRADE)), front)?;
            Ok(Fronted {
                _nginx: nginx,
                charla,
                front,
            })
        })?;
        let url = charla::url(stack.front, &charla::good());
        let proof = prove_status(&url, &[], 101)?;
        prove_status(&stack.charla.good(), &[], 101)?;
        Ok(Case::url(&url, proof).keep(stack))
    }),
    ("healthy-charla-demo", "`charla demo` as it comes", |lab| {
        let demo = lab.shared("demo", |lab| Charla::demo(lab, free_port()?, &[]))?;
        let url = demo.url(&demo.own_token("ana")?);
        let proof = prove_status(&url, &[], 101)?;
        Ok(Case::url(&url, proof).keep(demo))
    }),
];

/// How often each is asked.
const TIMES: usize = 3;

pub(super) fn family() -> Family {
    let mut family = Family::new("healthy");
    for time in 1..=TIMES {
        for (name, how, prepare) in STACKS {
            family.add(format!("{name}-{time}"), *how, Expected::Healthy, prepare);
        }
    }
    family
}
